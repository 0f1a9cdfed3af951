// How a keyspace is made ready on a real Cassandra: by one or by many at once, step after step, and what is told where it cannot be.
import { randomUUID } from 'node:crypto'
import { inspect } from 'node:util'
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, it } from '@jest/globals'
import { Client } from 'cassandra-driver'
import { race } from '@tidemark/ports/testing/store-cases'
import { until } from '@tidemark/ports/testing/until'
import { sharedServers } from '@tidemark/servers/shared-servers'
import { createCassandraBatchViewStore } from './cassandra-batch-view-store.ts'
import { openCassandra, type CassandraOptions } from './cassandra-session.ts'
import { readCommitLogSync } from './commit-log.ts'
import { migrateSchema } from './migrate-schema.ts'
import { SCHEMA_MIGRATIONS, type SchemaMigration } from './schema-migrations.ts'

const replication = { class: 'SimpleStrategy', replication_factor: 1 }

let server: Pick<CassandraOptions, 'contactPoints' | 'dataCenter'> & { readonly credentials: { readonly username: string; readonly password: string } }
let raw: Client
let keyspace = ''

beforeAll(async () => {
  const { contactPoints, dataCenter, username, password } = (await sharedServers('cassandra')).cassandra
  server = { contactPoints, dataCenter, credentials: { username, password } }
  raw = new Client({ contactPoints: [...contactPoints], localDataCenter: dataCenter, credentials: server.credentials, socketOptions: { readTimeout: 60_000 } })
})
afterAll(() => raw.shutdown())

beforeEach(() => {
  keyspace = `tidemark_${randomUUID().replaceAll('-', '')}`
})
afterEach(async () => {
  await raw.execute(`DROP KEYSPACE IF EXISTS ${keyspace}`)
})

const versions = async (): Promise<number[]> => (await raw.execute(`SELECT version FROM ${keyspace}.schema_migrations`)).rows.map((row) => row.version as number)

