// Batch views and registers on Cassandra beside prepared statements of the driver.

import { randomInt, randomUUID } from 'node:crypto'
import { createCassandraBatchViewStore } from '@tidemark/adapter-cassandra/cassandra-batch-view-store'
import { createCassandraRegisterStore } from '@tidemark/adapter-cassandra/cassandra-register-store'
import { openCassandra } from '@tidemark/adapter-cassandra/cassandra-session'
import { Client, types } from 'cassandra-driver'
import type { Revision } from '@tidemark/ports/revision'
import type { Addresses } from '@tidemark/servers/addresses'
import type { Contests } from './contest.ts'

const BLOB_BYTES = 1_000
const ENTITIES_PER_CALL = 100
const CALLS = 60
const ROW_COUNT = ENTITIES_PER_CALL * CALLS
const REGISTER_READS = 1_000
const VIEW = 'totals@1'
const { consistencies } = types

export async function openCassandraContests({ cassandra }: Addresses): Promise<Contests> {
  const { contactPoints, dataCenter, username, password } = cassandra
  const keyspace = `bench_${randomUUID().replaceAll('-', '')}`
  await using opened = new AsyncDisposableStack()
  const session = opened.use(await openCassandra({ contactPoints, dataCenter, keyspace, credentials: { username, password }, replication: { class: 'SimpleStrategy', replication_factor: 1 } }))
  const client = opened.adopt(new Client({ contactPoints: [...contactPoints], localDataCenter: dataCenter, credentials: { username, password }, pooling: { coreConnectionsPerHost: { [types.distance.local]: 2 } } }), (it) => it.shutdown())
  await client.connect()
  const views = createCassandraBatchViewStore(session)
  const registers = createCassandraRegisterStore(session, { newRevision: () => randomInt(2 ** 48 - 1) as Revision })
  await registers.compareAndSet('pointer', null, Buffer.alloc(500, 7))

  const entities = Array.from({ length: ENTITIES_PER_CALL }, (_, i) => Buffer.from(`s12:user-${String(i).padStart(7, '0')}`))
  const blob = Buffer.alloc(BLOB_BYTES, 7)
  const rows = entities.map((entity) => ({ entity, blob }))
  const calls = async (count: number, call: () => Promise<unknown>): Promise<void> => {
    for (let i = 0; i < count; i++) await call()
  }
  const options = { prepare: true, isIdempotent: true, consistency: consistencies.localQuorum }
  const insert = `INSERT INTO ${keyspace}.batch_views (view_name, entity, generation, bytes) VALUES (?, ?, ?, ?)`
  const select = `SELECT generation, bytes FROM ${keyspace}.batch_views WHERE view_name = ? AND entity = ? AND generation <= ? LIMIT 1`
  const selectRegister = `SELECT revision, bytes FROM ${keyspace}.registers WHERE name = ?`
  await views.write(VIEW, 1, rows)
  const owned = opened.move()
  return {
    contests: [
      {
        name: `cassandra: prepared write of a row of ${BLOB_BYTES} bytes, ${ENTITIES_PER_CALL} at once`, bareName: 'execute of the driver', operationCount: ROW_COUNT,
        ours: () => calls(CALLS, () => views.write(VIEW, 1, rows)),
        bare: () => calls(CALLS, () => Promise.all(entities.map((entity) => client.execute(insert, [VIEW, entity, 1, blob], options)))),
      },
      {
        name: `cassandra: prepared read of a row of ${BLOB_BYTES} bytes, ${ENTITIES_PER_CALL} at once`, bareName: 'execute of the driver', operationCount: ROW_COUNT,
        ours: () => calls(CALLS, async () => views.readNewest(VIEW, 1, entities)),
        bare: () => calls(CALLS, () => Promise.all(entities.map((entity) => client.execute(select, [VIEW, entity, 1], options)))),
      },
      {
        name: 'cassandra: linearizable read of a register', bareName: 'execute of the driver', operationCount: REGISTER_READS,
        ours: () => calls(REGISTER_READS, () => registers.read('pointer')),
        bare: () => calls(REGISTER_READS, () => client.execute(selectRegister, ['pointer'], { ...options, consistency: consistencies.serial })),
      },
    ],
    async [Symbol.asyncDispose]() {
      await client.execute(`DROP KEYSPACE ${keyspace}`, [], { readTimeout: 60_000 })
      await owned.disposeAsync()
    },
  }
}
