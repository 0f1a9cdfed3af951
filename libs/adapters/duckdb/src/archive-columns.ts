// The columns of a Parquet segment, version 1; a row is a record, in the order of offsets. `$` begins no field's name. The version is in
// the file's key-value metadata, as `tidemark.segment`.
//
//   $partition, $offset, $epoch      BIGINT
//   $append_time, $known_time        TIMESTAMP, UTC; the append time is the log's, or the declared one
//   $logged_time                     TIMESTAMP; the log's append time where another was declared, else NULL
//   $key, $value                     BLOB, the record's own bytes
//   $headers                         VARCHAR, a JSON object of base64 texts; NULL: none
//   $rejection                       VARCHAR, why the record was rejected; NULL: it was not
//   the source's fields by name      BOOLEAN, INTEGER, BIGINT, DOUBLE, VARCHAR, TIMESTAMP; all NULL where the record was rejected

import { BIGINT, BLOB, BOOLEAN, DOUBLE, DuckDBBlobValue, DuckDBDataChunk, VARCHAR, type DuckDBType, type DuckDBValue } from '@duckdb/node-api'
import type { FieldDefinition, SourceDefinition } from '@tidemark/feature-schema/definition'
import type { Value } from '@tidemark/feature-schema/value'
import type { ArchivedRecord, SegmentContents } from '@tidemark/ports/archive-format'
import type { LogColumnNames } from '@tidemark/ports/batch-engine'
import type { DuckDbSession } from './duckdb-session.ts'
import { quoteName } from './sql-text.ts'

export const SEGMENT_VERSION = 1
export const SEGMENT_VERSION_KEY = 'tidemark.segment'

/** What an engine finds the log's knowledge by. */
export const SEGMENT_LOG_COLUMNS = {
  appendTime: '$append_time', partition: '$partition', offset: '$offset', knownTime: '$known_time', epoch: '$epoch',
} satisfies LogColumnNames

/** DuckDB takes at most so many rows a chunk. */
const CHUNK_ROWS = 2048

/** A column as it is appended, which is cheapest for JavaScript, and as it is written. */
interface SegmentColumn {
  readonly name: string
  readonly staged: DuckDBType
  readonly sql: (column: string) => string
  readonly valueOf: (record: ArchivedRecord) => DuckDBValue
}

const timestampSql = (column: string): string => `make_timestamp(${column}::BIGINT * 1000)`
const bigintSql = (column: string): string => `${column}::BIGINT`
const asItIs = (column: string): string => column

/** Appends the records to a table of the session, and gives back the SELECT of a segment's columns from it. */
export async function stageSegment(session: DuckDbSession, { source, partition, epoch, records }: SegmentContents): Promise<string> {
  const all = [...recordColumns(), ...source.fields.map((field, i) => fieldColumn(field, i, records))]
  // A column without a value, as keys and headers mostly are, is not worth its way through the appender.
  const columns = all.filter(({ valueOf }) => records.some((record) => valueOf(record) !== null))
  await session.run(`CREATE TABLE ${session.schema}.segment (${columns.map(({ staged }, i) => `c${i} ${String(staged)}`).join(', ')})`)
  const appender = await session.connection.createAppender('segment', session.schema)
  try {
    for (let from = 0; from < records.length; from += CHUNK_ROWS) {
      const some = records.slice(from, from + CHUNK_ROWS)
      const chunk = DuckDBDataChunk.create(columns.map(({ staged }) => staged), some.length)
      for (const [i, { valueOf }] of columns.entries()) chunk.setColumnValues(i, some.map(valueOf))
      appender.appendDataChunk(chunk)
    }
  } finally {
    appender.closeSync()
  }
  const constants = [`${partition}::BIGINT AS ${quoteName('$partition')}`, `${epoch}::BIGINT AS ${quoteName('$epoch')}`]
  const stagedAs = (column: SegmentColumn): string => (columns.includes(column) ? `c${columns.indexOf(column)}` : `NULL::${String(column.staged)}`)
  return `SELECT ${[...constants, ...all.map((column) => `${column.sql(stagedAs(column))} AS ${quoteName(column.name)}`)].join(', ')} FROM ${session.schema}.segment`
}

