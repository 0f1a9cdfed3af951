// What a processor does about once a second, idle or not: it reads its fences again, compares them with what it knows and with the log,
// advances those that were left behind, reads the pointers, and says how far it is.

import { momentOf, passedMs, type Moment } from '@tidemark/ports/moment'
import { decodeBucketRecord, encodeBucketRecord } from '../log/bucket-record.ts'
import { readSealRegister } from '../log/change-seal-register.ts'
import type { PartitionPosition } from '../log/partition-position.ts'
import { brokenSeams, type SealRegister } from '../log/seal-register.ts'
import { floorCut, readPointer } from '../pointer.ts'
import { ofBucket, readBuckets } from './bucket-damage.ts'
import { bucketPartOf, type BucketWork } from './bucket-work.ts'
import { speedGroupOf } from './group-names.ts'
import { encodeHeartbeat, HEARTBEAT_VERSION, type Heartbeat } from './heartbeat.ts'
import type { IngestContext } from './ingest-context.ts'
import type { OwnedPartition } from './owned-partition.ts'
import type { PolledPart } from './poll.ts'
import { bucketWhere, type BucketLanes, type SpeedView } from './speed-view.ts'
import { readFence, stopWhereReplaced } from './take-up.ts'

/** Reads pointers and fences again. Partitions whose fences are not what they should be are rewound, or stand still. */
export async function checkPartitions(context: IngestContext, views: readonly SpeedView[], partitions: readonly OwnedPartition[]): Promise<void> {
  const { clock, log, topic, registers } = context
  for (const view of views) view.pointer = (await readPointer(registers, view.id)).pointer
  const read = partitions.filter(({ reader }) => reader !== null)
  const doubtful = await readFences(context, views, read)
  await Promise.all(partitions.map(async (owned) => {
    const { partition, reader } = owned
    const position = reader?.position()
    const at = momentOf(clock)
    // After the positions that are compared with it.
    const extent = await log.extent(topic, partition)
    owned.sawEnd(extent.appendedEnd, at)
    if (position === undefined || owned.reader === null) return
    await stopWhereReplaced(context, owned, [position, ...(doubtful.get(owned) ?? [])], extent)
  }))
}

/** Compares the fences with those that were known; the positions that the log has to be compared with, beside the reader's own. */
async function readFences({ store, registers, source, rules, clock }: IngestContext, views: readonly SpeedView[], owned: readonly OwnedPartition[]): Promise<Map<OwnedPartition, PartitionPosition[]>> {
  const doubtful = new Map<OwnedPartition, PartitionPosition[]>(owned.map((one) => [one, []]))
  if (owned.length === 0) return doubtful
  const partitions = owned.map(({ partition }) => partition)
  const steadyMs = clock.steadyMs()
  const buckets = views.filter((view) => !view.isHalted(steadyMs)).flatMap((view) => view.buckets)
  const states = await readBuckets(store, buckets.map(({ view, bucket }) => ({ view, bucket, entities: [], partitions })))
  let isAnyOther = false
  for (const [i, bucket] of buckets.entries()) {
    takeRecord(bucket, states[i]!.record)
    for (const [j, one] of owned.entries()) {
      const fence = compareFence(rules, bucket, one, states[i]!.fences[j]!)
      isAnyOther ||= fence?.isOther === true
      // What this processor read itself is as its reader's own position is.
      if (fence !== null && (fence.isOther || fence.position.next > one.reader!.next)) doubtful.get(one)!.push(fence.position)
    }
  }
  // After the fences, as where a command is refused (write-bucket.ts).
  if (isAnyOther) {
    const { register } = await readSealRegister(registers, source)
    for (const { reader } of owned) reader!.follow(register)
  }
  for (const one of owned) if (one.reader!.isOutdated || views.some(({ buckets: all }) => all.some(({ lanes }) => lanes[one.partition]?.isLost === true))) one.rewind()
  return doubtful
}

function takeRecord(bucket: BucketLanes, bytes: Uint8Array | null): void {
  bucket.record = bytes && ofBucket(bucket, () => ({ record: bytes }), () => decodeBucketRecord(bytes, bucketWhere(bucket)))
  bucket.recordBytes = bytes
}

function compareFence(
  { isLost }: IngestContext['rules'], bucket: BucketLanes, { partition }: OwnedPartition, bytes: Uint8Array | null,
): { readonly position: PartitionPosition; readonly isOther: boolean } | null {
  const lane = bucket.lanes[partition]
  if (lane === undefined) return null
  if (bytes !== null && Buffer.compare(bytes, lane.fenceBytes) === 0) return { position: lane.fence, isOther: false }
  const position = bytes === null ? null : readFence(bucket, partition, bytes)
  // RULE idle check: the store lost writes.
  lane.isLost = isLost(position?.next ?? -Infinity, lane.fence.next)
  if (lane.isLost || position === null || position.next < lane.fence.next) return null
  Object.assign(lane, { fence: position, fenceBytes: bytes, through: Math.max(lane.through, position.next) })
  return { position, isOther: true }
}

