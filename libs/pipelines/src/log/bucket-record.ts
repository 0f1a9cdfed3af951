// The bytes of a bucket record: after which epoch the bucket's state starts, also for an entity that has no chunk in it, and what is still
// being replayed into it. A reader whose cut is older pins its pointer again; an answer from a bucket that is replayed, or that has no record
// because it was discarded, says that it may lack events. Version 2, little-endian; version 1 ended after the epoch:
//
//    0  u8 0x42 | u8 version | u16 0 | u32 crc32 of bytes 8 to the end
//    8  f64 epoch after which the state starts (-Infinity: it has every epoch)
//   16  for each partition that is being replayed: u32 its number

import { crc32 } from 'node:zlib'
import { checkHeader } from './fence.ts'

const MAGIC = 0x42
const RECORD_VERSION = 2
const AT_PARTITIONS = 16

export interface BucketRecord {
  readonly startsAfterEpoch: number
  /** Partitions of which the state was never as far as the log's end since it began. */
  readonly replaying: readonly number[]
}

export function encodeBucketRecord({ startsAfterEpoch, replaying }: BucketRecord): Uint8Array {
  const bytes = new Uint8Array(AT_PARTITIONS + 4 * replaying.length)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, MAGIC)
  view.setUint8(1, RECORD_VERSION)
  view.setFloat64(8, startsAfterEpoch, true)
  for (const [i, partition] of replaying.entries()) view.setUint32(AT_PARTITIONS + 4 * i, partition, true)
  view.setUint32(4, crc32(bytes.subarray(8)), true)
  return bytes
}

/** Throws STORE_DAMAGED or STORE_TOO_NEW. */
export function decodeBucketRecord(bytes: Uint8Array, where: string): BucketRecord {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const replayingCount = Math.max(0, Math.floor((bytes.byteLength - AT_PARTITIONS) / 4))
  checkHeader(view, MAGIC, RECORD_VERSION, AT_PARTITIONS + 4 * replayingCount, where)
  return {
    startsAfterEpoch: view.getFloat64(8, true),
    replaying: Array.from({ length: replayingCount }, (_, i) => view.getUint32(AT_PARTITIONS + 4 * i, true)),
  }
}
