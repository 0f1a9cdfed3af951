// The child of verify-folder.ts: walks every database of a folder, checks each value's checksum and each database's count, and prints a
// verdict. It only reads, and others may write meanwhile: all is read in one snapshot. LMDB's binding begins a new one whenever it opens a
// database, so every database is opened before the first is walked.
//
// Damaged values of databases that are named as derived are no reason to refuse the folder: they are told, or, where it is asked for, their databases
// emptied, here as well, because LMDB may crash on that too; then all is read again.
//
//   node verify-child.ts FOLDER look|empty [DERIVED DATABASE …]

import { TidemarkError } from '@tidemark/feature-schema/errors'
import { COUNTS_NAME, createDatabases, decodeCount } from './embedded-databases.ts'
import { asTidemarkError, damaged } from './embedded-errors.ts'
import { entryCountOf, openLmdb, openLmdbDatabase, type LmdbDatabase, type LmdbRoot } from './lmdb-store.ts'
import { checkSeal, checksumSeed } from './sealed-value.ts'
import type { BrokenDatabase, Verdict } from './verify-folder.ts'

/** What reading a node that says to be of a kind which there is not gives; to a writer it may mean other things. */
const MDB_BAD_TXN = -30_782
const EVERY_KEY = Buffer.from([0])

async function verify(folder: string, { isEmptying, derived }: { isEmptying: boolean; derived: ReadonlySet<string> }): Promise<Verdict> {
  try {
    const found = await look(folder, derived)
    if (found.broken.length === 0 || !isEmptying) return { verdict: 'sound', ...found }
    await empty(folder, found.broken.map(({ database }) => database))
    const { entryCount, broken: [still] } = await look(folder, derived)
    return still === undefined ? { verdict: 'sound', entryCount, broken: found.broken } : { verdict: 'damaged', where: still.where, message: still.message }
  } catch (error) {
    if ((error as { code?: unknown }).code === MDB_BAD_TXN) return { verdict: 'damaged', where: folder, message: `Reading it fails ("${(error as Error).message}").` }
    const coded = asTidemarkError(error, folder)
    if (!(coded instanceof TidemarkError)) return { verdict: 'damaged', where: folder, message: `Reading it fails: ${String(error)}.` }
    const { where, message } = coded.problems[0]!
    return { verdict: coded.code === 'STORE_DAMAGED' ? 'damaged' : 'unavailable', where, message }
  }
}

async function look(folder: string, derived: ReadonlySet<string>): Promise<{ entryCount: number; broken: BrokenDatabase[] }> {
  const root = openLmdb(folder, { durability: 'disk', readOnly: true })
  const { expected, databases } = openAll(root, folder)
  const broken: BrokenDatabase[] = []
  let entryCount = 0
  for (const [name, count] of expected) {
    let first: BrokenDatabase | null = null
    entryCount += walk(databases.get(name)!, folder, name, count, () => undefined, (error) => {
      if (!derived.has(name)) throw error
      const { where, message } = error.problems[0]!
      first ??= { database: name, where, message }
    })
    if (first !== null) broken.push(first)
  }
  await root.close()
  return { entryCount, broken }
}

/** Empties databases, each with its count. */
async function empty(folder: string, names: readonly string[]): Promise<void> {
  const root = openLmdb(folder, { durability: 'disk', readOnly: false })
  const databases = createDatabases(root, folder, true)
  for (const name of names) {
    const database = databases.open(name)
    root.transactionSync(() => {
      database.lmdb.clearSync()
      databases.putCount(database, 0)
    })
  }
  await root.close()
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

function walk(database: LmdbDatabase, folder: string, name: string, expected: number | null, visit: (key: Buffer, sealed: Buffer) => void, onDamage: (error: TidemarkError) => void = rethrow): number {
  const where = `${folder}, database ${name}`
  const limit = expected ?? entryCountOf(database)
  const seed = checksumSeed(name)
  let count = 0
  for (const { key, value } of database.getRange({ start: EVERY_KEY })) {
    checkValue(value, seed, key, where, onDamage)
    visit(key as Buffer, value)
    count++
    if (count > limit) break // Pages that point in a circle would go on for ever.
  }
  if (count !== limit) throw damaged(where, `It has ${count > limit ? 'more' : 'only'} ${count > limit ? `than ${limit}` : count} entries; ${limit} were written.`)
  return count
}

function checkValue(sealed: Buffer, seed: number, key: Uint8Array, where: string, onDamage: (error: TidemarkError) => void): void {
  try {
    checkSeal(sealed, seed, key, where)
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error
    onDamage(error)
  }
}

function rethrow(error: TidemarkError): never {
  throw error
}

const [folder, mode, ...derived] = process.argv.slice(2)
process.stdout.write(`${JSON.stringify(await verify(folder!, { isEmptying: mode === 'empty', derived: new Set(derived) }))}\n`)
process.exitCode = 0
