// Decodes the records of a source's log: what archiver, processors and everybody else read alike. Append times are the log's own, whatever a record
// says. Where records say by which schema they were written, all schemas of a batch are known before its first record is decoded.

import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import { compileEventDecoder, type EventDecoder } from '@tidemark/feature-schema/event-decoder'
import type { LogRecord } from '@tidemark/ports/event-log'
import { ALL_JSON, type RecordSchemas } from '@tidemark/ports/record-formats'
import type { RegisterStore } from '@tidemark/ports/register-store'
import { decodedRecord, type DecodeLogRecord } from './decoded-record.ts'
import { registryDecoder } from './registry-decoder.ts'
import { schemaPins } from './schema-pins.ts'

/**
 * The decoder of the records that are given, and of no others. Throws STORE_UNAVAILABLE and what else schema registry and registers throw: what a
 * record's schema is, is not known then, and it is not rejected.
 */
export type PrepareDecoder = (batches: readonly (readonly LogRecord[])[]) => Promise<DecodeLogRecord>

export interface LogDecoderOptions {
  /** Checked. */
  readonly source: SourceDefinition
  readonly registers: RegisterStore
  /** Default: none, which only sources of JSON can do without. */
  readonly schemas?: RecordSchemas | undefined
}

/** Throws STORE_SETTINGS where the source's records have schemas, and none are given. */
export function logDecoder({ source, registers, schemas }: LogDecoderOptions): PrepareDecoder {
  const { format = 'json' } = source
  if (format === 'json' || schemas === ALL_JSON) {
    const decode = compileJsonDecoder(source)
    return () => Promise.resolve(decode)
  }
  if (schemas === undefined) {
    const message = `Its records are of format ${format}, and this process has no schema registry.`
    throw new TidemarkError([{ code: 'STORE_SETTINGS', message, where: `source ${source.name}`, action: 'Say where the schema registry is.' }])
  }
  const { formats, registry } = schemas
  return registryDecoder({ source, decoder: decoderOf(source), formats, pinSchema: schemaPins({ source, registers, registry }) })
}

/** The decoder of JSON, whatever the source's format: of files, requests, and logs that have nothing else. */
export function compileJsonDecoder(source: SourceDefinition): DecodeLogRecord {
  const decoder = decoderOf(source)
  return ({ value }) => decodedRecord(decoder.decode(value ?? ''))
}

function decoderOf(source: SourceDefinition): EventDecoder {
  const { appendTime: _, ...fields } = source
  return compileEventDecoder(fields)
}
