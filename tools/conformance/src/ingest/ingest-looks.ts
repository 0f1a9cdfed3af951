// What the suites of the stream processor look at.

import { decodeHeartbeat, type Heartbeat } from '@tidemark/pipelines/ingest/heartbeat'
import type { IngestLimits } from '@tidemark/pipelines/ingest/ingest-limits'
import { decodeBucketRecord } from '@tidemark/pipelines/log/bucket-record'
import { decodeFence } from '@tidemark/pipelines/log/fence'
import { CLICKS, totals } from './ingest-definitions.ts'
import { bucketOfHere } from './ingest-schedules.ts'
import { IngestWorld } from './ingest-world.ts'

export function worldOf(partitionCount = 1, limits: Partial<IngestLimits> = {}): Promise<IngestWorld> {
  return IngestWorld.create({ source: CLICKS, views: [totals], partitionCount, limits })
}

export async function heartbeatOf(world: IngestWorld, partition = 0): Promise<Heartbeat> {
  return decodeHeartbeat((await world.store.heartbeats('totals@1')).get(partition)!, 'heartbeat')
}

export async function bucketOf(world: IngestWorld): Promise<{ startsAfterEpoch: number; next: number | null }> {
  const [state] = await world.store.read([{ ...bucketOfHere, entities: [], partitions: [0] }])
  const fence = state!.fences[0]
  return { startsAfterEpoch: decodeBucketRecord(state!.record!, '').startsAfterEpoch, next: fence ? decodeFence(fence, '').next : null }
}

export const codes = (world: IngestWorld): string[] => world.alarms.map(({ code }) => code)
