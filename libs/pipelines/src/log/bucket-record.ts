// The bytes of a bucket record: after which epoch the bucket's state starts, also for an entity that has no chunk in it. A reader whose cut
// is older pins its pointer again. Version 1, little-endian:
//
//    0  u8 0x42 | u8 version | u16 0 | u32 crc32 of bytes 8 to the end
//    8  f64 epoch after which the state starts (-Infinity: it has every epoch)

import { crc32 } from 'node:zlib'
import { checkHeader } from './fence.ts'

const MAGIC = 0x42
const RECORD_VERSION = 1
const RECORD_BYTES = 16

export interface BucketRecord {
  readonly startsAfterEpoch: number
}

export function encodeBucketRecord({ startsAfterEpoch }: BucketRecord): Uint8Array {
  const bytes = new Uint8Array(RECORD_BYTES)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, MAGIC)
  view.setUint8(1, RECORD_VERSION)
  view.setFloat64(8, startsAfterEpoch, true)
  view.setUint32(4, crc32(bytes.subarray(8)), true)
  return bytes
}

/** Throws STORE_DAMAGED or STORE_TOO_NEW. */
export function decodeBucketRecord(bytes: Uint8Array, where: string): BucketRecord {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  checkHeader(view, MAGIC, RECORD_VERSION, RECORD_BYTES, where)
  return { startsAfterEpoch: view.getFloat64(8, true) }
}
