// Jobs on a Redis of their own: how a service opens them.

import { openBullmqJobQueue } from '@tidemark/adapter-bullmq/bullmq-job-queue'
import type { Clock } from '@tidemark/ports/clock'
import type { JobQueue } from '@tidemark/ports/job-queue'
import type { Opening, RedisSettings } from './redis-servers.ts'

/** Throws what `openBullmqJobQueue` throws. */
export function openJobs(settings: RedisSettings, { onNotice, clock }: Opening & { readonly clock: Clock }): Promise<JobQueue> {
  return openBullmqJobQueue({ ...settings, clock, onNotice })
}
