// Jobs in BullMQ's queues, one for each queue of the port, so that its dashboards and events show them. A worker acts under the token of its
// attempt, a random one, which BullMQ compares with the job's lock. Jobs are taken by a script of our own (job-scripts.ts).

import { randomUUID } from 'node:crypto'
import { ErrorCode, Job as BullJob, Queue } from 'bullmq'
import type { Problem } from '@tidemark/feature-schema/errors'
import type { Clock } from '@tidemark/ports/clock'
import type { Job, JobQueue, JobStatus, QueueDepth, TakenJob } from '@tidemark/ports/job-queue'
import { connectRedis, type RedisClient, type RedisConnection, type RedisServerOptions } from '@tidemark/redis-client/redis-connection'
import { checkRedisSettings } from '@tidemark/redis-client/redis-settings'
import { runScript } from '@tidemark/redis-client/run-script'
import { DELAY_SCALE, DESCRIBE_SCRIPT, RENEW_SCRIPT, TAKE_SCRIPT, type DescribedJob } from './job-scripts.ts'

/** What a worker is told that is no longer the job's. */
const LOST_CODES: ReadonlySet<unknown> = new Set([ErrorCode.JobNotExist, ErrorCode.JobLockNotExist, ErrorCode.JobNotInState, ErrorCode.JobLockMismatch])
/** More than can be held: for who gives no limit. */
const ANY_NUMBER = 1_000_000_000
/** The last time that BullMQ can sort by: in the year 2039. */
const TIME_MAX_MS = Number.MAX_SAFE_INTEGER / DELAY_SCALE - 1

export interface BullmqJobQueueOptions extends RedisServerOptions {
  readonly clock: Clock
  /** What all keys begin with, so that several systems can share a server. Default: tidemark. */
  readonly namespace?: string
  /** Told once for each server whose settings are worth a thought. */
  readonly onNotice?: (notice: Problem) => void
}

/** Connects, and looks at the settings. STORE_UNAVAILABLE, STORE_REFUSED, STORE_SETTINGS where the server may evict, USAGE. */
export async function openBullmqJobQueue({ clock, namespace = 'tidemark', onNotice, ...server }: BullmqJobQueueOptions): Promise<JobQueue> {
  const connection = await connectRedis(server)
  try {
    for (const notice of await checkRedisSettings(connection)) onNotice?.(notice)
  } catch (error) {
    await connection[Symbol.asyncDispose]()
    throw error
  }
  return new BullmqJobQueue(connection, clock, namespace)
}

class BullmqJobQueue implements JobQueue {
  private readonly connection: RedisConnection
  private readonly clock: Clock
  private readonly prefix: string
  private readonly queues = new Map<string, Queue>()

  constructor(connection: RedisConnection, clock: Clock, namespace: string) {
    this.connection = connection
    this.clock = clock
    // In braces, so that a queue's keys are in one slot of a Cluster.
    this.prefix = `{${namespace}-jobs-1}`
  }

  async add({ queue: name, id, data }: Job, notBeforeMs = -Infinity): Promise<boolean> {
    const queue = this.queueOf(name)
    const nowMs = this.clock.nowMs()
    const delay = Math.max(0, dueTime(notBeforeMs) - nowMs)
    const jobId = bullIdOf(id)
    return this.connection.write(`adding job ${id} to ${name}`, async (client) => {
      const place = `${await client.incr(queue.toKey('places'))}`
      await queue.add(place, { id, data: data ?? null }, { jobId, timestamp: nowMs, ...(delay > 0 && { delay }) })
      // BullMQ says nothing of a job of this id that there is.
      return (await client.hget(queue.toKey(jobId), 'name')) === place
    })
  }

  async take(name: string, leaseMs: number, atOnceMax: number = ANY_NUMBER): Promise<TakenJob | null> {
    const queue = this.queueOf(name)
    const { wait, active, delayed, events, meta } = queue.keys as Record<'wait' | 'active' | 'delayed' | 'events' | 'meta', string>
    const nowMs = this.clock.nowMs()
    const token = randomUUID()
    const args = [queue.toKey(''), `${nowMs}`, `${nowMs + leaseMs}`, token, `${Math.min(atOnceMax, ANY_NUMBER)}`, `${(Math.floor(nowMs) + 1) * DELAY_SCALE - 1}`]
    const taken = await this.connection.write(`taking a job of ${name}`, (client) => runScript(client, TAKE_SCRIPT, [wait, active, delayed, events, meta], args)) as readonly [string, string, number] | null
    return taken === null ? null : this.takenOf(name, taken, token, leaseMs)
  }

  async status(name: string, id: string): Promise<JobStatus | null> {
    const [job] = await this.describe(name, bullIdOf(id))
    return job === undefined ? null : statusOf(name, job)
  }

  async list(name: string): Promise<JobStatus[]> {
    const jobs = await this.describe(name, '')
    return [...jobs].sort((a, b) => Number(a[2]) - Number(b[2])).map((job) => statusOf(name, job))
  }

