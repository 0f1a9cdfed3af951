// Functions of timestamps, on the wall clock of a time zone (UTC where none is named). The zone's offsets come from one table
// for both engines; DuckDB's own date functions, which the differential suite holds to the calendar's, do the rest.

import {
  dayOf,
  dayOfWeek,
  dayOfYear,
  hourOf,
  minuteOf,
  monthOf,
  secondOf,
  startOfUnit,
  TIME_UNITS,
  type TimeUnit,
  weekOf,
  yearOf,
} from './calendar.ts'
import type { ExpressionFunction } from './functions.ts'
import { TIMESTAMP_MAX_MS, TIMESTAMP_MIN_MS } from '../limits.ts'
import { overload } from './overload.ts'
import { type SqlNames, timestampInRange } from './sql-text.ts'
import { fromWall, offsetSql, toWall, type Zone, zoneNamed } from './zone.ts'

const exact = { mayBeNull: false }
const partial = { mayBeNull: true }

export const TIME_FUNCTIONS: readonly ExpressionFunction[] = [
  timePart('year', yearOf, 'year'),
  timePart('month', monthOf, 'month'),
  timePart('day', dayOf, 'day'),
  timePart('hour', hourOf, 'hour'),
  timePart('minute', minuteOf, 'minute'),
  timePart('second', secondOf, 'second'),
  timePart('dayOfWeek', dayOfWeek, 'isodow'),
  timePart('dayOfYear', dayOfYear, 'dayofyear'),
  timePart('week', weekOf, 'week'),
  {
    name: 'startOf',
    overloads: [
      overload(
        ['timestamp', 'unit'],
        'timestamp',
        partial,
        (ms, unit) => startOf(ms, unit, 'UTC'),
        ([ms, unit], names) => startOfSql(names, ms!, unit!, 'UTC'),
      ),
      overload(['timestamp', 'unit', 'zone'], 'timestamp', partial, startOf, ([ms, unit, zone], names) =>
        startOfSql(names, ms!, unit!, zone!),
      ),
    ],
  },
]

export function isTimeUnit(name: string): name is TimeUnit {
  return (TIME_UNITS as readonly string[]).includes(name)
}

function timePart(name: string, evaluate: (wallMs: number) => number, sqlName: string): ExpressionFunction {
  return {
    name,
    overloads: [
      overload(['timestamp'], 'int32', exact, evaluate, ([ms]) => `${sqlName}(epoch_ms(${ms}))`),
      overload(
        ['timestamp', 'zone'],
        'int32',
        exact,
        (ms, zone) => evaluate(toWall(checkedZone(zone), ms)),
        ([ms, zone], names) => `${sqlName}(epoch_ms(${wallSql(names, checkedZone(zone!), ms!)}))`,
      ),
    ],
  }
}

/**
 * Units shorter than a day start at the moment's own offset, so that the hour that comes twice starts twice. Longer ones start
 * where the wall clock first shows their first time, or would have.
 */
function startOf(ms: number, unit: string, zoneName: string): number | null {
  const zone = checkedZone(zoneName)
  const wallMs = toWall(zone, ms)
  const startMs = startOfUnit(wallMs, unit as TimeUnit)
  const start = isShort(unit) ? ms - (wallMs - startMs) : fromWall(zone, startMs)
  return start >= TIMESTAMP_MIN_MS && start <= TIMESTAMP_MAX_MS ? start : null
}

function startOfSql(names: SqlNames, ms: string, unit: string, zoneName: string): string {
  const zone = checkedZone(zoneName)
  const start = (wall: string): string => `epoch_ms(date_trunc('${unit}', epoch_ms(${wall})))`
  return timestampInRange(
    names,
    isShort(unit)
      ? names.bind(ms, (v) => names.bind(wallSql(names, zone, v), (wall) => `(${v} - (${wall} - ${start(wall)}))`))
      : names.bind(start(wallSql(names, zone, ms)), (wall) => `(${wall} - ${offsetSql(zone.byWall, wall)})`),
  )
}

function wallSql(names: SqlNames, zone: Zone, ms: string): string {
  return names.bind(ms, (v) => `(${v} + ${offsetSql(zone.byUtc, v)})`)
}

function isShort(unit: string): boolean {
  return unit === 'hour' || unit === 'minute' || unit === 'second'
}

/** The checker has refused names of no zone. */
function checkedZone(name: string): Zone {
  const zone = zoneNamed(name)
  if (!zone) throw new Error(`no time zone ${name}`)
  return zone
}
