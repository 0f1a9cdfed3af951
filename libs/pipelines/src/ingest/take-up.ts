// Taking up partitions: they are opened in the seal register, the fences of every view and bucket are read and compared with the log,
// what has no fence gets one after its view's floor, and reading goes on from the lowest (law 6). It is done when a partition is
// assigned, and again whenever fences may not be what this processor takes them for.

import type { LogExtent } from '@tidemark/ports/event-log'
import { readManifest } from '../archive/manifest-store.ts'
import { positionAfter } from '../archive/position-after.ts'
import { decodeBucketRecord, encodeBucketRecord, type BucketRecord } from '../log/bucket-record.ts'
import { openPartitions, type PartitionStart } from '../log/change-seal-register.ts'
import { decodeFence, encodeFence } from '../log/fence.ts'
import { PartitionReader, type PartitionPosition } from '../log/partition-position.ts'
import type { SealRegister } from '../log/seal-register.ts'
import { readPointer } from '../pointer.ts'
import { ofBucket, readBuckets } from './bucket-damage.ts'
import { readLetterLane } from './dead-letter.ts'
import { speedGroupOf } from './group-names.ts'
import { goneAlarm, isReplaced, replacedAlarm, type IngestContext } from './ingest-context.ts'
import type { OwnedPartition } from './owned-partition.ts'
import { bucketWhere, fenceWhere, type BucketLanes, type SpeedView } from './speed-view.ts'

/**
 * Takes partitions up; the seal register as it was read. One of them stays without a reader, to be taken up at the next step, where somebody
 * else wrote first, and stands still, with an alarm, where its log was replaced or no view can go on.
 */
export async function takeUpPartitions(context: IngestContext, views: readonly SpeedView[], partitions: readonly OwnedPartition[]): Promise<SealRegister> {
  const { log, topic, registers, source, rules } = context
  const starts = await Promise.all(partitions.map(async ({ partition }) => ({ partition, offset: (await log.extent(topic, partition)).start })))
  const { register } = await openPartitions(registers, source, starts, (before) => rules.openingEpoch(before))
  for (const view of views) {
    view.pointer = (await readPointer(registers, view.id)).pointer
    for (const { partition } of partitions) view.release(partition)
    if (view.isHalted(context.clock.steadyMs())) for (const { partition } of partitions) view.blocked.set(partition, view.halt!.alarm)
    else await readLanes(context, view, starts, register)
  }
  for (const owned of partitions) await takeUp(context, views, owned, register)
  return register
}

/** Fills the lanes of a view; a fence that somebody else writes in the meantime makes none. */
async function readLanes(context: IngestContext, view: SpeedView, starts: readonly PartitionStart[], register: SealRegister): Promise<void> {
  const { buckets, id } = view
  const partitions = starts.map(({ partition }) => partition)
  const states = await readBuckets(context.store, buckets.map(({ bucket }) => ({ view: id, bucket, entities: [], partitions })))
  let startOf: StartPositions | null = null
  for (const [i, bucket] of buckets.entries()) {
    const state = states[i]!
    bucket.stateVersion++
    for (const [j, bytes] of state.fences.entries()) if (bytes !== null) setLane(context, bucket, partitions[j]!, readFence(bucket, partitions[j]!, bytes), bytes)
    const missing = starts.filter((_, j) => state.fences[j] === null)
    if (missing.length === 0) continue
    startOf ??= await startPositions(context, view, register)
    await writeFirstFences(context, view, bucket, readRecord(bucket, state.record, register), missing, startOf)
  }
}

/** Throws BucketDamagedError, STORE_TOO_NEW. */
export function readFence(bucket: BucketLanes, partition: number, bytes: Uint8Array): PartitionPosition {
  return ofBucket(bucket, () => ({ fences: [{ partition, bytes }] }), () => decodeFence(bytes, fenceWhere(bucket, partition)))
}

interface ReadRecord {
  readonly bytes: Uint8Array | null
  readonly record: BucketRecord
}

/** The record, or where there is none that of a state which begins: all that was ever folded is to be replayed. */
function readRecord(bucket: BucketLanes, bytes: Uint8Array | null, { openings }: SealRegister): ReadRecord {
  if (bytes === null) return { bytes, record: { startsAfterEpoch: -Infinity, replaying: [...new Set(openings.map(({ partition }) => partition))] } }
  return { bytes, record: ofBucket(bucket, () => ({ record: bytes }), () => decodeBucketRecord(bytes, bucketWhere(bucket))) }
}

/** By partition, where a view's state begins without a fence: after its floor, which batch contains, or where the partition was opened. */
type StartPositions = (partition: number) => PartitionPosition

async function startPositions({ objects, registers, rules, source }: IngestContext, { pointer }: SpeedView, register: SealRegister): Promise<StartPositions> {
  const cut = rules.dropThrough(pointer)
  const manifest = cut === -Infinity ? null : await readManifest(objects, registers, source, cut)
  return (partition) => positionAfter(manifest, register, partition)
}

