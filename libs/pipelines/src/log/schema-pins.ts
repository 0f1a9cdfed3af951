// What the schema ids of a source's records mean, for ever (law 3: batch and speed read each record alike, whenever they read it). Registries answer
// differently at different times: an id that is not there yet, or not any more, one that another registry has under the same number. So
// whoever is first to meet an id asks the registry, and writes what it said into a register, by compare-and-set; everybody reads that.
//
//   schemas/SOURCE/ID   one JSON document, version 2 (sealed-json.ts)
//
// That there is no such id holds for the records that were appended until then, as the log stamps them, and not for later ones: a dead letter that is
// put back once its schema is registered is read.

import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import type { SchemaRegistry, WriterSchema } from '@tidemark/ports/record-formats'
import { REGISTER_SIZE_MAX_BYTES, type RegisterStore } from '@tidemark/ports/register-store'
import { z } from 'zod'
import { decodeSealed, encodeSealed } from '../sealed-json.ts'

export const SCHEMA_PIN_VERSION = 2

export interface SchemaPin {
  readonly formatVersion: number
  /** Records that were appended at this time or before have no schema; null: all have. */
  readonly unknownThroughMs: number | null
  /** null: no registry has had one. */
  readonly schema: WriterSchema | null
  /** Why it was not kept, and nothing that was written by it can be read; null: it was. */
  readonly refusal: string | null
}

const form: z.ZodType<SchemaPin> = z.strictObject({
  formatVersion: z.literal(SCHEMA_PIN_VERSION),
  unknownThroughMs: z.int().nullable(),
  schema: z.strictObject({ kind: z.string(), text: z.string(), references: z.array(z.strictObject({ name: z.string(), text: z.string() })) }).nullable(),
  refusal: z.string().nullable(),
})

const NO_PIN: SchemaPin = { formatVersion: SCHEMA_PIN_VERSION, unknownThroughMs: null, schema: null, refusal: null }

/** Finds out what an id means to records that were appended up to a time: the pin says so of all of them. */
export type PinSchema = (id: number, appendTimeMs: number) => Promise<SchemaPin>

export interface PinOptions {
  readonly source: Pick<SourceDefinition, 'name'>
  readonly registers: RegisterStore
  readonly registry: SchemaRegistry | null
}

/** Throws what register and registry throw; SCHEMA_REGISTRY_MISSING where one has to be asked and there is none. */
export function schemaPins({ source: { name: source }, registers, registry }: PinOptions): PinSchema {
  return async (id, appendTimeMs) => {
    const name = pinName(source, id)
    for (;;) {
      const found = await registers.read(name)
      const pin = found === null ? NO_PIN : decodeSchemaPin(found.bytes, name)
      if (isDecided(pin, appendTimeMs)) return pin
      if (registry === null) throw noRegistry(source, id)
      const schema = await registry.find(id)
      const next = schema === null ? { ...pin, unknownThroughMs: appendTimeMs } : withSchema(pin, schema)
      if ((await registers.compareAndSet(name, found?.revision ?? null, encodeSchemaPin(next))) !== null) return next
    }
  }
}

/** Whether a pin says what its id means to records that were appended up to a time. */
export function isDecided({ schema, refusal, unknownThroughMs }: SchemaPin, appendTimeMs: number): boolean {
  return schema !== null || refusal !== null || isUnknown({ unknownThroughMs }, appendTimeMs)
}

export function isUnknown({ unknownThroughMs }: Pick<SchemaPin, 'unknownThroughMs'>, appendTimeMs: number): boolean {
  return unknownThroughMs !== null && appendTimeMs <= unknownThroughMs
}

/** What fits a register is kept. */
function withSchema(pin: SchemaPin, schema: WriterSchema): SchemaPin {
  const next = { ...pin, schema }
  const sizeBytes = encodeSchemaPin(next).byteLength
  if (sizeBytes <= REGISTER_SIZE_MAX_BYTES) return next
  return { ...pin, refusal: `it has ${sizeBytes} bytes with what it refers to, and at most ${REGISTER_SIZE_MAX_BYTES} are kept` }
}

export function encodeSchemaPin(pin: SchemaPin): Uint8Array {
  return encodeSealed(pin)
}

/** Throws STORE_DAMAGED or STORE_TOO_NEW. */
export function decodeSchemaPin(bytes: Uint8Array, where: string): SchemaPin {
  return decodeSealed(form, SCHEMA_PIN_VERSION, bytes, where, 'Put the register back as it was; without it nobody can say how records were read before.')
}

function pinName(source: string, id: number): string {
  return `schemas/${source}/${id}`
}

function noRegistry(source: string, id: number): TidemarkError {
  return new TidemarkError([{
    code: 'SCHEMA_REGISTRY_MISSING', message: `A record was written by schema ${id}, which nobody has looked up, and this process has no schema registry: nothing of the source is read until somebody has.`,
    where: `source ${source}`, action: 'Say where the schema registry is (TIDEMARK_SCHEMA_REGISTRY_URLS).',
  }])
}
