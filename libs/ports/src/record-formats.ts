// Records that say by which schema they were written: the registry that has the schemas under their ids, and the formats that they describe.
//
//   value   0x00 | id: u32, big-endian | body     the wire format of schema registries

import type { SourceDefinition } from '@tidemark/feature-schema/definition'

/** What a registry has under an id. */
export interface WriterSchema {
  /** `AVRO`, `PROTOBUF`, or another kind that the registry has. */
  readonly kind: string
  readonly text: string
  /** What it refers to, each under the name that it is referred to by, and after what it refers to itself. */
  readonly references: readonly { readonly name: string; readonly text: string }[]
}

export interface SchemaRegistry extends AsyncDisposable {
  /**
   * The schema of an id, which is the same for ever. null: the registry says that there is none. STORE_UNAVAILABLE, where it does not say so
   * either; STORE_REFUSED; STORE_SETTINGS.
   */
  find(id: number): Promise<WriterSchema | null>
}

/**
 * The values of a source's fields, in the order of its definition, that a record has: each as JSON would have it, but integers beyond 2^53 as
 * bigints; undefined where the schema has none. The array is overwritten by the next call. A text: why it cannot be read, `its body ends too early`.
 */
export type ReadBody = (record: Uint8Array, bodyAt: number) => readonly unknown[] | string

export interface RecordFormats {
  /** Reads what was written by a schema. A text: why nothing can be, `it is no AVRO schema`. */
  compile(schema: WriterSchema, source: SourceDefinition): ReadBody | string
}

export interface RegisteredSchemas {
  readonly formats: RecordFormats
  /** null: this process asks none, and knows the schemas that others have asked for. */
  readonly registry: SchemaRegistry | null
}

/** Whoever appends to this log writes JSON, whatever formats sources declare: the log of an embedded folder, which files and requests fill. */
export const ALL_JSON = 'all-json' as const

/** What readers of logs have of schemas. */
export type RecordSchemas = RegisteredSchemas | typeof ALL_JSON
