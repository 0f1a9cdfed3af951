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

import type { FieldDefinition, SourceDefinition } from '@tidemark/feature-schema/definition'
import type { Value } from '@tidemark/feature-schema/value'
import type { ArchivedRecord, SegmentPlace } from '@tidemark/ports/archive-format'
import type { LogColumnNames } from '@tidemark/ports/batch-engine'
import type { DuckDbSession } from './duckdb-session.ts'
import { quoteName } from './sql-text.ts'
import { appendColumns, BytesColumn, NumberColumn, TextColumn, type StagedColumn } from './staged-columns.ts'

export const SEGMENT_VERSION = 1
export const SEGMENT_VERSION_KEY = 'tidemark.segment'

/** What an engine finds the log's knowledge by. */
export const SEGMENT_LOG_COLUMNS = {
  appendTime: '$append_time', partition: '$partition', offset: '$offset', knownTime: '$known_time', epoch: '$epoch',
} satisfies LogColumnNames

/** A column as it is taken and appended, and as it is written. */
interface SegmentColumn {
  readonly name: string
  readonly staged: StagedColumn<never>
  readonly sql: (column: string) => string
  readonly take: (record: ArchivedRecord) => void
}

const timestampSql = (column: string): string => `make_timestamp(${column}::BIGINT * 1000)`
const castTo = (type: string) => (column: string): string => `${column}::${type}`
const asItIs = (column: string): string => column

/** The columns of a segment, filled record by record. */
export class SegmentColumns {
  private readonly place: SegmentPlace
  private readonly columns: readonly SegmentColumn[]
  private rowCount = 0
  private areRejected = false

  constructor(place: SegmentPlace) {
    this.place = place
    this.columns = [...recordColumns(), ...place.source.fields.map(fieldColumn)]
  }

  add(record: ArchivedRecord): void {
    const isRejected = record.row === null
    if (this.rowCount++ === 0) this.areRejected = isRejected
    else if (isRejected !== this.areRejected) throw new Error('Rejected records have segments of their own.')
    for (const { take } of this.columns) take(record)
  }

  /** Appends the records to a table of the session, and gives back the SELECT of a segment's columns from it. */
  async stage(session: DuckDbSession): Promise<string> {
    const { place: { partition, epoch }, columns, rowCount } = this
    // A column without a value, as keys and headers mostly are, is not worth its way through the appender.
    const appended = columns.filter(({ staged: { hasValue } }) => hasValue)
    await appendColumns(session, 'segment', appended.map(({ staged }) => staged), rowCount)
    const constants = [`${partition}::BIGINT AS ${quoteName('$partition')}`, `${epoch}::BIGINT AS ${quoteName('$epoch')}`]
    const stagedAs = (column: SegmentColumn): string => (appended.includes(column) ? `c${appended.indexOf(column)}` : `NULL::${String(column.staged.type)}`)
    return `SELECT ${[...constants, ...columns.map((column) => `${column.sql(stagedAs(column))} AS ${quoteName(column.name)}`)].join(', ')} FROM ${session.schema}.segment`
  }
}

function columnOf<T>(name: string, staged: StagedColumn<T>, sql: SegmentColumn['sql'], valueOf: (record: ArchivedRecord) => T | null): SegmentColumn {
  return { name, staged, sql, take: (record) => staged.add(valueOf(record)) }
}

function recordColumns(): SegmentColumn[] {
  return [
    columnOf('$offset', new NumberColumn(), castTo('BIGINT'), ({ record }) => record.offset),
    columnOf('$append_time', new NumberColumn(), timestampSql, ({ appendTimeMs }) => appendTimeMs),
    columnOf('$known_time', new NumberColumn(), timestampSql, ({ knownTimeMs }) => knownTimeMs),
    columnOf('$logged_time', new NumberColumn(), timestampSql, ({ record, appendTimeMs }) => (record.appendTimeMs === appendTimeMs ? null : record.appendTimeMs)),
    columnOf('$key', new BytesColumn(), asItIs, ({ record }) => record.key),
    columnOf('$value', new BytesColumn(), asItIs, ({ record }) => record.value),
    columnOf('$headers', new TextColumn(), asItIs, ({ record }) => headersText(record.headers)),
    columnOf('$rejection', new TextColumn(), asItIs, ({ rejection }) => rejection),
  ]
}

function fieldColumn({ name, type }: FieldDefinition, index: number): SegmentColumn {
  const valueOf = ({ row }: ArchivedRecord): Value => (row === null ? null : row[index]!)
  if (type === 'string') return columnOf(name, new TextColumn(), asItIs, valueOf as (record: ArchivedRecord) => string | null)
  const numberOf = (record: ArchivedRecord): number | bigint | null => {
    const value = valueOf(record)
    return typeof value === 'boolean' ? Number(value) : value as number | bigint | null
  }
  return columnOf(name, new NumberColumn(), NUMBER_SQL[type], numberOf)
}

/** From numbers as they are appended. */
const NUMBER_SQL: Readonly<Record<Exclude<FieldDefinition['type'], 'string'>, SegmentColumn['sql']>> = {
  boolean: castTo('BOOLEAN'), int32: castTo('INTEGER'), int64: castTo('BIGINT'), double: asItIs, timestamp: timestampSql,
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
