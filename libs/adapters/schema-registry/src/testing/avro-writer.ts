// Writes Avro bodies by avsc, with longs of 64 bits.

import avro from 'avsc'
import type { WriterSchema } from '@tidemark/ports/record-formats'

const longs = avro.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer: (value: bigint | number) => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64LE(BigInt(value))
    return bytes
  },
  fromJSON: BigInt,
  toJSON: String,
  isValid: (value: unknown) => typeof value === 'bigint' || Number.isSafeInteger(value),
  compare: (a: bigint, b: bigint) => (a === b ? 0 : a < b ? -1 : 1),
})

export interface AvroWriter {
  readonly schema: WriterSchema
  /** Values of unions are wrapped: `{ string: 'x' }`, null. */
  write(record: unknown): Buffer
}

export function avroWriter(schema: unknown, references: WriterSchema['references'] = []): AvroWriter {
  const options = { registry: { long: longs }, wrapUnions: true }
  for (const { text } of references) avro.Type.forSchema(JSON.parse(text) as avro.Schema, options as never)
  const type = avro.Type.forSchema(JSON.parse(JSON.stringify(schema), unmarked) as avro.Schema, options as never)
  return { schema: { kind: 'AVRO', text: JSON.stringify(schema), references }, write: (record) => type.toBuffer(record) }
}

/** Without logical types, which change nothing of the bytes, and keep avsc from taking the longs above. */
function unmarked(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('logicalType' in value)) return value
  const { logicalType: _, precision: __, scale: ___, ...rest } = value as Record<string, unknown>
  return Object.keys(rest).length === 1 ? rest['type'] : rest
}

export const recordSchema = (...fields: readonly (readonly [name: string, type: unknown])[]): object => ({ type: 'record', name: 'Event', fields: fields.map(([name, type]) => ({ name, type })) })