function recordColumns(): SegmentColumn[] {
  return [
    { name: '$offset', staged: DOUBLE, sql: bigintSql, valueOf: ({ record }) => record.offset },
    { name: '$append_time', staged: DOUBLE, sql: timestampSql, valueOf: ({ appendTimeMs }) => appendTimeMs },
    { name: '$known_time', staged: DOUBLE, sql: timestampSql, valueOf: ({ knownTimeMs }) => knownTimeMs },
    { name: '$logged_time', staged: DOUBLE, sql: timestampSql, valueOf: ({ record, appendTimeMs }) => (record.appendTimeMs === appendTimeMs ? null : record.appendTimeMs) },
    { name: '$key', staged: BLOB, sql: asItIs, valueOf: ({ record }) => blobOf(record.key) },
    { name: '$value', staged: BLOB, sql: asItIs, valueOf: ({ record }) => blobOf(record.value) },
    { name: '$headers', staged: VARCHAR, sql: asItIs, valueOf: ({ record }) => headersText(record.headers) },
    { name: '$rejection', staged: VARCHAR, sql: asItIs, valueOf: ({ rejection }) => rejection },
  ]
}

function fieldColumn({ name, type }: FieldDefinition, index: number, records: readonly ArchivedRecord[]): SegmentColumn {
  const valueOf = ({ row }: ArchivedRecord): Value => (row === null ? null : row[index]!)
  switch (type) {
    case 'boolean':
      return { name, staged: BOOLEAN, sql: asItIs, valueOf }
    case 'int32':
      return { name, staged: DOUBLE, sql: (column) => `${column}::INTEGER`, valueOf }
    case 'int64': {
      if (!records.some((record) => typeof valueOf(record) === 'bigint')) return { name, staged: DOUBLE, sql: bigintSql, valueOf }
      const bigintOf = (value: Value): bigint | null => (value === null ? null : BigInt(value))
      return { name, staged: BIGINT, sql: asItIs, valueOf: (record) => bigintOf(valueOf(record)) }
    }
    case 'double':
      return { name, staged: DOUBLE, sql: asItIs, valueOf }
    case 'string':
      return { name, staged: VARCHAR, sql: asItIs, valueOf }
    case 'timestamp':
      return { name, staged: DOUBLE, sql: timestampSql, valueOf }
  }
}

export interface ReadSegment {
  readonly partition: number
  readonly epoch: number
  readonly records: readonly ArchivedRecord[]
}

/** A Parquet file of this version, in SQL; the source is the one that it was written for, null: rows are not asked for. */
export async function readSegment(session: DuckDbSession, path: string, source: SourceDefinition | null): Promise<ReadSegment> {
  const fields = source?.fields ?? []
  const columns = [
    ...['$partition', '$epoch', '$offset'].map(quoteName),
    ...['$append_time', '$known_time', '$logged_time'].map((name) => `epoch_ms(${quoteName(name)}) AS ${quoteName(name)}`),
    ...['$key', '$value', '$headers', '$rejection'].map(quoteName),
    ...fields.map(({ name, type }, i) => `${type === 'timestamp' ? `epoch_ms(${quoteName(name)})` : quoteName(name)} AS f${i}`),
  ]
  const rows = await session.rows(`SELECT ${columns.join(', ')} FROM read_parquet(${path}, hive_partitioning = false)`)
  const records = rows.map((row): ArchivedRecord => {
    const appendTimeMs = Number(row['$append_time'])
    const rejection = row['$rejection'] as string | null
    return {
      record: {
        offset: Number(row['$offset']), appendTimeMs: row['$logged_time'] === null ? appendTimeMs : Number(row['$logged_time']),
        key: bytesOf(row['$key']), value: bytesOf(row['$value']), headers: headersFrom(row['$headers'] as string | null),
      },
      appendTimeMs,
      knownTimeMs: Number(row['$known_time']),
      row: source === null || rejection !== null ? null : fields.map(({ type }, i) => fieldValue(type, row[`f${i}`])),
      rejection,
    }
  })
  return { partition: Number(rows[0]?.['$partition']), epoch: Number(rows[0]?.['$epoch']), records }
}

function fieldValue(type: FieldDefinition['type'], value: unknown): Value {
  if (typeof value !== 'bigint') return value as Value
  return type === 'int64' && !Number.isSafeInteger(Number(value)) ? value : Number(value)
}

function blobOf(bytes: Uint8Array | null): DuckDBBlobValue | null {
  return bytes === null ? null : new DuckDBBlobValue(bytes)
}

function bytesOf(value: unknown): Uint8Array | null {
  return value === null ? null : Uint8Array.from(value as Uint8Array)
}

function headersText(headers: ArchivedRecord['record']['headers']): string | null {
  const entries = Object.entries(headers)
  return entries.length === 0 ? null : JSON.stringify(Object.fromEntries(entries.map(([name, bytes]) => [name, Buffer.from(bytes).toString('base64')])))
}

function headersFrom(text: string | null): ArchivedRecord['record']['headers'] {
  const headers = text === null ? {} : (JSON.parse(text) as Record<string, string>)
  return Object.fromEntries(Object.entries(headers).map(([name, base64]) => [name, Uint8Array.from(Buffer.from(base64, 'base64'))]))
}
