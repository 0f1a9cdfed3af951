// Reading sealed values of the snapshot, or write transaction, that is current. What comes back are copies.

import { crc32 } from 'node:zlib'
import type { EmbeddedDatabase } from './embedded-databases.ts'
import { damaged } from './embedded-errors.ts'
import { checkSeal, SEAL_BYTES } from './sealed-value.ts'

export interface Entry {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

export interface Reader {
  /** null: there is none. STORE_DAMAGED. */
  get(database: EmbeddedDatabase, key: Uint8Array): Uint8Array | null
  /**
   * The value as it is sealed, without a copy and only until the next read, its checksum not compared: for comparing it with what was read
   * and checked before, where damage can do no more than look different.
   */
  peek(database: EmbeddedDatabase, key: Uint8Array): Uint8Array | null
  /** The entries from `from` on and before `to`, in the order of key bytes. STORE_DAMAGED. */
  entries(database: EmbeddedDatabase, from: Uint8Array, to: Uint8Array): Iterable<Entry>
  /** The keys from `from` on and before `to`, in the order of their bytes; their values are not read. */
  keys(database: EmbeddedDatabase, from: Uint8Array, to: Uint8Array): Iterable<Uint8Array>
  /** The entry with the greatest key of those from `from` through `key`; null: there is none. STORE_DAMAGED. */
  lastThrough(database: EmbeddedDatabase, from: Uint8Array, key: Uint8Array): Entry | null
}

export function createReader(folder: string): Reader {
  const whereOf = ({ name }: EmbeddedDatabase): string => `${folder}, database ${name}`

  function opened(database: EmbeddedDatabase, { key, value }: { key: Uint8Array; value: Buffer }): Entry {
    checkSeal(value, database.seed, key, whereOf(database))
    return { key, value: new Uint8Array(value.buffer, value.byteOffset + SEAL_BYTES, value.length - SEAL_BYTES) }
  }

  return {
    get(database, key) {
      const sealed = database.lmdb.getBinaryFast(key)
      if (sealed === undefined) return null
      // It is lmdb's own buffer, longer than the value, and lasts until the next get.
      const end = sealed.length
      const value = Uint8Array.prototype.slice.call(sealed, SEAL_BYTES, end)
      const seal = (sealed[0]! | (sealed[1]! << 8) | (sealed[2]! << 16) | (sealed[3]! << 24)) >>> 0
      if (end < SEAL_BYTES || crc32(value, crc32(key, database.seed)) !== seal) throw damaged(`${whereOf(database)}, key ${Buffer.from(key).toString('hex')}`, 'The checksum of a value is not what was written.')
      return value
    },
    peek: (database, key) => database.lmdb.getBinaryFast(key) ?? null,
    *entries(database, from, to) {
      for (const entry of database.lmdb.getRange({ start: from, end: to })) yield opened(database, entry)
    },
    keys: (database, from, to) => database.lmdb.getKeys({ start: from, end: to }),
    lastThrough(database, from, key) {
      for (const entry of database.lmdb.getRange({ start: key, end: from, inclusiveEnd: true, reverse: true, limit: 1 })) return opened(database, entry)
      return null
    },
  }
}
