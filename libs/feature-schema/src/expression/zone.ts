// Time zones as a table of the moments where the offset from UTC changes, read once from the JavaScript runtime's zone database.
// The SQL is made from the same table, so that two engines cannot disagree, whatever database DuckDB was built with.

/** The table's reach. Earlier times have the offset of its start, later ones that of its end. */
export const ZONE_TABLE_FROM_MS = Date.UTC(1900, 0, 1)
export const ZONE_TABLE_TO_MS = Date.UTC(2100, 0, 1)
/** No zone changes its offset and changes it back within less. */
const PROBE_STEP_MS = 7 * 86_400_000

/** `offsetsMs[i]` (wall clock minus UTC) holds before `changesMs[i]`, and the last one from the last change on. */
export interface OffsetTable {
  readonly changesMs: readonly number[]
  readonly offsetsMs: readonly number[]
}

export interface Zone {
  /** By moments of UTC. */
  readonly byUtc: OffsetTable
  /**
   * By wall-clock times: the offset to subtract. A wall-clock time that comes twice means the first one; one that is left out
   * means as much after the change as it lies after the last wall-clock time before it.
   */
  readonly byWall: OffsetTable
}

const zones = new Map<string, Zone>([['UTC', { byUtc: constant(0), byWall: constant(0) }]])

/** The zone of an IANA name (`America/Chicago`) or an offset (`+05:30`), or null when there is no such zone. */
export function zoneNamed(name: string): Zone | null {
  const known = zones.get(name)
  if (known) return known
  const clock = wallClock(name)
  if (!clock) return null
  const byUtc = offsetTable(clock)
  const byWall = {
    changesMs: byUtc.changesMs.map((at, i) => at + Math.max(byUtc.offsetsMs[i]!, byUtc.offsetsMs[i + 1]!)),
    offsetsMs: byUtc.offsetsMs,
  }
  const zone = { byUtc, byWall }
  zones.set(name, zone)
  return zone
}

/** The wall-clock time of a moment, as milliseconds since 1970-01-01T00:00 on that clock. */
export function toWall(zone: Zone, utcMs: number): number {
  return utcMs + offsetAt(zone.byUtc, utcMs)
}

export function fromWall(zone: Zone, wallMs: number): number {
  return wallMs - offsetAt(zone.byWall, wallMs)
}

function offsetAt(table: OffsetTable, ms: number): number {
  const { changesMs, offsetsMs } = table
  let low = 0
  let high = changesMs.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (ms < changesMs[middle]!) high = middle
    else low = middle + 1
  }
  return offsetsMs[low]!
}

/** SQL for the offset at the BIGINT `ms`: a binary search written out. */
export function offsetSql(table: OffsetTable, ms: string): string {
  const search = (low: number, high: number): string => {
    if (low === high) return `${table.offsetsMs[low]!}`
    const middle = (low + high) >> 1
    return `CASE WHEN ${ms} < ${table.changesMs[middle]!} THEN ${search(low, middle)} ELSE ${search(middle + 1, high)} END`
  }
  return `(${search(0, table.changesMs.length)})`
}

function offsetTable(wallClockOf: (utcMs: number) => number): OffsetTable {
  const offsetAtMs = (utcMs: number): number => wallClockOf(utcMs) - utcMs
  const changesMs: number[] = []
  const offsetsMs = [offsetAtMs(ZONE_TABLE_FROM_MS)]
  for (let at = ZONE_TABLE_FROM_MS; at < ZONE_TABLE_TO_MS;) {
    const before = offsetsMs.at(-1)!
    const next = Math.min(at + PROBE_STEP_MS, ZONE_TABLE_TO_MS)
    if (offsetAtMs(next) === before) {
      at = next
      continue
    }
    at = firstOtherMs(at, next, (ms) => offsetAtMs(ms) !== before)
    changesMs.push(at)
    offsetsMs.push(offsetAtMs(at))
  }
  return { changesMs, offsetsMs }
}

/** The first whole second in (from, to] where `isOther`; it holds at `to`, not at `from`. */
function firstOtherMs(from: number, to: number, isOther: (ms: number) => boolean): number {
  let [low, high] = [from / 1000, to / 1000]
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (isOther(middle * 1000)) high = middle
    else low = middle
  }
  return high * 1000
}

/** Reads a zone's clock at whole seconds from 1900 on, or null when the runtime knows no such zone. */
function wallClock(zone: string): ((utcMs: number) => number) | null {
  let format: Intl.DateTimeFormat
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
  } catch (error) {
    if (error instanceof RangeError) return null
    throw error
  }
  return (utcMs) => {
    const [month, day, year, hour, minute, second] = format.format(utcMs).split(/\D+/).map(Number)
    return Date.UTC(year!, month! - 1, day!, hour!, minute!, second!)
  }
}

function constant(offsetMs: number): OffsetTable {
  return { changesMs: [], offsetsMs: [offsetMs] }
}
