// The batch engine on DuckDB. A query has a session of its own: its events are loaded, filtered and numbered into tables, and each
// stream of its result is a grouping of them that runs once it is read.
import type { BatchEngine, MeasureStream, PaneQuery, PaneResult, RowsWriter, TableReader } from '@tidemark/ports/batch-engine'
import type { RecordReader } from '@tidemark/ports/record-reader'
import { groupAsOf } from './as-of.ts'
import { queryBatches } from './column-batches.ts'
import { readFileRecords } from './file-records.ts'
import { openDuckDb, type DuckDb, type DuckDbLimits } from './duckdb-session.ts'
import { paneEventsSql, paneRowsSql, shareQueries } from './pane-sql.ts'
import { selectEvents } from './selection-sql.ts'
import { readQuestions } from './as-of-rows.ts'
import { readTable } from './table-reader.ts'
import { writeRows } from './training-writer.ts'

/**
 * An engine on an in-memory database that keeps to `limits`. Dispose it to end what runs and to remove what was spilled.
 * Queries throw INPUT_UNREADABLE for files that cannot be read, OUTPUT_FAILED where memory and disk run out.
 */
export async function createDuckDbBatchEngine(limits: DuckDbLimits = {}): Promise<BatchEngine & RowsWriter & TableReader & RecordReader> {
  const database = await openDuckDb(limits)
  return {
    groupPanes: (query, signal) => groupPanes(database, query, signal),
    groupAsOf: (query) => groupAsOf(database, query),
    writeRows: (rows, output) => writeRows(database, rows, output),
    readTable: (table) => readTable(database, table),
    readRecords: (input) => readFileRecords(database, input),
    readQuestions: (rows, keys) => readQuestions(database, rows, keys),
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  }
}

async function groupPanes(database: DuckDb, query: PaneQuery, signal: AbortSignal | undefined): Promise<PaneResult> {
  await using cleanUp = new AsyncDisposableStack()
  const session = cleanUp.use(await database.openSession(signal))
  const { selected, entities, entityCount, report, bind } = await selectEvents(session, query, {
    measures: query.ladders.flatMap(({ measures }) => measures),
    times: [],
  })
  const streams: MeasureStream[] = []
  for (const [ladder, { rungs, measures }] of query.ladders.entries()) {
    const bound = measures.map(bind)
    const shared = shareQueries(bound)
    let events = paneEventsSql(rungs, bound, selected, entities)
    if (shared.length > 1) {
      const table = `${session.schema}.ladder_${ladder}`
      await session.run(`CREATE TABLE ${table} AS FROM ${events}`)
      events = table
    }
    for (const each of shared) {
      streams.push({ ladder, measures: each.map(({ index }) => index), batches: queryBatches(session, paneRowsSql(each, events)) })
    }
  }
  const keys = query.keys.map((_, i) => `key_${i}`)
  const entitiesSql = `SELECT entity::DOUBLE AS entity, ${keys.join(', ')}, log_time::DOUBLE AS "logTimeMs", event_count::DOUBLE AS "eventCount" FROM ${entities} ORDER BY ${entities}.entity`
  const owned = cleanUp.move()
  return {
    report,
    entityCount,
    entities: queryBatches(session, entitiesSql),
    streams,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