describe('openCassandra', () => {
  it('tells a keyspace that is missing, with the command that makes it', async () => {
    const opening = openCassandra({ ...server, keyspace })
    await expect(opening).rejects.toMatchObject({ code: 'STORE_SETTINGS' })
    await expect(opening).rejects.toThrow(`CREATE KEYSPACE ${keyspace} WITH replication`)
  })

  it('makes nothing for who comes to what must exist, and opens what does', async () => {
    const there = { ...server, keyspace, replication, mustExist: true }
    await expect(openCassandra(there)).rejects.toMatchObject({ code: 'STORE_SETTINGS' })
    await raw.execute(`CREATE KEYSPACE ${keyspace} WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}`)
    await expect(openCassandra(there)).rejects.toMatchObject({ code: 'STORE_SETTINGS' })
    expect((await raw.execute('SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?', [keyspace])).rows).toEqual([])
    await (await openCassandra({ ...server, keyspace }))[Symbol.asyncDispose]()
    await (await openCassandra(there))[Symbol.asyncDispose]()
  })

  it('has nothing to tell of a local server, which has on its disk what it acknowledges', async () => {
    const notices: unknown[] = []
    await using _session = await openCassandra({ ...server, keyspace, replication, onNotice: (notice) => notices.push(notice) })
    expect(notices).toEqual([])
    expect(await readCommitLogSync(raw)).toBe('batch')
  })

  it('makes a keyspace and its tables, by many at once and again later', async () => {
    await race(6, async () => {
      await using session = await openCassandra({ ...server, keyspace, replication })
      const store = createCassandraBatchViewStore(session)
      await store.write('v', 1, [{ entity: Buffer.from('a'), blob: Buffer.from('x') }])
      expect((await store.readNewest('v', 1, [Buffer.from('a')]))[0]?.generation).toBe(1)
    })
    await using again = await openCassandra({ ...server, keyspace })
    expect((await createCassandraBatchViewStore(again).readNewest('v', 1, [Buffer.from('a')]))[0]?.generation).toBe(1)
    expect(await versions()).toEqual(SCHEMA_MIGRATIONS.map(({ version }) => version))
  })

  it('takes the steps that are missing, by many at once, and goes on where one was interrupted', async () => {
    const added = (version: number, ...columns: string[]): SchemaMigration => ({
      version, isAdditive: true, statements: (in_) => columns.map((column) => `ALTER TABLE ${in_}.registers ADD IF NOT EXISTS ${column} int`),
    })
    const work = { client: raw, where: 'here', keyspace, dataCenter: server.dataCenter, replication }
    await migrateSchema({ ...work, migrations: SCHEMA_MIGRATIONS })
    const interrupted: SchemaMigration = { version: 2, isAdditive: true, statements: (in_) => [...added(2, 'one').statements(in_), 'NO STATEMENT'] }
    await expect(migrateSchema({ ...work, migrations: [...SCHEMA_MIGRATIONS, interrupted] })).rejects.toThrow()
    expect(await versions()).toEqual([1])
    await race(4, () => migrateSchema({ ...work, migrations: [...SCHEMA_MIGRATIONS, added(2, 'one', 'two'), added(3, 'three')] }))
    expect(await versions()).toEqual([1, 2, 3])
    await raw.execute(`SELECT one, two, three FROM ${keyspace}.registers`)
  })

  it('works beside a later release, unless that has made the tables so that it cannot', async () => {
    const later: SchemaMigration = { version: 2, isAdditive: true, statements: () => [] }
    const work = { client: raw, where: 'here', keyspace, dataCenter: server.dataCenter, replication }
    await migrateSchema({ ...work, migrations: [...SCHEMA_MIGRATIONS, later] })
    await (await openCassandra({ ...server, keyspace }))[Symbol.asyncDispose]()
    await migrateSchema({ ...work, migrations: [...SCHEMA_MIGRATIONS, later, { ...later, version: 3, isAdditive: false }] })
    await expect(openCassandra({ ...server, keyspace })).rejects.toMatchObject({ code: 'STORE_TOO_NEW' })
  })

  it('says what is wrong with credentials, a role, a data centre and servers that are away, and shows no secret', async () => {
    const password = 'a-wrong-password-that-nobody-may-read'
    for (const [options, code] of [
      [{ credentials: { ...server.credentials, password } }, 'STORE_REFUSED'],
      [{ dataCenter: 'elsewhere', credentials: server.credentials }, 'STORE_SETTINGS'],
      [{ contactPoints: ['127.0.0.1:1'], credentials: { ...server.credentials, password } }, 'STORE_UNAVAILABLE'],
      [{ readConsistency: 'LOCAL_ONE' }, 'STORE_SETTINGS'],
    ] as const) {
      const error: unknown = await openCassandra({ ...server, keyspace, replication, ...options }).catch((thrown: unknown) => thrown)
      expect([options, error]).toMatchObject([{}, { code }])
      expect(inspect(error, { depth: Infinity, showHidden: true })).not.toContain(password)
    }
  })

  it('leaves no connection open where it was refused', async () => {
    const openCount = (): number => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length
    const before = openCount()
    const openWrongly = (options: Partial<CassandraOptions>) => race(10, () => expect(openCassandra({ ...server, keyspace, ...options })).rejects.toMatchObject({ code: expect.any(String) }))
    for (const options of [{ dataCenter: 'elsewhere' }, { credentials: { ...server.credentials, password: 'wrong' } }, {}]) {
      await openWrongly(options)
      // Others of this process may come and go: fewer than half of these.
      await until('all are closed', () => openCount() < before + 5, 5_000)
    }
  })

  it('says that a role may not make what is missing, and needs no more than to read and write once it is there', async () => {
    const role = { username: `reader_${keyspace}`, password: 'reader' }
    await raw.execute(`CREATE KEYSPACE ${keyspace} WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}`)
    await raw.execute(`CREATE ROLE ${role.username} WITH PASSWORD = '${role.password}' AND LOGIN = true`)
    try {
      await raw.execute(`GRANT SELECT ON KEYSPACE ${keyspace} TO ${role.username}`)
      await raw.execute(`GRANT MODIFY ON KEYSPACE ${keyspace} TO ${role.username}`)
      await expect(openCassandra({ ...server, keyspace, credentials: role })).rejects.toMatchObject({ code: 'STORE_REFUSED' })
      await (await openCassandra({ ...server, keyspace }))[Symbol.asyncDispose]()
      await using session = await openCassandra({ ...server, keyspace, credentials: role })
      await createCassandraBatchViewStore(session).write('v', 1, [{ entity: Buffer.from('a'), blob: Buffer.from('x') }])
    } finally {
      await raw.execute(`DROP ROLE ${role.username}`)
    }
  })
})
