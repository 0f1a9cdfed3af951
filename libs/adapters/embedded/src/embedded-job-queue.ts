// Jobs in LMDB, whose transactions are serial over all processes: who takes a job, has it. A worker acts under the token of its attempt,
// a random number, so that a stale one finds another token whatever has become of the job since. A lease ends with its worker's process, so that
// nobody waits for one that was killed. The layout is in `job-records.ts`.

import type { Clock } from '@tidemark/ports/clock'
import type { JobQueue, JobStatus, TakenJob } from '@tidemark/ports/job-queue'
import type { NewRevision } from '@tidemark/ports/revision'
import type { EmbeddedEnvironment } from './embedded-environment.ts'
import { createJobRecords, type JobPlace, type JobRecord } from './job-records.ts'
import { markOfThisProcess, stateOfProcess, type ProcessState } from '@tidemark/machine/process-mark'

export interface EmbeddedJobQueueOptions {
  readonly clock: Clock
  readonly newRevision: NewRevision
}

/** The jobs of an environment, which stays open when this is disposed of. Names of queues and ids have up to 255 and 1,000 bytes. */
export async function createEmbeddedJobQueue(environment: EmbeddedEnvironment, { clock, newRevision }: EmbeddedJobQueueOptions): Promise<JobQueue> {
  const records = createJobRecords(await environment.database('jobs'), environment.folder)

  /** Changes the job as long as it is this attempt's. */
  const act = ({ queue, order }: JobPlace, token: number, change: (job: JobRecord) => JobRecord): Promise<boolean> =>
    environment.write((writer) => {
      const job = records.get(writer, { queue, order })
      if (job?.state !== 'active' || job.token !== token) return false
      records.put(writer, { queue, order }, change(job))
      return true
    })

  const takenOf = (place: JobPlace, { id, data, attempt, token }: JobRecord, leaseMs: number): TakenJob => ({
    queue: place.queue, id, data, attempt,
    renew: () => act(place, token!, (job) => ({ ...job, dueAtMs: clock.nowMs() + leaseMs })),
    complete: (result) => act(place, token!, (job) => ({ ...job, state: 'completed', token: null, worker: null, result: result ?? null })),
    fail: (reason, retryAtMs) =>
      act(place, token!, (job) =>
        retryAtMs === null ? { ...job, state: 'failed', token: null, worker: null, reason } : { ...job, state: 'waiting', token: null, worker: null, reason, dueAtMs: retryAtMs }),
  })

  return {
    async add({ queue, id, data }, notBeforeMs) {
      return environment.write((writer) => {
        if (records.find(writer, queue, id) !== null) return false
        records.add(writer, queue, { id, data: data ?? null, state: 'waiting', attempt: 0, dueAtMs: notBeforeMs ?? null, token: null, result: null, reason: null })
        return true
      })
    },
    async take(queue, leaseMs, atOnceMax = Infinity) {
      return environment.write((writer) => {
        const nowMs = clock.nowMs()
        const open = Array.from(records.open(writer, queue), (order) => ({ place: { queue, order }, job: records.get(writer, { queue, order })! }))
        const isHeld = ({ state, dueAtMs, worker }: JobRecord): boolean => state === 'active' && dueAtMs! > nowMs && stateOfWorker(worker) !== 'gone'
        const next = open.find(({ job }) => (job.state === 'active' ? !isHeld(job) : job.dueAtMs === null || job.dueAtMs <= nowMs))
        if (next === undefined || open.filter(({ job }) => isHeld(job)).length >= atOnceMax) return null
        const taken: JobRecord = { ...next.job, state: 'active', attempt: next.job.attempt + 1, dueAtMs: nowMs + leaseMs, token: newRevision(), worker: markOfThisProcess() }
        records.put(writer, next.place, taken)
        return takenOf(next.place, taken, leaseMs)
      })
    },
    async status(queue, id) {
      return environment.read((reader) => {
        const place = records.find(reader, queue, id)
        return place && statusOf(queue, records.get(reader, place)!)
      })
    },
    async list(queue) {
      return environment.read((reader) => records.all(reader, queue).map((job) => statusOf(queue, job)))
    },
    async depth(queue) {
      return environment.read((reader) => {
        const open = Array.from(records.open(reader, queue), (order) => records.get(reader, { queue, order })!)
        const activeCount = open.filter(({ state }) => state === 'active').length
        return { waitingCount: open.length - activeCount, activeCount }
      })
    },
    async trim(queue, keptCount) {
      await environment.write((writer) => records.forgetFinished(writer, queue, keptCount))
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

function stateOfWorker(worker: string | null | undefined): ProcessState {
  return worker === null || worker === undefined ? 'unknown' : stateOfProcess(worker)
}

function statusOf(queue: string, { id, data, state, attempt, result, reason }: JobRecord): JobStatus {
  return { queue, id, data, state, attempt, result, reason }
}
