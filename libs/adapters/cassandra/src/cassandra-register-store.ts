// Registers in Cassandra: a row for each in the table `registers`, changed by lightweight transactions only and read at the same level, so that a
// read sees every compare-and-set that was answered before it.
//
// Whoever loses the answer to a compare-and-set looks whether the revision that he drew for it is there. It is: he has won. Otherwise it may have been
// done and replaced since, or may yet be done: nobody can tell, and it is STORE_UNAVAILABLE, never "somebody was faster".

import type { types } from 'cassandra-driver'
import { REGISTER_SIZE_MAX_BYTES, type Register, type RegisterStore } from '@tidemark/ports/register-store'
import type { NewRevision, Revision } from '@tidemark/ports/revision'
import { asTidemarkError, mayHaveArrived, problem, unknownOutcome } from './cassandra-errors.ts'
import type { CassandraCalls } from './cassandra-session.ts'

/** The registers of a session, which stays open when this is disposed of. Names have from 1 to 65,535 bytes. */
export function createCassandraRegisterStore(session: CassandraCalls, { newRevision }: { readonly newRevision: NewRevision }): RegisterStore {
  const table = `${session.keyspace}.registers`
  const select = `SELECT revision, bytes FROM ${table} WHERE name = ?`
  const selectNames = `SELECT DISTINCT name FROM ${table}`
  const create = `INSERT INTO ${table} (name, revision, bytes) VALUES (?, ?, ?) IF NOT EXISTS`
  const replace = `UPDATE ${table} SET revision = ?, bytes = ? WHERE name = ? IF revision = ?`

  const read = async (name: string): Promise<Register | null> => {
    const [row] = await session.readSerial(`register ${name}`, select, [name])
    if (row === undefined) return null
    if (row.revision === null || row.bytes === null) {
      throw problem('STORE_DAMAGED', `${session.where}, register ${name}`, 'It has no revision or no bytes.', 'Something else than Tidemark wrote into the table. Restore it from a snapshot.')
    }
    return { revision: (row.revision as types.Long).toNumber() as Revision, bytes: row.bytes as Buffer }
  }

  return {
    read,
    async compareAndSet(name, expected, bytes) {
      if (bytes.length > REGISTER_SIZE_MAX_BYTES) throw new Error(`The register ${name} would have ${bytes.length} bytes, at most ${REGISTER_SIZE_MAX_BYTES}.`)
      const revision = newRevision()
      const value = Buffer.from(bytes)
      try {
        const isApplied = await (expected === null
          ? session.compareAndSet(create, [name, revision, value])
          : session.compareAndSet(replace, [revision, value, name, expected]))
        return isApplied ? revision : null
      } catch (error) {
        const where = `${session.where}, register ${name}`
        if (!mayHaveArrived(error)) throw asTidemarkError(error, where)
        if ((await read(name))?.revision === revision) return revision
        throw unknownOutcome(where)
      }
    },
    async list(prefix) {
      const rows = await session.read('registers', selectNames, [])
      const names = rows.map((row) => Buffer.from(row.name as string)).sort(Buffer.compare)
      return names.map(String).filter((name) => name.startsWith(prefix))
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}