/** The bucket record says in the same command after which epoch the state starts. */
async function writeFirstFences(
  context: IngestContext, view: SpeedView, bucket: BucketLanes, { bytes: recordBytes, record }: ReadRecord, missing: readonly PartitionStart[], startOf: StartPositions,
): Promise<void> {
  const fences = missing.flatMap(({ partition, offset }) => {
    const position = startOf(partition)
    if (position.next >= offset) return [{ partition, position, bytes: encodeFence(position) }]
    view.blocked.set(partition, goneAlarm(context, partition, view.id, position.next, offset))
    return []
  })
  if (fences.length === 0) return
  const floor = context.rules.dropThrough(view.pointer)
  const isRecordDue = recordBytes === null || record.startsAfterEpoch < floor
  const isWritten = await context.store.write(bucket, {
    expected: { record: recordBytes, fences: fences.map(({ partition }) => ({ partition, bytes: null })), chunks: [] },
    put: { ...(isRecordDue && { record: encodeBucketRecord({ ...record, startsAfterEpoch: floor }) }), fences, chunks: [] },
  })
  if (isWritten) for (const { partition, position, bytes } of fences) setLane(context, bucket, partition, position, bytes)
}

function setLane({ clock }: IngestContext, bucket: BucketLanes, partition: number, fence: PartitionPosition, fenceBytes: Uint8Array): void {
  bucket.lanes[partition] = { fence, fenceBytes, through: fence.next, fenceAtMs: clock.steadyMs(), isLost: false }
}

/** Compares a partition's fences with the log and sets its reader at the lowest. */
async function takeUp(context: IngestContext, views: readonly SpeedView[], owned: OwnedPartition, register: SealRegister): Promise<void> {
  const { log, topic, source, clock, limits, rules, onAlarm } = context
  const { partition } = owned
  const { start } = await log.extent(topic, partition)
  for (const view of views) blockWhereGone(context, view, partition, start)
  const fences = views.filter((view) => !view.blocked.has(partition)).flatMap(({ buckets }) => buckets.map(({ lanes }) => lanes[partition]?.fence))
  if (fences.includes(undefined)) return
  const lookAgainAtMs = clock.steadyMs() + limits.stoppedCheckEveryMs
  for (const fence of distinct(fences as PartitionPosition[])) {
    if (await isReplaced(context, partition, fence, 'take-up')) return owned.stop(replacedAlarm(context, partition, fence.next), lookAgainAtMs, onAlarm)
  }
  await takeUpLetters(context, owned)
  if (owned.letters.through > (await log.extent(topic, partition)).end) return owned.stop(replacedAlarm(context, partition, owned.letters.through), lookAgainAtMs, onAlarm)
  const blocked = views.flatMap((view) => view.blocked.get(partition) ?? [])
  const lowest = lowestOf(fences as PartitionPosition[])
  if (lowest === null) return blocked[0] && owned.stop(blocked[0], lookAgainAtMs, onAlarm)
  if (blocked.length === 0) owned.recover()
  else owned.goOnWithout(blocked, lookAgainAtMs, onAlarm)
  owned.reader = new PartitionReader(partition, rules.positionOfFence(lowest), register, (running, ...record) => rules.nextEpoch(running, ...record))
  owned.foldedAll()
  const next = await rules.startAt(lowest.next, () => log.committed(speedGroupOf(source), topic, partition))
  if (next > lowest.next) skipTo(views, owned, next)
}

/** Reads how far a partition was searched for dead letters. */
export async function takeUpLetters({ log, topic, source }: IngestContext, owned: OwnedPartition): Promise<void> {
  const { partition } = owned
  Object.assign(owned.letters, await readLetterLane(log, source, partition, (await log.extent(topic, partition)).start))
  owned.archived = null
}

function blockWhereGone(context: IngestContext, view: SpeedView, partition: number, start: number): void {
  const gone = view.buckets.find(({ lanes }) => lanes[partition] !== undefined && lanes[partition].fence.next < start)?.lanes[partition]
  if (gone !== undefined) view.blocked.set(partition, goneAlarm(context, partition, view.id, gone.fence.next, start))
  if (view.blocked.has(partition)) for (const { lanes } of view.buckets) lanes[partition] = undefined
}

/** Stops a partition whose log is no more what it was at one of these positions, and has it taken up again. Whether it does. */
export async function stopWhereReplaced(context: IngestContext, owned: OwnedPartition, positions: readonly PartitionPosition[], extent: LogExtent | null = null): Promise<boolean> {
  const { clock, limits, onAlarm } = context
  for (const position of distinct(positions)) {
    if (!(await isReplaced(context, owned.partition, position, 'running', extent))) continue
    owned.stop(replacedAlarm(context, owned.partition, position.next), clock.steadyMs() + limits.stoppedCheckEveryMs, onAlarm)
    owned.rewind()
    return true
  }
  return false
}

/** The positions, each place of the log once. */
function distinct(positions: readonly PartitionPosition[]): Iterable<PartitionPosition> {
  return new Map(positions.map((position) => [`${position.next} ${position.mark?.offset} ${position.mark?.appendTimeMs} ${position.mark?.checksum}`, position])).values()
}

function lowestOf(positions: readonly PartitionPosition[]): PartitionPosition | null {
  return positions.reduce<PartitionPosition | null>((lowest, position) => (lowest === null || position.next < lowest.next ? position : lowest), null)
}

function skipTo(views: readonly SpeedView[], { partition, reader }: OwnedPartition, next: number): void {
  reader!.skipTo(next)
  for (const { buckets } of views) for (const { lanes } of buckets) if (lanes[partition] !== undefined) lanes[partition].through = Math.max(lanes[partition].through, next)
}
