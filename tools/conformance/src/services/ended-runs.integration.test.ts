// A batch run that is under way when its process is told to end, or is killed: the job is free at once, or after its lease, and the next one makes the generation.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { openBullmqJobQueue } from '@tidemark/adapter-bullmq/bullmq-job-queue'
import { createSystemClock } from '@tidemark/machine/system-clock'
import { jobQueueOf } from '@tidemark/pipelines/batch/run-due'
import type { JobQueue, JobStatus } from '@tidemark/ports/job-queue'
import { seededChance } from '@tidemark/ports/testing/store-cases'
import type { ServiceProcess } from '@tidemark/servers/service-process'
import { sharedServers } from '@tidemark/servers/shared-servers'
import { ServiceWorld, until } from './service-world.ts'

const TEST_MAX_MS = 300_000
/** Each has a row of the batch view: long enough a load to be met at it. */
const ENTITIES = 30_000
const QUEUE = jobQueueOf('cards@1')

let world: ServiceWorld
let jobs: JobQueue
let url: string

beforeEach(async () => {
  const addresses = await sharedServers('kafka', 'cassandra', 's3', 'redis', 'redis-jobs')
  world = await ServiceWorld.open(addresses, seededChance(1))
  jobs = await openBullmqJobQueue({ server: { url: addresses.redis.jobsUrl }, namespace: world.namespace, clock: createSystemClock() })
  const [serving] = await world.startReady('serving-layer', 'speed-layer', 'archiver')
  url = (await serving!.untilReady()).url!
  await world.appendEntities(ENTITIES)
  await world.append()
}, TEST_MAX_MS)
afterEach(async () => {
  await jobs[Symbol.asyncDispose]()
  await world[Symbol.asyncDispose]()
}, TEST_MAX_MS)

/** A batch layer that is at a run of the view, which is the only one. */
async function startAtRun(): Promise<{ batch: ServiceProcess; job: JobStatus }> {
  const [batch] = await world.startReady('batch-layer')
  let found: JobStatus | undefined
  await until('a run', async () => {
    found = (await jobs.list(QUEUE)).find(({ state }) => state === 'active')
    return found === undefined ? 'none' : null
  })
  return { batch: batch!, job: found! }
}

describe('a batch run', () => {
  it('is dropped when its process is told to end, and its job is free at once', async () => {
    const { batch, job } = await startAtRun()
    expect(await batch.stop()).toBe(0)
    expect(batch.lines.filter(({ msg }) => msg === 'batch run done')).toEqual([])
    expect(await jobs.status(QUEUE, job.id)).toMatchObject({ state: 'waiting', attempt: 1 })
    await world.startReady('batch-layer')
    await world.untilWhole(url, 1)
    expect(await jobs.status(QUEUE, job.id)).toMatchObject({ state: 'completed', attempt: 2 })
  }, TEST_MAX_MS)

  it('is taken over where its process was killed, after the lease', async () => {
    const { batch, job } = await startAtRun()
    await batch.kill()
    expect(await jobs.status(QUEUE, job.id)).toMatchObject({ state: 'active', attempt: 1 })
    await world.startReady('batch-layer')
    await world.untilWhole(url, 1)
    expect(await jobs.status(QUEUE, job.id)).toMatchObject({ state: 'completed' })
  }, TEST_MAX_MS)
})
