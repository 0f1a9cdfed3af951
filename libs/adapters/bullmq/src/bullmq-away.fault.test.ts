// A server that is not there yet, hangs and is killed: what callers are told, that jobs are all there when it is back, and each done by one.
import { describe, expect, it, jest } from '@jest/globals'
import { createSteppedClock } from '@tidemark/ports/stepped-clock'
import { callingFor, OUTAGE_MS, untilAvailable } from '@tidemark/ports/testing/until'
import { connectRedis } from '@tidemark/redis-client/redis-connection'
import { startServers } from '@tidemark/servers/server-set'
import { openBullmqJobQueue } from './bullmq-job-queue.ts'

jest.setTimeout(600_000)

const LEASE_MS = 1_000
const TIMEOUT_MS = 1_000
const START_MS = 1_000_000
const UNAVAILABLE = { code: 'STORE_UNAVAILABLE' }

const errorOf = (failing: Promise<unknown>): Promise<unknown> => failing.then(() => { throw new Error('It succeeded.') }, (error: unknown) => error)

describe('a job queue of BullMQ whose server', () => {
  it('is away at the start says so in time, and is opened once it is there', async () => {
    await using servers = await startServers({ names: ['redis-jobs'] })
    const server = { url: servers.addresses.redis.jobsUrl }
    const clock = createSteppedClock(START_MS)
    const open = (): ReturnType<typeof openBullmqJobQueue> => openBullmqJobQueue({ server, clock, timeoutMs: TIMEOUT_MS })
    await servers.stop('redis-jobs')
    expect(await errorOf(open())).toMatchObject(UNAVAILABLE)
    await servers.restart('redis-jobs')
    await using queue = await open()
    expect(await queue.add({ queue: 'q', id: 'x', data: null })).toBe(true)
  })

  it('is killed has its jobs when it is back, and the worker that held one has it still', async () => {
    await using servers = await startServers({ names: ['redis-jobs'] })
    const clock = createSteppedClock(START_MS)
    const server = { url: servers.addresses.redis.jobsUrl }
    await using admin = await connectRedis({ server })
    await admin.client.config('SET', 'appendfsync', 'always')
    await using queue = await openBullmqJobQueue({ server, clock, timeoutMs: TIMEOUT_MS })
    for (const id of ['x', 'y']) await queue.add({ queue: 'q', id, data: id })
    const taken = (await queue.take('q', LEASE_MS, 1))!
    await servers.kill('redis-jobs')
    // Of a queue that nobody has asked for yet, too.
    for (const call of [() => queue.add({ queue: 'q', id: 'z', data: null }), () => queue.take('q', LEASE_MS), () => taken.renew(), () => taken.complete(null), () => queue.list('q'), () => queue.list('other')]) {
      expect(await errorOf(call())).toMatchObject(UNAVAILABLE)
    }
    await servers.restart('redis-jobs')
    expect(await untilAvailable(() => taken.renew())).toBe(true)
    expect(await queue.list('other')).toEqual([])
    expect(await queue.take('q', LEASE_MS, 1)).toBeNull()
    expect(await taken.complete('done')).toBe(true)
    expect(await queue.take('q', LEASE_MS, 1)).toMatchObject({ id: 'y', attempt: 1 })
  })

  it('hangs and is then killed, for ten seconds each, while jobs are added and done, loses none and has none done twice', async () => {
    await using servers = await startServers({ names: ['redis-jobs'] })
    const clock = createSteppedClock(START_MS)
    const server = { url: servers.addresses.redis.jobsUrl }
    await using admin = await connectRedis({ server })
    await admin.client.config('SET', 'appendfsync', 'always')
    await using queue = await openBullmqJobQueue({ server, clock, timeoutMs: TIMEOUT_MS })
    const added = new Set<string>()
    /** Acknowledged; what is not is done again. */
    const completed: string[] = []
    let isOver = false
    const adding = async (): Promise<void> => {
      for (let i = 0; !isOver; i++) {
        // Of an answer that was lost, the next attempt tells: there is one of this id.
        await untilAvailable(() => queue.add({ queue: 'q', id: `${i}`, data: i }))
        added.add(`${i}`)
      }
    }
    const working = async (): Promise<void> => {
      while (!isOver) {
        const job = await untilAvailable(() => queue.take('q', LEASE_MS))
        if (job === null) continue
        const isMine = await job.complete(null).catch((error: { code?: unknown }) => {
          if (error.code !== 'STORE_UNAVAILABLE') throw error
          return null
        })
        if (isMine === true) completed.push(job.id)
      }
    }
    const faults = async (): Promise<void> => {
      for (const [begin, end] of [
        [() => servers.pause('redis-jobs'), async () => servers.resume('redis-jobs')],
        [() => servers.kill('redis-jobs'), () => servers.restart('redis-jobs')],
      ] as const) {
        await begin()
        const { results, longestMs } = await callingFor(OUTAGE_MS, () => queue.status('q', '0'))
        for (const result of results.slice(1)) expect(result).toMatchObject({ status: 'rejected', reason: UNAVAILABLE })
        expect(longestMs).toBeLessThan(3 * TIMEOUT_MS)
        await end()
        await untilAvailable(() => queue.status('q', '0'))
      }
    }
    const ended = await Promise.allSettled([faults().finally(() => (isOver = true)), adding(), working(), working()])
    for (const end of ended) if (end.status === 'rejected') throw end.reason
    // What was taken and not completed may be given out once its lease is over.
    clock.step(LEASE_MS)
    for (let job = await queue.take('q', LEASE_MS); job !== null; job = await queue.take('q', LEASE_MS)) if (await job.complete(null)) completed.push(job.id)
    const jobs = await queue.list('q')
    expect(jobs.map(({ state }) => state)).toEqual(jobs.map(() => 'completed'))
    expect(new Set(jobs.map(({ id }) => id))).toEqual(added)
    expect(new Set(completed).size).toBe(completed.length)
  })
})
