// The form that records have in the archive: segments, each some records of one partition and epoch. An engine's format is its own; the
// archive only knows bytes and keys. A segment has each record's own bytes, and the columns that the source's decoder made of them.

import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import type { Row } from '@tidemark/feature-schema/value'
import type { EventInput } from './batch-engine.ts'
import type { LogRecord } from './event-log.ts'
import type { ObjectStore } from './object-store.ts'

export interface ArchivedRecord {
  readonly record: LogRecord
  /** The log's append time, or the declared one. */
  readonly appendTimeMs: number
  /** The running maximum of append times in the partition. */
  readonly knownTimeMs: number
  /** The source's fields in the order of its definition; null: the record was rejected. */
  readonly row: Row | null
  /** Why it was rejected; null: it was not. */
  readonly rejection: string | null
}

export interface SegmentContents {
  readonly source: SourceDefinition
  readonly partition: number
  readonly epoch: number
  /** In the order of their offsets. */
  readonly records: readonly ArchivedRecord[]
}

/** Events of the archive as an engine's input; its files are there until this is disposed. Rejected records are not among them. */
export interface ArchiveInput extends AsyncDisposable {
  readonly input: EventInput
}

/** A segment as a manifest names it. */
export interface SegmentKey {
  readonly key: string
  /** The version of the source whose schema its columns have. */
  readonly sourceVersion: number
}

export interface ArchiveFormat {
  /** Ends the keys of segments: `parquet`. */
  readonly extension: string
  encode(contents: SegmentContents): Promise<Uint8Array>
  /** Opens segments for a source's schema; those of another version are decoded again from the records' bytes. OBJECT_MISSING, STORE_DAMAGED. */
  open(source: SourceDefinition, objects: ObjectStore, segments: readonly SegmentKey[]): Promise<ArchiveInput>
  /** A segment's records back, their bytes included, rejected ones too. STORE_DAMAGED. */
  read(bytes: Uint8Array, source: SourceDefinition): Promise<readonly ArchivedRecord[]>
}
