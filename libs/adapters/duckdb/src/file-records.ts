// The records of event files as JSON texts, in file order: what a producer would have sent. The log's decoder reads them as the batch engine
// reads the files, and refuses the same ones.
import { didYouMean } from '@tidemark/feature-schema/did-you-mean'
import type { FieldDefinition } from '@tidemark/feature-schema/definition'
import type { EventInput } from '@tidemark/ports/batch-engine'
import type { FileRecords } from '@tidemark/ports/record-reader'
import { CSV_REASON_SQL, CSV_REJECTS_TABLE, readCsv } from './csv-file.ts'
import { coded, type DuckDb, type DuckDbSession } from './duckdb-session.ts'
import { fieldValueSql } from './field-sql.ts'
import { expandPaths, parquetScans, unreadable, type FileScan } from './input-files.ts'
import { quoteText } from './sql-text.ts'

type FileInput = Extract<EventInput, { kind: 'files' }>

/** Throws INPUT_UNREADABLE. */
export async function* readFileRecords(database: DuckDb, input: EventInput): AsyncGenerator<FileRecords> {
  if (input.kind !== 'files' || input.format === 'ndjson') throw coded('INPUT_UNREADABLE', 'Only CSV and Parquet files can be read record by record.', input.source.name, 'Convert the events to one of them.')
  const paths = expandPaths(input.paths)
  await using session = await database.openSession()
  if (input.format === 'csv') {
    for (const path of paths) yield* csvRecords(session, input, path)
    return
  }
  const scans: FileScan[] = []
  for (const path of paths) scans.push(...(await parquetScans(session, [path])))
  for (const scan of scans) {
    const file = scan.paths[0]!
    try {
      for await (const some of streamRecords(session, `SELECT ${recordColumns(input, scan).join(', ')} FROM ${scan.relation}`)) yield { file, ...some }
    } catch (error) {
      unreadable(session, error, file, 'Parquet')
    }
  }
}

/** Lines that are no record keep their place: nothing that a decoder accepts stands there. */
async function* csvRecords(session: DuckDbSession, input: FileInput, path: string): AsyncGenerator<FileRecords> {
  const table = `${session.schema}.file_records`
  await session.run(`DROP TABLE IF EXISTS ${table}`)
  await readCsv(session, path, (scan) => session.run(`CREATE TABLE ${table} AS SELECT ${recordColumns(input, scan).join(', ')} FROM ${scan.relation}`))
  // `line` counts records, the header being the first.
  const lines = await session.rows(`SELECT line - 2 AS at, any_value(${CSV_REASON_SQL}) AS reason FROM ${CSV_REJECTS_TABLE} GROUP BY line ORDER BY line`)
  const skipped = lines.map(({ at, reason }) => ({ at: Number(at), value: JSON.stringify({ unreadable_line: String(reason) }) }))
  let count = 0
  for await (const { values, appendTimesMs } of streamRecords(session, `SELECT * FROM ${table} ORDER BY rowid`)) {
    const [allValues, allTimesMs]: [string[], (number | null)[]] = [[], []]
    const add = (value: string, timeMs: number | null): void => {
      allValues.push(value)
      allTimesMs.push(timeMs)
      count++
    }
    for (const [i, value] of values.entries()) {
      while (skipped[0]?.at === count) add(skipped.shift()!.value, null)
      add(value, appendTimesMs[i]!)
    }
    yield { file: path, values: allValues, appendTimesMs: allTimesMs }
  }
  if (skipped.length > 0) yield { file: path, values: skipped.map(({ value }) => value), appendTimesMs: skipped.map(() => null) }
}

async function* streamRecords(session: DuckDbSession, sql: string): AsyncGenerator<Omit<FileRecords, 'file'>> {
  for await (const { chunk } of session.chunks(sql)) {
    const [values, times] = [chunk.getColumnVector(0), chunk.getColumnVector(1)]
    yield {
      values: Array.from({ length: chunk.rowCount }, (_, i) => values.getItem(i) as string),
      appendTimesMs: Array.from({ length: chunk.rowCount }, (_, i) => times.getItem(i) as number | null),
    }
  }
}

/** SQL of two columns: a record as JSON text, and its append time as a double. */
function recordColumns({ source, columns = {} }: FileInput, scan: FileScan): [record: string, appendTime: string] {
  const fields = source.fields.filter(({ name }) => scan.columnTypes.has(name))
  const appendTime = columns.appendTime ?? source.appendTime
  const appendType = appendTime === undefined ? undefined : scan.columnTypes.get(appendTime)
  if (appendTime !== undefined && appendType === undefined) throw coded('INPUT_UNREADABLE', `It has no column ${appendTime}, which the log's own times are read from.`, scan.paths[0]!, didYouMean(appendTime, [...scan.columnTypes.keys()]))
  const appendSql = appendType === undefined ? null : fieldValueSql('timestamp', scan.rawColumn(appendTime!), appendType)
  const pairs = fields.map((field) => `${quoteText(field.name)}, ${jsonSql(field, scan)}`)
  return [`json_object(${pairs.join(', ')})::VARCHAR`, `(${appendSql ?? 'NULL'})::DOUBLE`]
}

/** What the decoder reads as the field's value; else the text that stands there, for it to refuse. */
function jsonSql({ name, type }: FieldDefinition, scan: FileScan): string {
  const raw = scan.rawColumn(name)
  const value = fieldValueSql(type, raw, scan.columnTypes.get(name)!)
  if (value === null) return `to_json(${raw}::VARCHAR)`
  const json = type === 'int64' ? `CASE WHEN abs((${value})::HUGEINT) > ${Number.MAX_SAFE_INTEGER} THEN to_json((${value})::VARCHAR) ELSE to_json(${value}) END` : `to_json(${value})`
  // A double that is not finite is NULL, not wrong.
  const isNothing = type === 'double' ? `${raw} IS NULL OR NOT isfinite(coalesce(TRY_CAST(${raw} AS DOUBLE), 0))` : `${raw} IS NULL`
  return `CASE WHEN (${value}) IS NOT NULL THEN ${json} WHEN ${isNothing} THEN NULL ELSE to_json(${raw}::VARCHAR) END`
}
