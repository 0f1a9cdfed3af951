// Jobs on a Redis of their own: how a service opens them.

import { openBullmqJobQueue } from '@tidemark/adapter-bullmq/bullmq-job-queue'
import type { Clock } from '@tidemark/ports/clock'
import type { JobQueue } from '@tidemark/ports/job-queue'
import { observed } from './server-calls.ts'
import type { Opening, RedisSettings } from './redis-servers.ts'

/** Throws what `openBullmqJobQueue` throws. */
export async function openJobs(settings: RedisSettings, { onNotice, clock, ...observation }: Opening & { readonly clock: Clock }): Promise<JobQueue> {
  return observed(observation, 'jobs', await openBullmqJobQueue({ ...settings, clock, onNotice }))
}
