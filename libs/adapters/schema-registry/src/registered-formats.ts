// The formats of a schema registry's schemas: Avro and Protobuf.

import type { RecordFormat } from '@tidemark/feature-schema/definition'
import type { RecordFormats } from '@tidemark/ports/record-formats'
import { compileAvroBody } from './avro-body.ts'
import { compileProtobufBody } from './protobuf-body.ts'

/** What a registry calls a format. */
const KINDS: Readonly<Record<RecordFormat, string>> = { avro: 'AVRO', protobuf: 'PROTOBUF', json: 'JSON' }
const COMPILERS: Readonly<Record<string, typeof compileAvroBody>> = { AVRO: compileAvroBody, PROTOBUF: compileProtobufBody }

export const registeredFormats: RecordFormats = {
  compile(schema, source) {
    const expected = KINDS[source.format ?? 'json']
    if (schema.kind !== expected) return `its schema is of kind ${schema.kind}, and ${expected} is what the source declares`
    return COMPILERS[expected]!(schema, source)
  },
}
