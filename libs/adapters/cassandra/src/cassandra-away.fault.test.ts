// A real Cassandra that is not there yet, hangs and is killed: what callers are told, that nothing acknowledged is lost, and that the same
// session goes on.
import { randomInt } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals'
import type { Revision } from '@tidemark/ports/revision'
import { bytesOf, textOf } from '@tidemark/ports/testing/store-cases'
import { callingFor, OUTAGE_MS, until, untilAvailable } from '@tidemark/ports/testing/until'
import { startServers, type StartedServers } from '@tidemark/servers/server-set'
import { createCassandraBatchViewStore } from './cassandra-batch-view-store.ts'
import { createCassandraRegisterStore } from './cassandra-register-store.ts'
import { openCassandra, type CassandraSession } from './cassandra-session.ts'

jest.setTimeout(600_000)

const REQUEST_TIMEOUT_MS = 2_000
/** Of each call: the driver asks twice where that is safe. */
const CALL_MAX_MS = 5 * REQUEST_TIMEOUT_MS
const UNAVAILABLE = { code: 'STORE_UNAVAILABLE' }
const entity = bytesOf('a')

const newRevision = (): Revision => randomInt(2 ** 48 - 1) as Revision

let servers: StartedServers

beforeAll(async () => {
  servers = await startServers({ names: ['cassandra'] })
})
afterAll(async () => {
  await servers[Symbol.asyncDispose]()
})

function open(): Promise<CassandraSession> {
  const { contactPoints, dataCenter, username, password } = servers.addresses.cassandra
  return openCassandra({
    contactPoints, dataCenter, keyspace: 'features', credentials: { username, password }, replication: { class: 'SimpleStrategy', replication_factor: 1 },
    connectTimeoutMs: REQUEST_TIMEOUT_MS, requestTimeoutMs: REQUEST_TIMEOUT_MS,
  })
}

