// Decodes records in the wire format of schema registries. Which schema each of a batch was written by is looked up ahead, once for each id; then
// decoding is synchronous. What is known of ids is kept, up to a limit; a batch keeps all of its own.

import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import type { Problem } from '@tidemark/feature-schema/errors'
import { isRejected, type EventDecoder } from '@tidemark/feature-schema/event-decoder'
import { EVENT_SIZE_MAX_BYTES } from '@tidemark/feature-schema/limits'
import { malformedRecord, oversizedRecord } from '@tidemark/feature-schema/rejection'
import type { LogRecord } from '@tidemark/ports/event-log'
import type { ReadBody, RecordFormats } from '@tidemark/ports/record-formats'
import { LRUCache } from 'lru-cache'
import { inTurns } from '../in-turns.ts'
import { decodedRecord, rejectedRecord, type DecodedRecord } from './decoded-record.ts'
import type { PrepareDecoder } from './log-decoder.ts'
import { isDecided, isUnknown, type PinSchema, type SchemaPin } from './schema-pins.ts'

/** Compiled schemas that are kept from batch to batch, of one source. */
const SCHEMAS_KEPT_MAX = 256
/** Ids that are looked up at once. */
const LOOK_UPS_MAX = 8
const MAGIC = 0x00
const BODY_AT = 5

export interface RegistryDecoderOptions {
  readonly source: SourceDefinition
  readonly decoder: EventDecoder
  readonly formats: RecordFormats
  readonly pinSchema: PinSchema
}

interface KnownSchema {
  readonly pin: SchemaPin
  /** A text: why nothing that was written by it can be read. null: there is no schema. */
  readonly read: ReadBody | string | null
}

export function registryDecoder({ source, decoder, formats, pinSchema }: RegistryDecoderOptions): PrepareDecoder {
  const kept = new LRUCache<number, KnownSchema>({ max: SCHEMAS_KEPT_MAX })

  async function lookUp(id: number, appendTimeMs: number): Promise<KnownSchema> {
    const found = await pinSchema(id, appendTimeMs)
    const known = { pin: found, read: found.refusal ?? (found.schema && formats.compile(found.schema, source)) }
    kept.set(id, known)
    return known
  }

  const reject = (problem: Problem, id: number): DecodedRecord => rejectedRecord({ ...problem, message: `${problem.message} It was written by schema ${id}.` })

  function decode(known: ReadonlyMap<number, KnownSchema>, { value, appendTimeMs }: LogRecord): DecodedRecord {
    if (value === null) return rejectedRecord(malformedRecord(source, 'record: it has no value.'))
    if (value.byteLength > EVENT_SIZE_MAX_BYTES) return rejectedRecord(oversizedRecord(source, value.byteLength))
    const id = schemaIdOf(value)
    if (id === null) return rejectedRecord(malformedRecord(source, 'record: it does not begin with the id of a schema (a byte 0, then four bytes, the first of them below 128).'))
    const { pin, read } = known.get(id)!
    if (isUnknown(pin, appendTimeMs)) return rejectedRecord(unknownSchema(source, id))
    const values = typeof read === 'string' ? read : read!(value, BODY_AT)
    if (typeof values === 'string') return reject(malformedRecord(source, `record: ${values}.`), id)
    const event = decoder.decodeValues(values)
    return isRejected(event) ? reject(event.rejected, id) : decodedRecord(event)
  }

  return async (batches) => {
    const known = new Map<number, KnownSchema>()
    // Id -> the newest of its records that nothing is known of yet.
    const asked = new Map<number, number>()
    for (const records of batches) {
      for (const { value, appendTimeMs } of records) {
        const id = value === null ? null : schemaIdOf(value)
        if (id === null) continue
        let found = known.get(id)
        if (found === undefined && (found = kept.get(id)) !== undefined) known.set(id, found)
        if (found === undefined || !isDecided(found.pin, appendTimeMs)) asked.set(id, Math.max(appendTimeMs, asked.get(id) ?? -Infinity))
      }
    }
    await inTurns([...asked], LOOK_UPS_MAX, async ([id, appendTimeMs]) => known.set(id, await lookUp(id, appendTimeMs)))
    return (record) => decode(known, record)
  }
}

/** null: it does not begin with one. Registries number schemas in 32 bits with a sign, and have no answer to a larger number. */
function schemaIdOf(value: Uint8Array): number | null {
  if (value.byteLength < BODY_AT || value[0] !== MAGIC) return null
  const id = (value[1]! << 24) | (value[2]! << 16) | (value[3]! << 8) | value[4]!
  return id < 0 ? null : id
}

function unknownSchema({ name }: SourceDefinition, id: number): Problem {
  return {
    code: 'SCHEMA_UNKNOWN', message: `record: the schema registry has no schema ${id}.`, where: `source ${name}`,
    action: 'Register the schema, or mend the producer, then replay the record.',
  }
}
