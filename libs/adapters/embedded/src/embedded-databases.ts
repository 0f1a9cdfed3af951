// The named databases of an environment and how many entries each should have. The database `counts` holds, sealed like everything:
//
//   name of a database (UTF-8) -> f64 little-endian, its entries;  `counts` itself -> the number of the others
//
// A database that is listed here and is not there, or has another number of entries than LMDB or a walk finds, is damaged.

import { damaged } from './embedded-errors.ts'
import { entryCountOf, openLmdbDatabase, type LmdbDatabase, type LmdbRoot } from './lmdb-store.ts'
import { checkSeal, checksumSeed, SEAL_BYTES, writeSeal } from './sealed-value.ts'

export const COUNTS_NAME = 'counts'
const COUNT_BYTES = SEAL_BYTES + 8

export interface EmbeddedDatabase {
  readonly name: string
  readonly lmdb: LmdbDatabase
  /** What its checksums start from. */
  readonly seed: number
}

export interface Databases {
  /** Opens a database or makes it; not while a write transaction is open. */
  open(name: string): EmbeddedDatabase
  /** Throws STORE_DAMAGED where LMDB counts other entries than were written. Within a write transaction. */
  checkCount(database: EmbeddedDatabase): number
  /** How many others than the counts were ever opened in the folder. STORE_DAMAGED. */
  listedCount(): number
  /** Within a write transaction. */
  putCount(database: EmbeddedDatabase, count: number): void
}

/** `isMade`: the folder was opened before, so that its counts have to be there. */
export function createDatabases(root: LmdbRoot, folder: string, isMade: boolean): Databases {
  const counts = openCounts(root, folder, isMade)
  const byName = new Map<string, EmbeddedDatabase>()

  function open(name: string): EmbeddedDatabase {
    const known = byName.get(name)
    if (known !== undefined) return known
    if (name === COUNTS_NAME || name === '') throw new Error(`A database cannot be named "${name}".`)
    const isListed = readCount(counts, name, folder) !== null
    const lmdb = openLmdbDatabase(root, name, !isListed)
    if (lmdb === null) throw damaged(folder, `Its database ${name} is gone.`)
    const database = { name, lmdb, seed: checksumSeed(name) }
    root.transactionSync(() => list(database))
    byName.set(name, database)
    return database
  }

  function list(database: EmbeddedDatabase): void {
    if (readCount(counts, database.name, folder) !== null) return
    if (entryCountOf(database.lmdb) > 0) throw damaged(folder, `The count of its database ${database.name} is gone.`)
    writeCount(counts, database.name, 0)
    writeCount(counts, COUNTS_NAME, entryCountOf(counts.lmdb) - 1)
  }

  return {
    open,
    checkCount(database) {
      const expected = readCount(counts, database.name, folder)
      const found = entryCountOf(database.lmdb)
      if (expected !== found) throw damaged(`${folder}, database ${database.name}`, `It has ${found} entries; ${expected ?? 'an unknown number'} were written.`)
      return found
    },
    listedCount: () => readCount(counts, COUNTS_NAME, folder) ?? 0,
    putCount: (database, count) => writeCount(counts, database.name, count),
  }
}

function openCounts(root: LmdbRoot, folder: string, isMade: boolean): EmbeddedDatabase {
  const lmdb = openLmdbDatabase(root, COUNTS_NAME, !isMade)
  if (lmdb === null) throw damaged(folder, 'Its database of counts is gone.')
  const counts = { name: COUNTS_NAME, lmdb, seed: checksumSeed(COUNTS_NAME) }
  if (readCount(counts, COUNTS_NAME, folder) === null) {
    if (isMade) throw damaged(folder, 'Its counts are gone.')
    root.transactionSync(() => {
      if (readCount(counts, COUNTS_NAME, folder) === null) writeCount(counts, COUNTS_NAME, 0)
    })
  }
  return counts
}

function readCount(counts: EmbeddedDatabase, name: string, folder: string): number | null {
  const key = Buffer.from(name)
  const sealed = counts.lmdb.getBinary(key)
  if (sealed === undefined) return null
  checkSeal(sealed, counts.seed, key, `${folder}, database ${COUNTS_NAME}`)
  return decodeCount(sealed)
}

/** The count of a sealed entry of `counts`. */
export function decodeCount(sealed: Buffer): number {
  return sealed.readDoubleLE(SEAL_BYTES)
}

function writeCount(counts: EmbeddedDatabase, name: string, count: number): void {
  const key = Buffer.from(name)
  const sealed = Buffer.alloc(COUNT_BYTES)
  sealed.writeDoubleLE(count, SEAL_BYTES)
  writeSeal(sealed, counts.seed, key)
  void counts.lmdb.put(key, sealed)
}