/** The fences that were left behind for too long: commands that bring them no event. */
export function idleWork({ clock, limits }: IngestContext, views: readonly SpeedView[], partitions: readonly OwnedPartition[]): BucketWork[] {
  const dueMs = clock.steadyMs() - limits.idleFenceMs
  const parts = partitions.flatMap((owned): PolledPart[] => {
    if (owned.reader === null) return []
    const position = owned.reader.position()
    return [{ owned, pollFrom: position.next, indexes: [], position, rejected: [] }]
  })
  return views.flatMap((view) => view.buckets.flatMap((bucket): BucketWork[] => {
    const due = parts.filter(({ owned: { partition }, position }) => {
      const lane = bucket.lanes[partition]
      return lane !== undefined && lane.fence.next < position.next && lane.fenceAtMs <= dueMs
    })
    return due.length === 0 ? [] : [{ view, bucket, rows: [], parts: due.map(bucketPartOf) }]
  }))
}

/** Strikes the partitions that are replayed from the records of their buckets, whose fences are what this processor takes them for. */
export async function tellReplayed({ rules, store }: IngestContext, views: readonly SpeedView[], partitions: readonly OwnedPartition[]): Promise<void> {
  await Promise.all(views.flatMap(({ buckets }) => buckets).map(async (bucket) => {
    const { record, recordBytes, lanes } = bucket
    if (record === null || record.replaying.length === 0) return
    const replayed = partitions.filter(({ partition, reader, caughtUpAt }) => (
      record.replaying.includes(partition) && reader !== null && lanes[partition] !== undefined && rules.isReplayed(caughtUpAt !== null)
    )).map(({ partition }) => partition)
    if (replayed.length === 0) return
    await store.write(bucket, {
      expected: { record: recordBytes, fences: replayed.map((partition) => ({ partition, bytes: lanes[partition]!.fenceBytes })), chunks: [] },
      put: { record: encodeBucketRecord({ ...record, replaying: record.replaying.filter((partition) => !replayed.includes(partition)) }), fences: [], chunks: [] },
    })
  }))
}

/** Writes a heartbeat for each partition of each view. */
export async function tellHowFar(context: IngestContext, views: readonly SpeedView[], partitions: readonly OwnedPartition[], register: SealRegister): Promise<void> {
  const { store } = context
  if (partitions.length === 0) return
  await Promise.all(views.map((view) => (
    store.putHeartbeats(view.id, new Map(partitions.map((owned) => [owned.partition, encodeHeartbeat(heartbeatOf(context, view, owned, register))])))
  )))
}

/** For those who ask the log about lag: where a position has moved, and now and then where it has not. */
export async function commitPositions({ log, topic, source, clock, limits }: IngestContext, partitions: readonly OwnedPartition[]): Promise<void> {
  await Promise.all(partitions.map(async (owned) => {
    const { partition, reader, committed } = owned
    const atMs = clock.steadyMs()
    if (reader === null || (reader.next === committed?.offset && atMs < committed.atMs + limits.positionCommitMs)) return
    const offset = reader.next
    await log.commit({ group: speedGroupOf(source), topic, partition, offset })
    owned.committed = { offset, atMs }
  }))
}

function heartbeatOf({ clock }: IngestContext, view: SpeedView, owned: OwnedPartition, register: SealRegister): Heartbeat {
  const { partition, reader } = owned
  const stopped = owned.stopped ?? view.blocked.get(partition) ?? null
  const broken = brokenSeams(register, floorCut(view.pointer))
  const writtenAtMs = clock.nowMs()
  // By the clock as it is by now: one that was ahead, and is no more, makes nothing younger than it is.
  const stamped = (moment: Moment): number => writtenAtMs - passedMs(clock, moment)
  return {
    formatVersion: HEARTBEAT_VERSION,
    writtenAtMs,
    logEnd: owned.logEnd,
    logEndSeenAtMs: stamped(owned.logEndSeenAt),
    nextOffset: owned.lastNext,
    caughtUpAtMs: stopped === null && owned.caughtUpAt !== null ? stamped(owned.caughtUpAt) : null,
    knownTimeMs: finiteOrNull(reader?.knownTimeMs),
    epoch: finiteOrNull(reader?.epoch),
    stopped: stopped && { code: stopped.code, message: stopped.message },
    brokenEpochs: broken.filter((opening) => opening.partition === partition).map(({ epoch }) => epoch!),
  }
}

function finiteOrNull(value: number | undefined): number | null {
  return value !== undefined && Number.isFinite(value) ? value : null
}
