// The bytes of a part: some rows of a generation as they lie in the object store before they are loaded, and where they stay until
// neither a purge nor a clean-up asks which rows a generation has. Version 1, little-endian:
//
//    0  u8 0x50 | u8 version | u16 0 | u32 crc32 of bytes 8 to the end
//    8  u32 count of rows | u32 0
//   16  for each row: u32 length of the entity's key | u32 length of the blob | the key | the blob

import { crc32 } from 'node:zlib'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { BatchRow } from '@tidemark/ports/batch-view-store'

const MAGIC = 0x50
const PART_VERSION = 1
const HEADER_BYTES = 16
const ROW_HEADER_BYTES = 8

/** What a row takes in a part. */
export function rowSizeBytes({ entity, blob }: BatchRow): number {
  return ROW_HEADER_BYTES + entity.byteLength + blob.byteLength
}

export function encodePart(rows: readonly BatchRow[]): Uint8Array {
  const bytes = new Uint8Array(rows.reduce((size, row) => size + rowSizeBytes(row), HEADER_BYTES))
  const view = new DataView(bytes.buffer)
  view.setUint8(0, MAGIC)
  view.setUint8(1, PART_VERSION)
  view.setUint32(8, rows.length, true)
  let at = HEADER_BYTES
  for (const { entity, blob } of rows) {
    view.setUint32(at, entity.byteLength, true)
    view.setUint32(at + 4, blob.byteLength, true)
    bytes.set(entity, at + ROW_HEADER_BYTES)
    bytes.set(blob, at + ROW_HEADER_BYTES + entity.byteLength)
    at += ROW_HEADER_BYTES + entity.byteLength + blob.byteLength
  }
  view.setUint32(4, crc32(bytes.subarray(8)), true)
  return bytes
}

/** The rows of a part, in its own memory. Throws STORE_DAMAGED or STORE_TOO_NEW. */
export function decodePart(bytes: Uint8Array, where: string): BatchRow[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.byteLength < HEADER_BYTES || view.getUint8(0) !== MAGIC) throw damaged('It does not begin as it was written.', where)
  if (view.getUint8(1) > PART_VERSION) {
    const message = `It has format version ${view.getUint8(1)}; this release reads up to ${PART_VERSION}.`
    throw new TidemarkError([{ code: 'STORE_TOO_NEW', message, where, action: 'Upgrade this layer before the one that writes.' }])
  }
  if (crc32(bytes.subarray(8)) !== view.getUint32(4, true)) throw damaged('Its checksum is not what was written.', where)
  const rows: BatchRow[] = []
  let at = HEADER_BYTES
  for (let left = view.getUint32(8, true); left > 0; left--) {
    const entityAt = at + ROW_HEADER_BYTES
    const blobAt = entityAt + view.getUint32(at, true)
    const end = blobAt + view.getUint32(at + 4, true)
    rows.push({ entity: bytes.subarray(entityAt, blobAt), blob: bytes.subarray(blobAt, end) })
    at = end
  }
  if (at !== bytes.byteLength) throw damaged('Its length is not that of its rows.', where)
  return rows
}

function damaged(message: string, where: string): TidemarkError {
  return new TidemarkError([{ code: 'STORE_DAMAGED', message, where, action: 'Run the batch again; nothing was published from it.' }])
}
