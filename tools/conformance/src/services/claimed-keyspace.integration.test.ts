// A keyspace is of the services that came first, and of nobody who only looks at what is there: its tables may be made, and no service have claimed it yet.
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { openCassandra } from '@tidemark/adapter-cassandra/cassandra-session'
import { dropKeyspace } from '@tidemark/adapter-cassandra/testing/drop-keyspace'
import { NAMESPACE_REGISTER } from '@tidemark/pipelines/namespace-register'
import { sharedServers } from '@tidemark/servers/shared-servers'
import { openCassandraStores, type CassandraSettings } from '@tidemark/service-kit/cassandra-server'

const TEST_MAX_MS = 120_000
const UNHEARD = { onNotice: () => undefined }

let server: Omit<CassandraSettings, 'namespace'>
beforeAll(async () => {
  const { contactPoints, dataCenter, username, password } = (await sharedServers('cassandra')).cassandra
  server = { contactPoints, dataCenter, credentials: { username, password }, keyspace: `tidemark_${randomUUID().replaceAll('-', '')}`, replication: { class: 'SimpleStrategy', replication_factor: 1 } }
}, TEST_MAX_MS)
afterAll(() => dropKeyspace(server), TEST_MAX_MS)

it('is claimed by a service, and not by a command', async () => {
  await (await openCassandra(server))[Symbol.asyncDispose]()
  {
    await using command = await openCassandraStores({ ...server, namespace: 'bank', mustExist: true }, UNHEARD)
    expect(await command.registers.list('')).toEqual([])
  }
  await using service = await openCassandraStores({ ...server, namespace: 'shop' }, UNHEARD)
  expect(await service.registers.list('')).toEqual([NAMESPACE_REGISTER])
  await expect(openCassandraStores({ ...server, namespace: 'bank', mustExist: true }, UNHEARD)).rejects.toMatchObject({ code: 'STORE_SETTINGS' })
}, TEST_MAX_MS)
