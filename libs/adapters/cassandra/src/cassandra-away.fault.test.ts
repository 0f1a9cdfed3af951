// A real Cassandra that is gone, comes back, and stands still: what callers are told, and that the same session goes on.
import { randomInt } from 'node:crypto'
import { describe, expect, it } from '@jest/globals'
import type { Revision } from '@tidemark/ports/revision'
import { bytesOf, textOf } from '@tidemark/ports/testing/store-cases'
import { startServers } from '@tidemark/servers/server-set'
import { createCassandraBatchViewStore } from './cassandra-batch-view-store.ts'
import { createCassandraRegisterStore } from './cassandra-register-store.ts'
import { openCassandra, type CassandraSession } from './cassandra-session.ts'

const REQUEST_TIMEOUT_MS = 2_000
/** After a server is back, until a session has found that out. */
const RECOVERY_MAX_MS = 60_000
const RETRY_MS = 200

/** What `call` gives once it no longer says that the store is away. */
async function onceBack<T>(call: () => Promise<T>): Promise<T> {
  for (const untilMs = performance.now() + RECOVERY_MAX_MS; ; ) {
    try {
      return await call()
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'STORE_UNAVAILABLE' || performance.now() > untilMs) throw error
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
    }
  }
}

describe('Cassandra that fails', () => {
  it('is said to be away, loses nothing that was acknowledged, and is gone on with', async () => {
    await using servers = await startServers({ names: ['cassandra'] })
    const { contactPoints, dataCenter, username, password } = servers.addresses.cassandra
    const open = (): Promise<CassandraSession> => openCassandra({
      contactPoints, dataCenter, keyspace: 'features', credentials: { username, password }, replication: { class: 'SimpleStrategy', replication_factor: 1 }, requestTimeoutMs: REQUEST_TIMEOUT_MS,
    })
    await using session = await open()
    const views = createCassandraBatchViewStore(session)
    const registers = createCassandraRegisterStore(session, { newRevision: () => randomInt(2 ** 48 - 1) as Revision })
    const away = { code: 'STORE_UNAVAILABLE' }
    const entity = bytesOf('a')
    await views.write('v', 1, [{ entity, blob: bytesOf('kept') }])
    const first = (await registers.compareAndSet('r', null, bytesOf('one')))!

    await servers.pause('cassandra')
    const fromMs = performance.now()
    await expect(views.readNewest('v', 1, [entity])).rejects.toMatchObject(away)
    await expect(registers.compareAndSet('r', first, bytesOf('two'))).rejects.toMatchObject(away)
    expect(performance.now() - fromMs).toBeLessThan(10 * REQUEST_TIMEOUT_MS)
    servers.resume('cassandra')
    // What was sent to the paused server may be done by now, or never: a compare-and-set with the old revision says which, and does not do it twice.
    const found = (await onceBack(() => registers.read('r')))!
    expect(['one', 'two']).toContain(textOf(found.bytes))
    const third = await onceBack(() => registers.compareAndSet('r', found.revision, bytesOf('three')))
    if (third === null) expect(textOf((await registers.read('r'))!.bytes)).toBe('two')

    await servers.kill('cassandra')
    await expect(views.readNewest('v', 1, [entity])).rejects.toMatchObject(away)
    await expect(views.write('v', 2, [{ entity, blob: bytesOf('x') }])).rejects.toMatchObject(away)
    await expect(registers.read('r')).rejects.toMatchObject(away)
    await expect(open()).rejects.toMatchObject(away)
    await servers.restart('cassandra')
    const [row] = await onceBack(async () => views.readNewest('v', 1, [entity]))
    expect(textOf(row!.blob)).toBe('kept')
    await onceBack(() => registers.read('r'))
  })
})
