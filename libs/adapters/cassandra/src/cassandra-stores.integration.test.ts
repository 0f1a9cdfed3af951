// Batch views and registers on a real Cassandra: the suites of their ports, and what only a real cluster does: clocks, answers that are lost, damage.
import { randomInt, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { Client, errors } from 'cassandra-driver'
import { batchViewStoreContract } from '@tidemark/ports/batch-view-store.contract'
import { registerStoreContract } from '@tidemark/ports/register-store.contract'
import type { Revision } from '@tidemark/ports/revision'
import { bytesOf, race, textOf } from '@tidemark/ports/testing/store-cases'
import { sharedServers } from '@tidemark/servers/shared-servers'
import { createCassandraBatchViewStore } from './cassandra-batch-view-store.ts'
import { createCassandraRegisterStore } from './cassandra-register-store.ts'
import { openCassandra, type CassandraCalls, type CassandraSession } from './cassandra-session.ts'

const keyspace = `tidemark_${randomUUID().replaceAll('-', '')}`
const newRevision = (): Revision => randomInt(2 ** 48 - 1) as Revision

let sessions: readonly [CassandraSession, CassandraSession]
let raw: Client

beforeAll(async () => {
  const { contactPoints, dataCenter, username, password } = (await sharedServers('cassandra')).cassandra
  const open = (): Promise<CassandraSession> => openCassandra({ contactPoints, dataCenter, keyspace, credentials: { username, password }, replication: { class: 'SimpleStrategy', replication_factor: 1 } })
  sessions = [await open(), await open()]
  raw = new Client({ contactPoints: [...contactPoints], localDataCenter: dataCenter, credentials: { username, password } })
})

afterAll(async () => {
  await raw.execute(`DROP KEYSPACE ${keyspace}`, [], { readTimeout: 60_000 })
  await Promise.all([raw.shutdown(), ...sessions.map((session) => session[Symbol.asyncDispose]())])
})

/** Two clients of an empty table. */
async function emptied<T>(table: string, create: (session: CassandraSession) => T): Promise<{ readonly store: T; readonly other: T } & AsyncDisposable> {
  await raw.execute(`TRUNCATE ${keyspace}.${table}`, [], { readTimeout: 60_000 })
  return { store: create(sessions[0]), other: create(sessions[1]), [Symbol.asyncDispose]: () => Promise.resolve() }
}

batchViewStoreContract('Cassandra', () => emptied('batch_views', createCassandraBatchViewStore))
registerStoreContract('Cassandra', () => emptied('registers', (session) => createCassandraRegisterStore(session, { newRevision })))

describe('CassandraBatchViewStore', () => {
  it('keeps what was removed away from a writer whose clock is a century ahead', async () => {
    const { store, other } = await emptied('batch_views', createCassandraBatchViewStore)
    await store.write('v', 1, [{ entity: bytesOf('a'), blob: bytesOf('one') }])
    await store.remove('v', 2, [bytesOf('a')])
    const insert = `INSERT INTO ${keyspace}.batch_views (view_name, entity, generation, bytes) VALUES ('v', ?, 2, ?) USING TIMESTAMP ${Date.UTC(2126, 0) * 1_000}`
    await raw.execute(insert, [Buffer.from('a'), Buffer.from('late')], { prepare: true })
    expect(await other.generationsOf('v', [bytesOf('a')])).toEqual([[1]])
  })

  it('tells a row that has no bytes, and answers about the others', async () => {
    const { store } = await emptied('batch_views', createCassandraBatchViewStore)
    await store.write('v', 1, [{ entity: bytesOf('a'), blob: bytesOf('one') }, { entity: bytesOf('b'), blob: bytesOf('one') }])
    await raw.execute(`DELETE bytes FROM ${keyspace}.batch_views WHERE view_name = 'v' AND entity = ? AND generation = 1`, [Buffer.from('a')], { prepare: true })
    await expect(store.readNewest('v', 1, [bytesOf('a'), bytesOf('b')])).rejects.toMatchObject({ code: 'STORE_DAMAGED' })
    expect((await store.readNewest('v', 1, [bytesOf('b')]))[0]?.generation).toBe(1)
  })

  it('keeps a long entity apart from one that is as its key', async () => {
    const { store, other } = await emptied('batch_views', createCassandraBatchViewStore)
    const long = Buffer.alloc(2_000, 'x')
    await store.write('v', 1, [{ entity: long, blob: bytesOf('long') }])
    const rows = await raw.execute(`SELECT entity FROM ${keyspace}.batch_views`)
    const key = rows.first().entity as Buffer
    expect(key.length).toBeLessThan(long.length)
    await other.write('v', 1, [{ entity: key, blob: bytesOf('as its key') }])
    const found = await store.readNewest('v', 1, [long, key])
    expect(found.map((row) => textOf(row!.blob))).toEqual(['long', 'as its key'])
  })
})

describe('CassandraRegisterStore', () => {
  /** The answer to each compare-and-set is lost; where `before` is given, after that was done too. */
  const losing = (session: CassandraSession, before = async (): Promise<void> => undefined): CassandraCalls => ({
    keyspace: session.keyspace,
    where: session.where,
    read: session.read.bind(session),
    write: session.write.bind(session),
    readSerial: session.readSerial.bind(session),
    forEach: session.forEach.bind(session),
    async compareAndSet(...args) {
      await session.compareAndSet(...args)
      await before()
      throw new errors.OperationTimedOutError('The answer was lost.')
    },
  })

  it('knows its own value where the answer was lost', async () => {
    const { other } = await emptied('registers', (session) => createCassandraRegisterStore(session, { newRevision }))
    const store = createCassandraRegisterStore(losing(sessions[0]), { newRevision })
    const first = await store.compareAndSet('r', null, bytesOf('one'))
    expect((await other.read('r'))!.revision).toBe(first)
    const second = await store.compareAndSet('r', first, bytesOf('two'))
    expect((await other.read('r'))!.revision).toBe(second)
  })

  it('does not say that somebody was faster where its value may have been replaced already', async () => {
    const { other } = await emptied('registers', (session) => createCassandraRegisterStore(session, { newRevision }))
    const store = createCassandraRegisterStore(losing(sessions[0], async () => {
      await other.compareAndSet('r', (await other.read('r'))!.revision, bytesOf('built on it'))
    }), { newRevision })
    await expect(store.compareAndSet('r', null, bytesOf('mine'))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(textOf((await other.read('r'))!.bytes)).toBe('built on it')
  })

  it('loses no update where half of the answers are lost', async () => {
    const { store, other } = await emptied('registers', (session) => createCassandraRegisterStore(session, { newRevision }))
    await store.compareAndSet('sum', null, bytesOf('0'))
    const lossy = createCassandraRegisterStore(losing(sessions[0]), { newRevision })
    let unknownCount = 0
    await race(6, async (i) => {
      const mine = i % 2 ? lossy : other
      for (let added = 0; added < 5; ) {
        const found = await mine.read('sum')
        const next = `${textOf(found!.bytes)},${i}:${added}`
        const won = await mine.compareAndSet('sum', found!.revision, bytesOf(next)).catch(async (error: { code?: unknown }) => {
          expect(error.code).toBe('STORE_UNAVAILABLE')
          unknownCount++
          // As the pipelines do: what is there is read again, and says whether this was done.
          return textOf((await mine.read('sum'))!.bytes).split(',').includes(`${i}:${added}`) ? newRevision() : null
        })
        if (won !== null) added++
      }
    })
    const all = textOf((await store.read('sum'))!.bytes).split(',').slice(1)
    expect(all).toHaveLength(30)
    expect(new Set(all).size).toBe(30)
    expect(unknownCount).toBeLessThan(200)
  })

  it('tells a register that something else has written', async () => {
    const { store } = await emptied('registers', (session) => createCassandraRegisterStore(session, { newRevision }))
    await raw.execute(`INSERT INTO ${keyspace}.registers (name, revision) VALUES ('r', 1)`)
    await expect(store.read('r')).rejects.toMatchObject({ code: 'STORE_DAMAGED' })
  })
})