describe('Cassandra', () => {
  it('that is away or hangs at the start is said to be so in time, and is opened once it is there', async () => {
    for (const [begin, end] of [
      [() => servers.stop('cassandra'), () => servers.restart('cassandra')],
      [() => servers.pause('cassandra'), async () => servers.resume('cassandra')],
    ] as const) {
      await begin()
      const fromMs = performance.now()
      await expect(open()).rejects.toMatchObject(UNAVAILABLE)
      expect(performance.now() - fromMs).toBeLessThan(CALL_MAX_MS)
      await end()
      await using session = await untilAvailable(open)
      await createCassandraBatchViewStore(session).write('v', 1, [{ entity, blob: bytesOf('x') }])
    }
  })

  it('that is killed while it is written to has every update of a register and every row that was acknowledged, and leaves no connection open', async () => {
    const openCount = (): number => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length
    const before = openCount()
    const session = await untilAvailable(open)
    const [registers, views] = [createCassandraRegisterStore(session, { newRevision }), createCassandraBatchViewStore(session)]
    for (const name of ['killed once', 'killed twice']) {
      const acknowledged = { register: -1, row: -1 }
      let isKilled = false
      const updating = async (): Promise<void> => {
        for (let i = 0, revision: Revision | null = null; !isKilled; acknowledged.register = i++) revision = await registers.compareAndSet(name, revision, bytesOf(`${i}`))
      }
      const adding = async (): Promise<void> => {
        for (let i = 0; !isKilled; acknowledged.row = i++) await views.write(name, 1, [{ entity: bytesOf(`${i}`), blob: bytesOf('x') }])
      }
      const writing = Promise.allSettled([updating(), adding()])
      await until('some are acknowledged', () => acknowledged.register >= 20 && acknowledged.row >= 20, 60_000)
      await servers.kill('cassandra')
      isKilled = true
      await writing
      await servers.restart('cassandra')
      const register = await untilAvailable(async () => registers.read(name))
      expect(Number(textOf(register!.bytes))).toBeGreaterThanOrEqual(acknowledged.register)
      const rows = await untilAvailable(async () => views.readNewest(name, 1, Array.from({ length: acknowledged.row + 1 }, (_, i) => bytesOf(`${i}`))))
      expect(rows.filter((row) => row === null)).toEqual([])
    }
    await session[Symbol.asyncDispose]()
    await until('all are closed', () => openCount() <= before, 10_000)
  })

  it('that hangs and is then killed, for ten seconds each, loses no update of a register and no row, and is gone on with', async () => {
    await using session = await open()
    const views = createCassandraBatchViewStore(session)
    const registers = createCassandraRegisterStore(session, { newRevision })
    await views.write('v', 1, [{ entity, blob: bytesOf('kept') }])
    let isOver = false
    let addedCount = 0
    /** Each adds its numbers to one list, each once. */
    const adding = async (who: number): Promise<number> => {
      let added = 0
      while (!isOver) {
        const mine = `${who}:${added}`
        const found = await untilAvailable(() => registers.read('list'))
        const list = found === null ? [] : textOf(found.bytes).split(',')
        // Done by an attempt of which nobody knew.
        if (list.includes(mine)) added++
        else {
          const won = await registers.compareAndSet('list', found?.revision ?? null, bytesOf([...list, mine].join())).catch((error: { code?: unknown }) => {
            if (error.code !== 'STORE_UNAVAILABLE') throw error
            return null
          })
          if (won === null) continue
          added++
          addedCount++
        }
      }
      return added
    }
    const more = async (): Promise<void> => {
      const enough = addedCount + 3
      await until('more is added', () => addedCount >= enough)
    }
    const faults = async (): Promise<void> => {
      await more()
      for (const [begin, end] of [
        [() => servers.pause('cassandra'), async () => servers.resume('cassandra')],
        [() => servers.kill('cassandra'), () => servers.restart('cassandra')],
      ] as const) {
        await begin()
        const { results, longestMs } = await callingFor(OUTAGE_MS, async () => views.readNewest('v', 1, [entity]))
        for (const result of results) expect(result).toMatchObject({ status: 'rejected', reason: UNAVAILABLE })
        expect(longestMs).toBeLessThan(CALL_MAX_MS)
        await expect(views.write('v', 2, [{ entity, blob: bytesOf('x') }])).rejects.toMatchObject(UNAVAILABLE)
        await end()
        const [row] = await untilAvailable(async () => views.readNewest('v', 1, [entity]))
        expect(textOf(row!.blob)).toBe('kept')
        await more()
      }
    }
    const [ended, ...adders] = await Promise.allSettled([faults().finally(() => (isOver = true)), adding(1), adding(2), adding(3)])
    if (ended!.status === 'rejected') throw ended!.reason
    const list = textOf((await untilAvailable(() => registers.read('list')))!.bytes).split(',')
    expect(new Set(list).size).toBe(list.length)
    for (const [i, adder] of adders.entries()) {
      if (adder.status === 'rejected') throw adder.reason
      // The last one may have been done though nobody was told.
      expect([adder.value, Number(adder.value) + 1]).toContain(list.filter((each) => each.startsWith(`${i + 1}:`)).length)
    }
  })

  it('that hangs is asked by no more than may wait, and keeps none of them for the time-outs of all before', async () => {
    await using session = await open()
    const views = createCassandraBatchViewStore(session)
    await servers.pause('cassandra')
    const fromMs = performance.now()
    // 128 at once of each call.
    const results = await Promise.allSettled(Array.from({ length: 20 }, async () => views.readNewest('v', 1, Array.from({ length: 200 }, () => entity))))
    expect(performance.now() - fromMs).toBeLessThan(2 * CALL_MAX_MS)
    servers.resume('cassandra')
    for (const result of results) expect(result).toMatchObject({ status: 'rejected', reason: UNAVAILABLE })
    expect(results.some((result) => String((result as PromiseRejectedResult).reason).includes('this one was not begun'))).toBe(true)
    await untilAvailable(async () => views.readNewest('v', 1, [entity]))
  })
})
