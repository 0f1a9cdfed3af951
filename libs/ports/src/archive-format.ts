// The form that records have in the archive: segments, each some records of one partition and epoch. An engine's format is its own; the
// archive only knows bytes and keys. A segment has each record's own bytes, and the columns that the source's decoder made of them.
// Rejected records have segments of their own, so that nothing that reads events ever meets one.

import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import type { Row } from '@tidemark/feature-schema/value'
import type { EventInput } from './batch-engine.ts'
import type { LogRecord } from './event-log.ts'
import type { ObjectStore } from './object-store.ts'

export interface ArchivedRecord {
  /** As the log has it. */
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

/** What all records of a segment are of. */
export interface SegmentPlace {
  readonly source: SourceDefinition
  readonly partition: number
  readonly epoch: number
}

/** A segment that is being made, in memory. */
export interface SegmentBuilder {
  /** Adds a record, whose bytes must not change until the segment is finished. In the order of offsets; either all are rejected, or none. */
  add(record: ArchivedRecord): void
  /** The segment, of at least one record; nothing is added afterwards. */
  finish(): Promise<Uint8Array>
}

/** Events of the archive as an engine's input, with all that the log knows of them; its files are there until this is disposed. */
export interface ArchiveInput extends AsyncDisposable {
  readonly input: EventInput
}

/** A segment as a manifest names it. */
export interface SegmentObject {
  readonly key: string
  readonly sizeBytes: number
  /** crc32 of the object's bytes. */
  readonly checksum: number
  /** The version of the source whose schema its columns have. */
  readonly sourceVersion: number
  /** Whether its records were rejected by that version's schema: all of them, or none. */
  readonly isRejected: boolean
}

export interface ArchiveOpening {
  readonly source: SourceDefinition
  readonly objects: ObjectStore
  readonly segments: readonly SegmentObject[]
  /** The rows of records by the source's schema, null where one is rejected: for segments of another version. */
  readonly decode: (records: readonly LogRecord[]) => Promise<readonly (Row | null)[]>
}

export interface ArchiveFormat {
  /** Ends the keys of segments: `parquet`. */
  readonly extension: string
  /** Begins a segment: the same bytes for the same records, as long as the format's own version does not change. */
  begin(place: SegmentPlace): SegmentBuilder
  /**
   * Opens segments for a source's schema: those of its own version by their columns, without the rejected ones; all of another
   * version by their records' bytes. OBJECT_MISSING; STORE_DAMAGED, also where a segment has another size or checksum than it should.
   */
  open(opening: ArchiveOpening): Promise<ArchiveInput>
  /** A segment's records back, their bytes included; the source is the one it was made for. `where` names it. STORE_DAMAGED, STORE_TOO_NEW. */
  read(bytes: Uint8Array, source: SourceDefinition, where: string): Promise<readonly ArchivedRecord[]>
}
