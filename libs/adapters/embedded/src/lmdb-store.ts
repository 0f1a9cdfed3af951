// The one place that imports lmdb: an environment in a folder, opened so that a transaction is on the disk once its promise resolves.
//
// lmdb's default lets a commit resolve before it is flushed (`overlappingSync`); with it off, a commit writes its pages, flushes, writes
// and flushes the meta page, and only then resolves: it survives kill -9 and a power cut. With `noSync` it survives kill -9 alone.

import console from 'node:console'
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
    return tellingNobodyElse(open<Buffer, Uint8Array>({ ...BYTES, path: folder, noSubdir: false, maxDbs: DATABASES_MAX, overlappingSync: false, eventTurnBatching: false, noSync: options.durability === 'process', readOnly: options.readOnly }))
  } catch (error) {
    throw asTidemarkError(error, folder)
  }
}

interface Writing {
  /** `end` hears of each transaction, and of the failure that the commit's promise is rejected with. */
  startWriting(at: number, end: (status: number) => unknown): void
}

/** What lmdb means by a status that is no failure: a batch, or a transaction, was written; a transaction's turn has come. */
const WRITING_WENT_WELL: ReadonlySet<number> = new Set([0, 1, 2])

/** A failed commit is told to who asked for it. lmdb prints it on stderr as well, where it is no part of what this process says. */
function tellingNobodyElse(root: LmdbRoot): LmdbRoot {
  const { env } = root as unknown as { env: Writing }
  const startWriting = env.startWriting.bind(env)
  const startQuietly: Writing['startWriting'] = (at, end) => startWriting(at, (status) => (WRITING_WENT_WELL.has(status) ? end(status) : inSilence(() => end(status))))
  Object.defineProperty(env, 'startWriting', { value: startQuietly })
  return root
}

function inSilence<T>(action: () => T): T {
  const { error } = console
  console.error = () => undefined
  try {
    return action()
  } finally {
    console.error = error
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