  async depth(name: string): Promise<QueueDepth> {
    const { wait, active, delayed } = await this.connection.read(`counting jobs of ${name}`, () => this.queueOf(name).getJobCounts('wait', 'active', 'delayed'))
    return { waitingCount: wait! + delayed!, activeCount: active! }
  }

  async trim(name: string, keptCount: number): Promise<void> {
    const queue = this.queueOf(name)
    const jobs = await this.describe(name, '')
    const finished = jobs.filter(([, state]) => state === 'completed' || state === 'failed').sort((a, b) => finishOrderOf(b) - finishOrderOf(a))
    for (const [jobId] of finished.slice(keptCount)) {
      await this.connection.write(`removing a finished job of ${name}`, () => queue.getBackend().remove(jobId, false))
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.queues.values()].map((queue) => queue.close()))
    await this.connection[Symbol.asyncDispose]()
  }

  private queueOf(name: string): Queue {
    const known = this.queues.get(name)
    if (known !== undefined) return known
    const queue = new Queue(escapeColons(name), { connection: this.connection.client, prefix: this.prefix, skipMetasUpdate: true })
    // The connection says what is the matter to whoever calls.
    queue.on('error', () => undefined)
    this.queues.set(name, queue)
    // One that could not look at the server when it was made would never work again.
    queue.waitUntilReady().catch(() => void this.queues.delete(name))
    return queue
  }

  private takenOf(name: string, [jobId, json, attempt]: readonly [string, string, number], token: string, leaseMs: number): TakenJob {
    const { id, data } = JSON.parse(json) as KeptData
    const queue = this.queueOf(name)
    const job = new BullJob(queue, '', data, {}, jobId)
    const backend = queue.getBackend()
    const act = (operation: string, action: (client: RedisClient) => Promise<unknown>): Promise<boolean> => this.ifMine(`${operation} job ${id} of ${name}`, action)
    const nextOrder = (client: RedisClient): Promise<number> => client.incr(queue.toKey('finishes'))
    return {
      queue: name, id, data, attempt,
      renew: async () => {
        const args = [token, `${this.clock.nowMs() + leaseMs}`]
        return await this.connection.write(`renewing job ${id} of ${name}`, (client) => runScript(client, RENEW_SCRIPT, [`${queue.toKey(jobId)}:lock`, queue.toKey(jobId)], args)) === 1
      },
      complete: (result) => act('completing', async (client) => backend.moveToCompleted(job, { order: await nextOrder(client), result: result ?? null }, false, token, false)),
      fail: (reason, retryAtMs) =>
        act('failing', async (client) => {
          if (retryAtMs !== null) return backend.moveToDelayed(jobId, dueTime(retryAtMs), 0, token, { fieldsToUpdate: { failedReason: reason } })
          return backend.moveToFailed(job, reason, false, token, false, { failedReason: reason, finishOrder: await nextOrder(client) })
        }),
    }
  }

  /** false: the job is not this worker's any more. */
  private ifMine(operation: string, action: (client: RedisClient) => Promise<unknown>): Promise<boolean> {
    return this.connection.write(operation, async (client) => {
      try {
        await action(client)
        return true
      } catch (error) {
        if (LOST_CODES.has((error as { code?: unknown }).code)) return false
        throw error
      }
    })
  }

  private async describe(name: string, jobId: string): Promise<readonly DescribedJob[]> {
    const queue = this.queueOf(name)
    const { wait, active, delayed, completed, failed } = queue.keys as Record<'wait' | 'active' | 'delayed' | 'completed' | 'failed', string>
    const jobs = await this.connection.read(`looking at jobs of ${name}`, (client) => runScript(client, DESCRIBE_SCRIPT, [wait, active, delayed, completed, failed], [queue.toKey(''), jobId]))
    return jobs as DescribedJob[]
  }
}

interface KeptData {
  readonly id: string
  readonly data: unknown
}

interface KeptResult {
  readonly order: number
  readonly result: unknown
}

function statusOf(queue: string, [, state, , json, attempts, returned, reason]: DescribedJob): JobStatus {
  const { id, data } = JSON.parse(json) as KeptData
  const result = returned === null ? null : (JSON.parse(returned) as KeptResult).result
  return { queue, id, data, state, attempt: Number(attempts ?? 0), result, reason }
}

function finishOrderOf([, state, , , , returned, , order]: DescribedJob): number {
  return state === 'completed' ? (JSON.parse(returned!) as KeptResult).order : Number(order)
}

/** A whole number of milliseconds that a job can wait for. */
function dueTime(timeMs: number): number {
  return Math.ceil(Math.min(timeMs, TIME_MAX_MS))
}

/** BullMQ takes no number and no colon; the mark tells jobs from its own keys. */
function bullIdOf(id: string): string {
  return `#${escapeColons(id)}`
}

function escapeColons(text: string): string {
  return text.replaceAll('%', '%25').replaceAll(':', '%3A')
}
