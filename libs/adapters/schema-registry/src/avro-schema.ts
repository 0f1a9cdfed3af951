// Avro schemas, parsed by avsc: names, namespaces and references are its to resolve. Logical types stay marks on what they are of; what they mean
// depends on the field that is read.

import avro from 'avsc'
import type { WriterSchema } from '@tidemark/ports/record-formats'

/** A type that its schema says more of. */
export class MarkedType extends avro.types.LogicalType {
  readonly attributes: { readonly logicalType: string; readonly scale?: unknown }

  constructor(schema: avro.Schema, options?: unknown) {
    super(schema, options as never)
    this.attributes = schema as unknown as MarkedType['attributes']
  }
}

const MARKED = [
  'decimal', 'date', 'time-millis', 'time-micros', 'timestamp-millis', 'timestamp-micros', 'timestamp-nanos', 'local-timestamp-millis', 'local-timestamp-micros',
  'local-timestamp-nanos',
]
const logicalTypes = Object.fromEntries(MARKED.map((name) => [name, MarkedType]))

/** Throws where it is none. */
export function parseAvroSchema({ text, references }: WriterSchema): avro.Type {
  const registry = {}
  const parse = (json: string): avro.Type => avro.Type.forSchema(JSON.parse(json, withoutDefaults) as avro.Schema, { registry, logicalTypes, wrapUnions: 'always' } as never)
  for (const reference of references) parse(reference.text)
  return parse(text)
}

/** Whoever writes needs no defaults, and producers are allowed some that avsc is not content with. */
function withoutDefaults(key: string, value: unknown): unknown {
  return key === 'default' ? undefined : value
}
