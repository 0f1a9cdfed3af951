// The bytes of a fence: of a view's bucket, what its state contains of one source partition. Version 1, little-endian:
//
//    0  u8 0x46 | u8 version | u16 0 | u32 crc32 of bytes 8 to the end
//    8  f64 next offset: everything before it is contained
//   16  f64 running epoch (-Infinity: no record yet)
//   24  f64 running maximum of append times (-Infinity: no record yet)
//   32  f64 offset of the last visible record before `next` (-1: none)
//   40  f64 its append time
//   48  u32 crc32 of its value | u32 how often the fence was barred since it was put

import { crc32 } from 'node:zlib'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { PartitionPosition } from './partition-position.ts'

const MAGIC = 0x46
const FENCE_VERSION = 1
const FENCE_BYTES = 56

export function encodeFence({ next, epoch, knownTimeMs, mark }: PartitionPosition): Uint8Array {
  const bytes = new Uint8Array(FENCE_BYTES)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, MAGIC)
  view.setUint8(1, FENCE_VERSION)
  view.setFloat64(8, next, true)
  view.setFloat64(16, epoch, true)
  view.setFloat64(24, knownTimeMs, true)
  view.setFloat64(32, mark?.offset ?? -1, true)
  view.setFloat64(40, mark?.appendTimeMs ?? 0, true)
  view.setUint32(48, mark?.checksum ?? 0, true)
  view.setUint32(4, crc32(bytes.subarray(8)), true)
  return bytes
}

/**
 * The bytes of the same fence that nobody has read yet: a command that was made before expects others, and is refused. Whoever is refused reads the
 * seal register again before he makes it anew (declare-append-time.ts).
 */
export function barFence(bytes: Uint8Array): Uint8Array {
  const barred = Uint8Array.from(bytes)
  const view = new DataView(barred.buffer)
  view.setUint32(52, (view.getUint32(52, true) + 1) >>> 0, true)
  view.setUint32(4, crc32(barred.subarray(8)), true)
  return barred
}

/** Throws STORE_DAMAGED or STORE_TOO_NEW. */
export function decodeFence(bytes: Uint8Array, where: string): PartitionPosition {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  checkHeader(view, MAGIC, FENCE_VERSION, FENCE_BYTES, where)
  const markOffset = view.getFloat64(32, true)
  return {
    next: view.getFloat64(8, true),
    epoch: view.getFloat64(16, true),
    knownTimeMs: view.getFloat64(24, true),
    mark: markOffset < 0 ? null : { offset: markOffset, appendTimeMs: view.getFloat64(40, true), checksum: view.getUint32(48, true) },
  }
}

/** Checks magic, version, length and checksum of a small record. Throws STORE_DAMAGED or STORE_TOO_NEW. */
export function checkHeader(view: DataView, magic: number, version: number, sizeBytes: number, where: string): void {
  const problem = (code: 'STORE_DAMAGED' | 'STORE_TOO_NEW', message: string, action: string): TidemarkError => new TidemarkError([{ code, message, where, action }])
  const rebuild = 'Remove the view\'s speed state; it is rebuilt from the log.'
  if (view.byteLength < 8 || view.getUint8(0) !== magic) throw problem('STORE_DAMAGED', 'It does not begin as it was written.', rebuild)
  if (view.getUint8(1) > version) throw problem('STORE_TOO_NEW', `It has format version ${view.getUint8(1)}; this release reads up to ${version}.`, 'Upgrade this layer before the one that writes.')
  const body = new Uint8Array(view.buffer, view.byteOffset + 8, view.byteLength - 8)
  if (view.byteLength !== sizeBytes || crc32(body) !== view.getUint32(4, true)) throw problem('STORE_DAMAGED', 'Its length or checksum is not what was written.', rebuild)
}
