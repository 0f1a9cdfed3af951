// Jobs: named work that is done at least once, by one worker at a time as long as its lease is renewed. What a job does must bear being
// done twice: a worker that was thought dead may still be at it.

export interface Job {
  readonly queue: string
  /** Unique in its queue: a second one of the same id is not added, as long as the first is kept. */
  readonly id: string
  /** JSON. */
  readonly data: unknown
}

export interface TakenJob extends Job {
  /** From 1. */
  readonly attempt: number
  /** Keeps the job for another lease; false: it was given to somebody else. */
  renew(): Promise<boolean>
  /** false: it was given to somebody else. */
  complete(result: unknown): Promise<boolean>
  /** The job waits until then and is given out again; null: never again. */
  fail(reason: string, retryAtMs: number | null): Promise<boolean>
}

export type JobState = 'waiting' | 'active' | 'completed' | 'failed'

export interface JobStatus extends Job {
  readonly state: JobState
  readonly attempt: number
  /** Of a completed one; null otherwise. */
  readonly result: unknown
  /** Of the last failure; null: none. */
  readonly reason: string | null
}

/** Jobs of a queue that are not finished: those that may be taken now or later, and those that were taken, also where the lease has run out. */
export interface QueueDepth {
  readonly waitingCount: number
  readonly activeCount: number
}

export interface JobQueue extends AsyncDisposable {
  /** Durable when it resolves; false: there is one of this id. */
  add(job: Job, notBeforeMs?: number): Promise<boolean>
  /**
   * The next job that is due, oldest first, for `leaseMs`; null: there is none, or `atOnceMax` jobs of the queue (default: any number) are held
   * under leases that have not run out.
   */
  take(queue: string, leaseMs: number, atOnceMax?: number): Promise<TakenJob | null>
  status(queue: string, id: string): Promise<JobStatus | null>
  list(queue: string): Promise<JobStatus[]>
  depth(queue: string): Promise<QueueDepth>
  /** Forgets completed and failed jobs, all but the newest. */
  trim(queue: string, keptCount: number): Promise<void>
}
