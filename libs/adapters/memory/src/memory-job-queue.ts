// Jobs in a map, kept as the JSON that a durable queue would keep.

import type { Clock } from '@tidemark/ports/clock'
import type { Job, JobQueue, JobState, JobStatus, TakenJob } from '@tidemark/ports/job-queue'

interface KeptJob {
  readonly queue: string
  readonly id: string
  readonly dataJson: string
  state: JobState
  attempt: number
  /** Waiting: not before; active: the end of its lease. */
  dueAtMs: number
  resultJson: string
  reason: string | null
  /** When it finished, among all that did. */
  finishedOrder: number
}

/** A job queue that lives as long as this object. */
export function createMemoryJobQueue({ clock }: { readonly clock: Clock }): JobQueue {
  /** In the order in which they were added. */
  const jobs = new Map<string, KeptJob>()
  let finishedCount = 0
  const keyOf = (queue: string, id: string): string => JSON.stringify([queue, id])
  const of = (queue: string): KeptJob[] => [...jobs.values()].filter((job) => job.queue === queue)

  /** Does it to the job as long as it is this attempt's. */
  const act = async (job: KeptJob, attempt: number, change: () => void): Promise<boolean> => {
    const isMine = jobs.get(keyOf(job.queue, job.id)) === job && job.state === 'active' && job.attempt === attempt
    if (isMine) change()
    return isMine
  }
  const finish = (job: KeptJob, state: 'completed' | 'failed'): void => {
    Object.assign(job, { state, finishedOrder: ++finishedCount })
  }
  const takenOf = (job: KeptJob, leaseMs: number): TakenJob => {
    const { queue, id, attempt } = job
    return {
      queue, id, attempt, data: JSON.parse(job.dataJson) as unknown,
      renew: () => act(job, attempt, () => (job.dueAtMs = clock.nowMs() + leaseMs)),
      complete: (result) => act(job, attempt, () => (finish(job, 'completed'), (job.resultJson = jsonOf(result)))),
      fail: (reason, retryAtMs) =>
        act(job, attempt, () => {
          job.reason = reason
          if (retryAtMs === null) finish(job, 'failed')
          else Object.assign(job, { state: 'waiting', dueAtMs: retryAtMs })
        }),
    }
  }

  return {
    async add({ queue, id, data }: Job, notBeforeMs = -Infinity) {
      if (jobs.has(keyOf(queue, id))) return false
      jobs.set(keyOf(queue, id), { queue, id, dataJson: jsonOf(data), state: 'waiting', attempt: 0, dueAtMs: notBeforeMs, resultJson: 'null', reason: null, finishedOrder: 0 })
      return true
    },
    async take(queue, leaseMs, atOnceMax = Infinity) {
      const nowMs = clock.nowMs()
      const open = of(queue).filter(({ state }) => state === 'waiting' || state === 'active')
      const heldCount = open.filter(({ state, dueAtMs }) => state === 'active' && dueAtMs > nowMs).length
      const job = open.find(({ dueAtMs }) => dueAtMs <= nowMs)
      if (job === undefined || heldCount >= atOnceMax) return null
      Object.assign(job, { state: 'active', attempt: job.attempt + 1, dueAtMs: nowMs + leaseMs })
      return takenOf(job, leaseMs)
    },
    async status(queue, id) {
      const job = jobs.get(keyOf(queue, id))
      return job === undefined ? null : statusOf(job)
    },
    list: async (queue) => of(queue).map(statusOf),
    async depth(queue) {
      const countOf = (asked: JobState): number => of(queue).filter(({ state }) => state === asked).length
      return { waitingCount: countOf('waiting'), activeCount: countOf('active') }
    },
    async trim(queue, keptCount) {
      const finished = of(queue).filter(({ state }) => state === 'completed' || state === 'failed').sort((a, b) => b.finishedOrder - a.finishedOrder)
      for (const { id } of finished.slice(keptCount)) jobs.delete(keyOf(queue, id))
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

function statusOf({ queue, id, dataJson, state, attempt, resultJson, reason }: KeptJob): JobStatus {
  return { queue, id, data: JSON.parse(dataJson) as unknown, state, attempt, result: JSON.parse(resultJson) as unknown, reason }
}

/** undefined, which JSON does not have, is kept as null. */
function jsonOf(value: unknown): string {
  return (JSON.stringify(value) as string | undefined) ?? 'null'
}
