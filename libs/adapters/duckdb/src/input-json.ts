// Records as JSON: decoded by the TypeScript decoder of the stream, so that a line means the same wherever it is read, and appended
// to the table of records; a rejected one as a row that has only its reason, and of the log's columns what can be read.
import { createReadStream } from 'node:fs'
import { createGunzip } from 'node:zlib'
import { compileEventDecoder, isRejected, type DecodedEvent, type RejectedEvent } from '@tidemark/feature-schema/event-decoder'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import { EVENT_SIZE_MAX_BYTES } from '@tidemark/feature-schema/limits'
import type { Value } from '@tidemark/feature-schema/value'
import { fieldReader } from '@tidemark/feature-schema/accepted-value'
import { openAppender } from './append-rows.ts'
import { coded, messageOf, rethrowCoded, type DuckDbSession } from './duckdb-session.ts'
import type { LogColumns } from './log-columns.ts'
import { readLines, type Line } from './read-lines.ts'

export interface RecordsTarget {
  readonly session: DuckDbSession
  readonly columns: LogColumns
  /** Indexes of the fields that the table `records` has, after the reason for rejection. */
  readonly kept: readonly number[]
}

export type JsonRecords = { readonly path: string } | { readonly records: readonly unknown[] }

/** Rows that are gathered before they are appended. */
const BATCH_ROWS = 2048

/** Appends records to the table `records`; says how many there were. Throws INPUT_UNREADABLE where the file cannot be read. */
export async function appendRecords({ session, columns, kept }: RecordsTarget, from: JsonRecords): Promise<number> {
  const logReaders = columns.fields.map((field, i) => (i < columns.logFrom ? null : fieldReader(field)))
  const decoder = compileEventDecoder(sourceOf(columns))
  using appender = await openAppender(session, 'records', ['string', ...kept.map((i) => columns.fields[i]!.type)])
  const batch: Value[][] = [[], ...kept.map(() => [])]
  let count = 0
  const flush = (): void => {
    try {
      appender.append(batch, batch[0]!.length)
    } catch (error) {
      rethrowCoded(error)
    }
    for (const column of batch) column.length = 0
  }
  const add = (reason: string | null, valueOf: (index: number) => Value): void => {
    batch[0]!.push(reason)
    for (const [i, index] of kept.entries()) batch[i + 1]!.push(valueOf(index))
    count++
    if (batch[0]!.length === BATCH_ROWS) flush()
  }
  const addEvent = (event: DecodedEvent | RejectedEvent): void => {
    if (isRejected(event)) add(event.rejected.message, (index) => logReaders[index]?.(event.properties?.[columns.fields[index]!.name]) ?? null)
    else add(null, (index) => event.row[index]!)
  }
  if ('records' in from) {
    for (const record of from.records) addEvent(decoder.decodeObject(record))
  } else {
    for await (const lines of linesOf(from.path)) {
      for (const { bytes, sizeBytes } of lines) {
        if (sizeBytes > EVENT_SIZE_MAX_BYTES) add(`It has ${sizeBytes} bytes, the limit is ${EVENT_SIZE_MAX_BYTES}.`, () => null)
        else addEvent(decoder.decode(bytes))
      }
    }
  }
  flush()
  return count
}

async function* linesOf(path: string): AsyncGenerator<Line[]> {
  const file = createReadStream(path, { highWaterMark: 1 << 20 })
  try {
    yield* readLines(path.endsWith('.gz') ? file.pipe(createGunzip()) : file)
  } catch (error) {
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
