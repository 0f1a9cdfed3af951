// How every value of the environment is stored: with a checksum over the database's name, the key and the bytes, because LMDB notices
// neither a changed byte nor a value under another key. Version 1 (of the folder's format), little-endian:
//
//    0  u32 crc32 of (database name, key, bytes from 4 on), in this order
//    4  the bytes

import { crc32 } from 'node:zlib'
import { damaged } from './embedded-errors.ts'

export const SEAL_BYTES = 4

/** What the checksums of a database start from. */
export function checksumSeed(databaseName: string): number {
  return crc32(databaseName)
}

export function writeSeal(sealed: Buffer, seed: number, key: Uint8Array): void {
  sealed.writeUInt32LE(crc32(sealed.subarray(SEAL_BYTES), crc32(key, seed)), 0)
}

/** Throws STORE_DAMAGED where the bytes are not what was sealed under this key. */
export function checkSeal(sealed: Buffer, seed: number, key: Uint8Array, where: string): void {
  if (sealed.length >= SEAL_BYTES && crc32(sealed.subarray(SEAL_BYTES), crc32(key, seed)) === sealed.readUInt32LE(0)) return
  throw damaged(`${where}, key ${Buffer.from(key).toString('hex')}`, 'The checksum of a value is not what was written.')
}
