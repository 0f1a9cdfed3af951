// The batch engine for tests and the simulation: every event in memory, every group a filter. It is what the contract says,
// written the shortest way, and so the second opinion on an engine that is fast.
import { TidemarkError } from '@tidemark/feature-schema/errors'
import { VALUE_READERS } from '@tidemark/feature-schema/accepted-value'
import type { Value } from '@tidemark/feature-schema/value'
import type {
  AsOfQuery, AsOfResult, AsOfWindow, BatchEngine, LadderGrouping, Measure, MeasureStream, PaneQuery, PaneResult, RowsInput,
} from '@tidemark/ports/batch-engine'
import { columnBatches, type PlainRow } from './column-batches.ts'
import { groupMeasure, isOneRowMeasure, measureColumns, type BoundMeasure } from './group-measures.ts'
import { paneOf } from './pane-of.ts'
import type { LogEvent } from './read-events.ts'
import { keyText, selectEvents, type Compile } from './select-events.ts'

export interface MemoryBatchEngineOptions {
  /** Rows a batch; small, to make a reader cross batches. */
  readonly batchRowCount?: number
}

/** A batch engine that reads `records` and NDJSON files, and rows as `records`. */
export function createMemoryBatchEngine({ batchRowCount = 1_000 }: MemoryBatchEngineOptions = {}): BatchEngine {
  return {
    groupPanes: (query) => groupPanes(query, batchRowCount),
    groupAsOf: (query) => groupAsOf(query, batchRowCount),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

/** Events that are measured together, under the group columns that name them. */
interface Group {
  readonly columns: PlainRow
  readonly events: readonly LogEvent[]
}

async function groupPanes(query: PaneQuery, batchRowCount: number): Promise<PaneResult> {
  const { entities: byKey, report, compile } = await selectEvents(query)
  const entities = [...byKey.values()].map(({ keys, events }, entity) => ({
    keys, events, entity, logTimeMs: events.reduce((newest, { appendTimeMs }) => Math.max(newest, appendTimeMs), -Infinity),
  }))
  const panesOf = ({ rungs }: LadderGrouping): Group[] =>
    entities.flatMap(({ entity, events, logTimeMs }) => {
      const panes = Map.groupBy(events, ({ eventTimeMs }) => {
        const pane = paneOf(rungs, eventTimeMs, logTimeMs)
        return pane && `${pane.rung} ${pane.startMs}`
      })
      panes.delete(null)
      return [...panes].map(([pane, inside]) => {
        const [rung, start] = pane!.split(' ').map(Number)
        return { columns: { entity, rung: rung!, start: start! }, events: inside }
      })
    })
  const keyNames = query.keys.map((_, i) => `key_${i}`)
  const rows = entities.map(({ entity, keys, logTimeMs, events }) => ({ entity, ...keyColumns(keys), logTimeMs, eventCount: events.length }))
  return {
    report,
    entityCount: entities.length,
    entities: columnBatches(['entity', ...keyNames, 'logTimeMs', 'eventCount'], rows, batchRowCount),
    streams: query.ladders.flatMap((ladder, i) =>
      measureStreams(i, ladder.measures, compile, ['entity', 'rung', 'start'], panesOf(ladder), batchRowCount),
    ),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

async function groupAsOf(query: AsOfQuery, batchRowCount: number): Promise<AsOfResult> {
  const { entities, report, compile } = await selectEvents(query)
  const rows = recordsOf(query.rows).map((record, row) => {
    const read = (column: string, type: keyof typeof VALUE_READERS): Value => VALUE_READERS[type](record[column]) ?? null
    const keys = query.keys.map(({ key, type }) => read(query.rowKeys[key] ?? key, type))
    return { row, timeMs: read(query.rows.timeColumn, 'timestamp') as number | null, keys }
  })
  const groupsOf = (window: AsOfWindow): Group[] =>
    rows.map(({ row, timeMs, keys }) => {
      const events = timeMs === null ? [] : (entities.get(keyText(keys))?.events ?? [])
      return { columns: { row }, events: events.filter((event) => isSeen(query, window, event, timeMs!)) }
    })
  const keyNames = query.keys.map((_, i) => `key_${i}`)
  return {
    report,
    rowCount: rows.length,
    rows: columnBatches(['row', 'timeMs', ...keyNames], rows.map(({ row, timeMs, keys }) => ({ row, timeMs, ...keyColumns(keys) })), batchRowCount),
    streams: query.windows.flatMap((window, i) => {
      const groups = groupsOf(window)
      return [...measureStreams(i, window.measures, compile, ['row'], groups, batchRowCount), ...instantsStreams(i, window, compile, groups, batchRowCount)]
    }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

/** Law 4: known before t less the source's delay, where that is asked for, and at an event time in [tail, t). */
function isSeen({ knownAt, input }: AsOfQuery, { lengthMs, resolutionMs }: AsOfWindow, event: LogEvent, timeMs: number): boolean {
  const isKnown = knownAt === 'event' || event.knownMs < timeMs - input.source.delayMs
  const tailMs = lengthMs === null || resolutionMs === null ? -Infinity : Math.floor((timeMs - lengthMs) / resolutionMs) * resolutionMs
  return isKnown && event.eventTimeMs >= tailMs && event.eventTimeMs < timeMs
}

function instantsStreams(ladder: number, { measures, instants = [] }: AsOfWindow, compile: Compile, groups: readonly Group[], batchRowCount: number): MeasureStream[] {
  return instants.map(({ where, countMax }, i) => {
    const isCounted = where && compile(where)
    const rows = groups.map(({ columns, events }) => {
      const counted = events.filter(({ row }) => isCounted === null || isCounted(row) === true)
      return { ...columns, n: new Set(counted.map(({ eventTimeMs }) => eventTimeMs)).size }
    })
    return { ladder, measures: [measures.length + i], batches: columnBatches(['row', 'n'], rows.filter(({ n }) => n > countMax), batchRowCount) }
  })
}

/** A stream for all one-row measures together, and one for each of the others. */
function measureStreams(
  ladder: number,
  measures: readonly Measure[],
  compile: Compile,
  groupColumns: readonly string[],
  groups: readonly Group[],
  batchRowCount: number,
): MeasureStream[] {
  const bound = measures.map((measure, index): IndexedMeasure => ({
    index,
    measure,
    of: measure.of && compile(measure.of),
    where: measure.where && compile(measure.where),
    groupBy: measure.groupBy && compile(measure.groupBy),
  }))
  const shared = bound.filter(({ measure }) => isOneRowMeasure(measure))
  const streams = shared.length > 1 ? [shared, ...bound.filter((one) => !shared.includes(one)).map((one) => [one])] : bound.map((one) => [one])
  return streams.map((own) => {
    const columns = own.length === 1 ? measureColumns(own[0]!.measure) : own.flatMap(({ measure, index }) => measureColumns(measure).map((name) => `m${index}_${name}`))
    const rows = groups.flatMap((group) => rowsOfGroup(own, group.events).map((row) => ({ ...group.columns, ...row })))
    return { ladder, measures: own.map(({ index }) => index), batches: columnBatches([...groupColumns, ...columns], rows, batchRowCount) }
  })
}

interface IndexedMeasure extends BoundMeasure {
  readonly index: number
}

/** The rows of one measure; of several one-row measures, their rows as one. */
function rowsOfGroup(measures: readonly IndexedMeasure[], events: readonly LogEvent[]): PlainRow[] {
  if (measures.length === 1) return groupMeasure(measures[0]!, events)
  const entries = measures.flatMap((bound) =>
    groupMeasure(bound, events).flatMap((row) => Object.entries(row).map(([name, value]) => [`m${bound.index}_${name}`, value] as const)),
  )
  return entries.length === 0 ? [] : [Object.fromEntries(entries)]
}

function keyColumns(keys: readonly Value[]): PlainRow {
  return Object.fromEntries(keys.map((key, i) => [`key_${i}`, key]))
}

function recordsOf(rows: RowsInput): readonly Readonly<Record<string, unknown>>[] {
  if (rows.format === 'records') return rows.records
  throw new TidemarkError([{
    code: 'INPUT_UNREADABLE', where: rows.path, message: `The in-memory engine does not read ${rows.format}.`, action: 'Give it the rows as records.',
  }])
}
