// A session over TLS, before a real server that has none itself.
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { bytesOf, textOf } from '@tidemark/ports/testing/store-cases'
import { sharedServers } from '@tidemark/servers/shared-servers'
import { startTlsProxy, type TlsProxy } from '@tidemark/servers/tls-proxy'
import { createCassandraBatchViewStore } from './cassandra-batch-view-store.ts'
import { openCassandra, type CassandraOptions, type CassandraSession } from './cassandra-session.ts'

const keyspace = `tidemark_${randomUUID().replaceAll('-', '')}`

describe('a session over TLS', () => {
  let proxy: TlsProxy
  let server: Omit<CassandraOptions, 'contactPoints'>
  let plain: CassandraSession

  beforeAll(async () => {
    const { contactPoints, dataCenter, username, password } = (await sharedServers('cassandra')).cassandra
    server = { dataCenter, keyspace, credentials: { username, password } }
    plain = await openCassandra({ ...server, contactPoints, replication: { class: 'SimpleStrategy', replication_factor: 1 } })
    proxy = await startTlsProxy(contactPoints[0]!)
  })

  afterAll(async () => {
    await plain.write('the keyspace', `DROP KEYSPACE ${keyspace}`, [])
    await plain[Symbol.asyncDispose]()
    await proxy[Symbol.asyncDispose]()
  })

  it('writes and reads where the authority is known', async () => {
    await using session = await openCassandra({ ...server, contactPoints: [proxy.address], tls: { ca: proxy.certificate } })
    const views = createCassandraBatchViewStore(session)
    await views.write('v', 1, [{ entity: bytesOf('a'), blob: bytesOf('x') }])
    expect(textOf((await views.readNewest('v', 1, [bytesOf('a')]))[0]!.blob)).toBe('x')
  })

  it('is refused where it is not, and in time where no TLS is spoken', async () => {
    await expect(openCassandra({ ...server, contactPoints: [proxy.address], tls: {} })).rejects.toMatchObject({ code: 'STORE_SETTINGS', problems: [{ message: expect.stringContaining('certificate') }] })
    await expect(openCassandra({ ...server, contactPoints: [proxy.address], connectTimeoutMs: 1_000, requestTimeoutMs: 1_000 })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  })
})
