// The queue under its port's suite, and what only a server can be.
import { randomUUID } from 'node:crypto'
import { Queue } from 'bullmq'
import { describe, expect, it } from '@jest/globals'
import { jobQueueContract } from '@tidemark/ports/job-queue.contract'
import type { JobQueue } from '@tidemark/ports/job-queue'
import { createSteppedClock } from '@tidemark/ports/stepped-clock'
import { connectRedis } from '@tidemark/redis-client/redis-connection'
import { sharedServers } from '@tidemark/servers/shared-servers'
import { openBullmqJobQueue } from './bullmq-job-queue.ts'

const LEASE_MS = 1_000
const errorOf = (failing: Promise<unknown>): Promise<unknown> => failing.then(() => { throw new Error('It succeeded.') }, (error: unknown) => error)

/** BullMQ reads the system's own clock for what no rule of the port goes by: when a job finished. */
const START_MS = 1_000_000

async function openTwo(): Promise<{ queue: JobQueue; other: JobQueue; advance(durationMs: number): void; nowMs(): number; namespace: string } & AsyncDisposable> {
  const { redis: { jobsUrl: url } } = await sharedServers('redis-jobs')
  const clock = createSteppedClock(START_MS)
  const namespace = `test-${randomUUID()}`
  const [queue, other] = await Promise.all([openBullmqJobQueue({ server: { url }, clock, namespace }), openBullmqJobQueue({ server: { url }, clock, namespace })])
  return {
    queue, other, namespace, advance: (durationMs) => clock.step(durationMs), nowMs: clock.nowMs,
    async [Symbol.asyncDispose]() {
      await queue[Symbol.asyncDispose]()
      await other[Symbol.asyncDispose]()
    },
  }
}

jobQueueContract('BullMQ', openTwo)

describe('a job queue of BullMQ', () => {
  it('takes any name and any id', async () => {
    await using harness = await openTwo()
    const { queue } = harness
    for (const name of ['batch/v@1', 'a:b', 'a%3Ab', 'é']) {
      for (const id of ['1', '0', 'wait', 'a:b', 'a%3Ab', 'a:b:c', '0:x', 'é', '']) {
        expect(await queue.add({ queue: name, id, data: { name, id } })).toBe(true)
        expect(await queue.take(name, LEASE_MS)).toMatchObject({ queue: name, id, data: { name, id } })
        expect(await queue.status(name, id)).toMatchObject({ queue: name, id, state: 'active' })
      }
    }
  })

  it('shows BullMQ its jobs: waiting, delayed, active, completed, failed', async () => {
    await using harness = await openTwo()
    const { queue, namespace } = harness
    for (const id of ['done', 'broken', 'again', 'active', 'waits']) await queue.add({ queue: 'q', id, data: id })
    await (await queue.take('q', LEASE_MS))!.complete('result')
    await (await queue.take('q', LEASE_MS))!.fail('reason', null)
    await (await queue.take('q', LEASE_MS))!.fail('once', harness.nowMs() + 1)
    await queue.take('q', LEASE_MS)
    await using connection = await connectRedis({ server: { url: (await sharedServers('redis-jobs')).redis.jobsUrl } })
    const seen = new Queue('q', { connection: connection.client, prefix: `{${namespace}-jobs-1}` })
    expect(await seen.getJobCounts('wait', 'active', 'delayed', 'completed', 'failed')).toEqual({ wait: 1, active: 1, delayed: 1, completed: 1, failed: 1 })
    expect((await seen.getFailed())[0]).toMatchObject({ failedReason: 'reason', data: { id: 'broken' } })
    await seen.close()
  })

  it('gives nothing out while somebody has paused it', async () => {
    await using harness = await openTwo()
    const { queue, namespace } = harness
    await queue.add({ queue: 'q', id: 'x', data: null })
    await using connection = await connectRedis({ server: { url: (await sharedServers('redis-jobs')).redis.jobsUrl } })
    const seen = new Queue('q', { connection: connection.client, prefix: `{${namespace}-jobs-1}` })
    await seen.pause()
    expect(await queue.take('q', LEASE_MS)).toBeNull()
    await seen.resume()
    expect(await queue.take('q', LEASE_MS)).toMatchObject({ id: 'x' })
    await seen.close()
  })

  it('is refused by a server that may evict, and by one that does not know the user', async () => {
    const { redis: { cacheUrl, jobsUrl } } = await sharedServers('redis-cache', 'redis-jobs')
    const clock = createSteppedClock(START_MS)
    expect(await errorOf(openBullmqJobQueue({ server: { url: cacheUrl }, clock }))).toMatchObject({ code: 'STORE_SETTINGS', problems: [{ action: expect.stringContaining('CONFIG SET maxmemory-policy noeviction') }] })
    const credentials = { username: 'tidemark', password: 'not-the-password' }
    expect(await errorOf(openBullmqJobQueue({ server: { url: jobsUrl }, credentials, clock }))).toMatchObject({ code: 'STORE_REFUSED' })
  })
})
