// How a compare-and-set ends when its answer is lost, by what is found there then.
import { describe, expect, it } from '@jest/globals'
import { errors, types } from 'cassandra-driver'
import type { RegisterStore } from '@tidemark/ports/register-store'
import type { Revision } from '@tidemark/ports/revision'
import { createCassandraRegisterStore } from './cassandra-register-store.ts'
import { openCassandra, type CassandraCalls } from './cassandra-session.ts'

const OWN = 7 as Revision
const { responseErrorCodes: codes } = types

/** A store whose compare-and-set ends so, and where this revision is found afterwards. */
function storeOf(answer: boolean | Error, foundRevision: number | null | Error): RegisterStore {
  const unasked = (): never => {
    throw new Error('Nobody asks for this.')
  }
  const calls: CassandraCalls = {
    keyspace: 'features', where: 'Cassandra at here', read: unasked, write: unasked, forEach: unasked,
    compareAndSet: async () => {
      if (typeof answer !== 'boolean') throw answer
      return answer
    },
    readSerial: async () => {
      if (foundRevision instanceof Error) throw foundRevision
      return foundRevision === null ? [] : [{ revision: types.Long.fromNumber(foundRevision), bytes: Buffer.from('x') } as unknown as types.Row]
    },
  }
  return createCassandraRegisterStore(calls, { newRevision: () => OWN })
}

const set = (store: RegisterStore, expected: number | null = 3): Promise<Revision | null> => store.compareAndSet('r', expected as Revision | null, new Uint8Array(1))

describe('CassandraRegisterStore', () => {
  it('believes an answer', async () => {
    expect(await set(storeOf(true, null))).toBe(OWN)
    expect(await set(storeOf(false, null))).toBeNull()
    expect(await set(storeOf(false, OWN), null)).toBeNull()
  })

  it.each([
    new errors.ResponseError(codes.writeTimeout, 'CAS'), new errors.ResponseError(codes.readTimeout, 'CAS'), new errors.ResponseError(codes.unavailableException, 'commit'),
    new errors.OperationTimedOutError('no answer'), new errors.NoHostAvailableError({}, 'The connection was cut.'),
  ])('looks for its revision after %s', async (error) => {
    expect(await set(storeOf(error, OWN))).toBe(OWN)
    for (const found of [3, 4, null]) await expect(set(storeOf(error, found))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    await expect(set(storeOf(error, new Error('away too')))).rejects.toThrow('away too')
  })

  it('does not look where the server has refused', async () => {
    await expect(set(storeOf(new errors.ResponseError(codes.unauthorized, 'no right'), new Error('asked')))).rejects.toMatchObject({ code: 'STORE_REFUSED' })
  })
})

describe('openCassandra', () => {
  it.each([['LOCAL_ONE', 'LOCAL_QUORUM'], ['ONE', 'EACH_QUORUM'], ['LOCAL_QUORUM', 'ONE'], ['QUORUM', 'LOCAL_ONE']] as const)('refuses reads at %s of writes at %s, which they may miss', async (readConsistency, writeConsistency) => {
    const opening = openCassandra({ contactPoints: ['127.0.0.1:1'], dataCenter: 'dc1', keyspace: 'features', readConsistency, writeConsistency })
    await expect(opening).rejects.toMatchObject({ code: 'STORE_SETTINGS' })
  })

  it.each(['', 'Features', 'a-b', 'a; DROP', '1a', 'a'.repeat(49)])('refuses %j as a keyspace', async (keyspace) => {
    await expect(openCassandra({ contactPoints: ['127.0.0.1:1'], dataCenter: 'dc1', keyspace })).rejects.toThrow(/no name of a keyspace/)
  })

  it.each([['ONE', 'ALL'], ['LOCAL_ONE', 'ALL'], ['ALL', 'ONE'], ['QUORUM', 'EACH_QUORUM']] as const)('takes reads at %s of writes at %s, and says which servers are away', async (readConsistency, writeConsistency) => {
    const opening = openCassandra({ contactPoints: ['127.0.0.1:1'], dataCenter: 'dc1', keyspace: 'features', readConsistency, writeConsistency })
    await expect(opening).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', problems: [{ where: 'Cassandra at 127.0.0.1:1, keyspace features' }] })
  })
})
