// The child of verify-folder.ts: walks every database of a folder, checks each value's checksum and each database's count, and prints a
// verdict. It only reads, and others may write meanwhile: all is read in one snapshot. LMDB's binding begins a new one whenever it opens a
// database, so every database is opened before the first is walked.

import { TidemarkError } from '@tidemark/feature-schema/errors'
import { COUNTS_NAME, decodeCount } from './embedded-databases.ts'
import { asTidemarkError, damaged } from './embedded-errors.ts'
import { entryCountOf, openLmdb, openLmdbDatabase, type LmdbDatabase, type LmdbRoot } from './lmdb-store.ts'
import { checkSeal, checksumSeed } from './sealed-value.ts'
import type { Verdict } from './verify-folder.ts'

const EVERY_KEY = Buffer.from([0])

function verify(folder: string): Verdict {
  try {
    const { expected, databases } = openAll(openLmdb(folder, { durability: 'disk', readOnly: true }), folder)
    let entryCount = 0
    for (const [name, count] of expected) entryCount += walk(databases.get(name)!, folder, name, count, () => undefined)
    return { verdict: 'sound', entryCount }
  } catch (error) {
    const coded = asTidemarkError(error, folder)
    if (!(coded instanceof TidemarkError)) return { verdict: 'damaged', where: folder, message: `Reading it fails: ${String(error)}.` }
    const { where, message } = coded.problems[0]!
    return { verdict: coded.code === 'STORE_DAMAGED' ? 'damaged' : 'unavailable', where, message }
  }
}

/** Every database that is listed, and how many entries each should have in the snapshot that is current from here on. */
function openAll(root: LmdbRoot, folder: string): { expected: ReadonlyMap<string, number>; databases: ReadonlyMap<string, LmdbDatabase> } {
  const counts = openOne(root, folder, COUNTS_NAME)
  const databases = new Map<string, LmdbDatabase>()
  for (;;) {
    const expected = walkCounts(counts, folder)
    const added = [...expected.keys()].filter((name) => !databases.has(name))
    if (added.length === 0) return { expected, databases }
    for (const name of added) databases.set(name, openOne(root, folder, name))
  }
}

function openOne(root: LmdbRoot, folder: string, name: string): LmdbDatabase {
  const database = openLmdbDatabase(root, name, false)
  if (database === null) throw damaged(`${folder}, database ${name}`, 'The database is not there any more: data.mdb is cut short, or another one than was written.')
  return database
}

function walkCounts(counts: LmdbDatabase, folder: string): ReadonlyMap<string, number> {
  const expected = new Map<string, number>()
  const found = walk(counts, folder, COUNTS_NAME, null, (key, sealed) => expected.set(key.toString(), decodeCount(sealed)))
  if (expected.get(COUNTS_NAME) !== found - 1) throw damaged(folder, 'The list of its databases is not complete.')
  expected.delete(COUNTS_NAME)
  return expected
}

function walk(database: LmdbDatabase, folder: string, name: string, expected: number | null, visit: (key: Buffer, sealed: Buffer) => void): number {
  const where = `${folder}, database ${name}`
  const limit = expected ?? entryCountOf(database)
  const seed = checksumSeed(name)
  let count = 0
  for (const { key, value } of database.getRange({ start: EVERY_KEY })) {
    checkSeal(value, seed, key, where)
    visit(key as Buffer, value)
    count++
    if (count > limit) break // Pages that point in a circle would go on for ever.
  }
  if (count !== limit) throw damaged(where, `It has ${count > limit ? 'more' : 'only'} ${count > limit ? `than ${limit}` : count} entries; ${limit} were written.`)
  return count
}

process.stdout.write(`${JSON.stringify(verify(process.argv[2]!))}\n`)
process.exitCode = 0
