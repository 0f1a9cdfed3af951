// Records as JSON: decoded by the TypeScript decoder of the stream, so that a line means the same wherever it is read, and appended
// to the table of records; a rejected one as a row that has only its reason.
import { createReadStream } from 'node:fs'
import { createGunzip } from 'node:zlib'
import { BIGINT, BOOLEAN, DOUBLE, DuckDBDataChunk, VARCHAR, type DuckDBType, type DuckDBValue } from '@duckdb/node-api'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import { compileEventDecoder, isRejected, type DecodedEvent, type RejectedEvent } from '@tidemark/feature-schema/event-decoder'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import type { Value, ValueType } from '@tidemark/feature-schema/value'
import { coded, messageOf, type DuckDbSession } from './duckdb-session.ts'
import { readLines } from './read-lines.ts'
import type { LogColumns } from './log-columns.ts'

export interface RecordsTarget {
  readonly session: DuckDbSession
  readonly columns: LogColumns
  /** Indexes of the fields that the table has, after the reason for rejection. */
  readonly kept: readonly number[]
}

export type JsonRecords = { readonly path: string } | { readonly records: readonly unknown[] }

const CHUNK_ROWS = 2048

const DUCKDB_TYPES: Readonly<Record<ValueType, DuckDBType>> = {
  boolean: BOOLEAN, int32: BIGINT, int64: BIGINT, double: DOUBLE, string: VARCHAR, timestamp: BIGINT,
}

/** Appends records to the table `records`; says how many there were. Throws INPUT_UNREADABLE where the file cannot be read. */
export async function appendRecords({ session, columns, kept }: RecordsTarget, from: JsonRecords): Promise<number> {
  const decoder = compileEventDecoder(sourceOf(columns))
  const types = [VARCHAR, ...kept.map((i) => DUCKDB_TYPES[columns.fields[i]!.type])]
  const appender = await session.connection.createAppender('records', session.schema)
  let rows: Value[][] = []
  let count = 0
  const flush = (): void => {
    if (rows.length === 0) return
    const chunk = DuckDBDataChunk.create(types, rows.length)
    for (const [i, type] of types.entries()) chunk.setColumnValues(i, rows.map((row) => duckDbValue(row[i]!, type)))
    appender.appendDataChunk(chunk)
    rows = []
  }
  const append = (event: DecodedEvent | RejectedEvent): void => {
    rows.push(isRejected(event) ? [reasonOf(event), ...kept.map(() => null)] : [null, ...kept.map((i) => event.row[i]!)])
    count++
    if (rows.length === CHUNK_ROWS) flush()
  }
  try {
    if ('records' in from) for (const record of from.records) append(decoder.decodeObject(record))
    else for await (const lines of linesOf(from.path)) for (const line of lines) append(decoder.decode(line))
    flush()
  } finally {
    appender.closeSync()
  }
  return count
}

async function* linesOf(path: string): AsyncGenerator<Uint8Array[]> {
  const file = createReadStream(path, { highWaterMark: 1 << 20 })
  try {
    yield* readLines(path.endsWith('.gz') ? file.pipe(createGunzip()) : file)
  } catch (error) {
    if (error instanceof TidemarkError) throw error
    throw coded('INPUT_UNREADABLE', `It cannot be read: ${messageOf(error)}.`, path, 'Check that the file is whole and may be read.', error)
  }
}

/** The source with the log's columns as fields, so that the decoder reads them beside its own. */
function sourceOf({ sourceName, fields, eventTime }: LogColumns): SourceDefinition {
  return {
    kind: 'event', name: sourceName, version: 1, fields, eventTime: fields[Number(eventTime.slice(1))]!.name,
    epochLengthMs: 0, skewMaxMs: 0, delayMs: 0,
  }
}

/** The decoder's message without its full stop, as SQL's reasons are. */
function reasonOf({ rejected }: RejectedEvent): string {
  return rejected.message.replace(/\.$/, '')
}

function duckDbValue(value: Value, type: DuckDBType): DuckDBValue {
  return type === BIGINT && typeof value === 'number' ? BigInt(value) : value
}
