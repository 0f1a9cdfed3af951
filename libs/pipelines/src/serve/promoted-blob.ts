// What a generation has of an entity, as it is kept in a cache that others can write to: under a key that says what it is of, and sealed with it.
//
//   key:    VIEW ID, space, generation, space, cut, space, the entity's key
//   value:  0  u8   format version, 1
//           1  u8   1: the row's blob follows; 0: the generation has none
//           2  u16  0
//           4  u32  CRC-32 of the key, and of all of the value but these four bytes
//           8  f64  the row's generation, at or below the key's; 0: there is none
//          16       the blob
//
// Little-endian. A number of a generation is never used twice, and what a published generation has never changes. The cut is in the key for whoever
// makes a system anew and forgets its cache: its first generation has another cut.

import { crc32 } from 'node:zlib'
import type { StoredBatchRow } from '@tidemark/ports/batch-view-store'

/** Which generation is read, and its cut. */
export interface PinnedGeneration {
  readonly n: number
  readonly cut: number
}

const FORMAT_VERSION = 1
const HEADER_SIZE_BYTES = 16
const AT_HAS_BLOB = 1
const AT_SUM = 4
const AT_GENERATION = 8

export type PromotedKey = (view: string, pin: PinnedGeneration, entity: Uint8Array) => Uint8Array

export const promotedKey: PromotedKey = (view, { n, cut }, entity) => Buffer.concat([Buffer.from(`${view} ${n} ${cut} `), entity])

/** null: the generation has none. */
export function encodePromoted(key: Uint8Array, row: StoredBatchRow | null): Uint8Array {
  const bytes = Buffer.alloc(HEADER_SIZE_BYTES + (row?.blob.length ?? 0))
  bytes[0] = FORMAT_VERSION
  bytes[AT_HAS_BLOB] = row === null ? 0 : 1
  bytes.writeDoubleLE(row?.generation ?? 0, AT_GENERATION)
  if (row !== null) bytes.set(row.blob, HEADER_SIZE_BYTES)
  bytes.writeUInt32LE(sumOf(key, bytes), AT_SUM)
  return bytes
}

/** A text: why it cannot be used. */
export function decodePromoted(key: Uint8Array, value: Uint8Array): StoredBatchRow | null | string {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  if (bytes.length > 0 && bytes[0] !== FORMAT_VERSION) return `Its format version is ${bytes[0]}; this release reads ${FORMAT_VERSION}.`
  if (bytes.length < HEADER_SIZE_BYTES || sumOf(key, bytes) !== bytes.readUInt32LE(AT_SUM)) return 'It is not what was put under its key: the checksum differs.'
  if (bytes[AT_HAS_BLOB] === 0) return null
  return { generation: bytes.readDoubleLE(AT_GENERATION), blob: value.subarray(HEADER_SIZE_BYTES) }
}

function sumOf(key: Uint8Array, bytes: Buffer): number {
  return crc32(bytes.subarray(AT_GENERATION), crc32(bytes.subarray(0, AT_SUM), crc32(key)))
}
