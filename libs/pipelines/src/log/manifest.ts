// The manifest of a seal: which records the epochs after `after` and up to `through` have, and in which objects they are. It is first
// written into the source's register, by the compare-and-set that seals, and then published as a create-only object of the same content,
// before anything more is sealed. Readers follow manifests from one cut back to another; they never list objects.
//
// The object is one JSON document, version 2 (sealed-json.ts).

import { z } from 'zod'
import { decodeSealed, encodeSealed } from '../sealed-json.ts'

export const MANIFEST_VERSION = 2

/** One Parquet object: records of one partition and epoch, in the order of their offsets. */
export interface Segment {
  readonly key: string
  readonly epoch: number
  readonly firstOffset: number
  readonly lastOffset: number
  /** Rows; `rejectedCount` of them could not be decoded by the source's schema and have only their bytes. */
  readonly rowCount: number
  readonly rejectedCount: number
  readonly sizeBytes: number
  /** crc32 of the object's bytes. */
  readonly checksum: number
}

/** What identifies a place of the log: a visible record that was read there. */
export interface LogMark {
  readonly offset: number
  readonly appendTimeMs: number
  /** crc32 of the record's value; 0 for none. */
  readonly checksum: number
}

export interface SealedPartition {
  readonly partition: number
  /** The first offset of the first epoch after `through`; the end of the log where none is there yet. */
  readonly end: number
  /** The running maximum of append times before `end`; null: no record yet. */
  readonly knownTimeMs: number | null
  /** The last record before `end`; null: none. */
  readonly mark: LogMark | null
  /** The record past the epoch that proved the seal; null: sealed idle, by margin. */
  readonly proof: LogMark | null
  readonly segments: readonly Segment[]
}

export interface Manifest {
  readonly formatVersion: number
  readonly source: string
  /** The version of the source whose schema the decoded columns have. */
  readonly sourceVersion: number
  /** The seal before this one; null: this is the first. */
  readonly after: number | null
  readonly through: number
  /** Of every partition that was open, by number. */
  readonly partitions: readonly SealedPartition[]
}

const mark = z.strictObject({ offset: z.int().min(0), appendTimeMs: z.int(), checksum: z.int().min(0) })

export const manifestSchema: z.ZodType<Manifest> = z.strictObject({
  formatVersion: z.union([z.literal(1), z.literal(MANIFEST_VERSION)]),
  source: z.string(),
  sourceVersion: z.int(),
  after: z.int().nullable(),
  through: z.int(),
  partitions: z.array(z.strictObject({
    partition: z.int().min(0),
    end: z.int().min(0),
    knownTimeMs: z.int().nullable(),
    mark: mark.nullable(),
    proof: mark.nullable(),
    segments: z.array(z.strictObject({
      key: z.string(), epoch: z.int(), firstOffset: z.int().min(0), lastOffset: z.int().min(0),
      rowCount: z.int().min(0), rejectedCount: z.int().min(0), sizeBytes: z.int().min(0), checksum: z.int().min(0),
    })),
  })),
})

export function manifestKey(source: string, through: number): string {
  return `archive/${source}/manifests/${through}.json`
}

export function encodeManifest(manifest: Manifest): Uint8Array {
  return encodeSealed(manifest)
}

/** Throws STORE_DAMAGED or STORE_TOO_NEW. */
export function decodeManifest(bytes: Uint8Array, where: string): Manifest {
  return decodeSealed(manifestSchema, MANIFEST_VERSION, bytes, where, 'Restore the object from a copy; nothing is computed from what is not as it was written.')
}
