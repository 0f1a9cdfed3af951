// The one place that imports lmdb: an environment in a folder, opened so that a transaction is on the disk once its promise resolves.
//
// lmdb's default lets a commit resolve before it is flushed (`overlappingSync`); with it off, a commit writes its pages, flushes, writes
// and flushes the meta page, and only then resolves: it survives kill -9 and a power cut. With `noSync` it survives kill -9 alone.

import { open, type Database, type RootDatabase } from 'lmdb'
import { asTidemarkError } from './embedded-errors.ts'

/** 'disk': flushed when a write resolves. 'process': survives the end of the process only; for folders that are thrown away. */
export type Durability = 'disk' | 'process'

/** Named databases that one environment may have. */
const DATABASES_MAX = 64
/** LMDB's limit at its default page size. */
export const KEY_SIZE_MAX_BYTES = 1_978

export type LmdbRoot = RootDatabase<Buffer, Uint8Array>
export type LmdbDatabase = Database<Buffer, Uint8Array>

const BYTES = { encoding: 'binary', keyEncoding: 'binary' } as const

export function openLmdb(folder: string, options: { durability: Durability; readOnly: boolean }): LmdbRoot {
  try {
    return open<Buffer, Uint8Array>({ ...BYTES, path: folder, noSubdir: false, maxDbs: DATABASES_MAX, overlappingSync: false, eventTurnBatching: false, noSync: options.durability === 'process', readOnly: options.readOnly })
  } catch (error) {
    throw asTidemarkError(error, folder)
  }
}

/** null: there is none of this name, and it was not to be created. */
export function openLmdbDatabase(root: LmdbRoot, name: string, create: boolean): LmdbDatabase | null {
  // lmdb gives undefined for a database that is not there, which its types do not say.
  return (root.openDB(name, { ...BYTES, create } as typeof BYTES) as LmdbDatabase | undefined) ?? null
}

/** Entries, as LMDB counts them, in the transaction that is current. */
export function entryCountOf(database: LmdbDatabase): number {
  return (database.getStats() as { entryCount: number }).entryCount
}
