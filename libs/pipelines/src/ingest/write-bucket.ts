// Folding into a bucket: one atomic command with the expected fences, the revisions of every chunk that was read, and what is put
// (law 6). What is refused was not written: fences and chunks are read again, the fences are compared with the log, and it is made anew,
// or the partition rewinds.

import { encodeState, openState } from '@tidemark/aggregation/entity-state'
import { advanceState, dropSections, foldEvent, type FoldEvent } from '@tidemark/aggregation/fold'
import type { BucketWrite, EntityChunks } from '@tidemark/ports/speed-view-store'
import { readSealRegister } from '../log/change-seal-register.ts'
import { encodeFence } from '../log/fence.ts'
import type { PartitionPosition } from '../log/partition-position.ts'
import { ofBucket, readBuckets } from './bucket-damage.ts'
import { firstAtLeast, type BucketPart, type BucketWork } from './bucket-work.ts'
import type { IngestContext } from './ingest-context.ts'
import type { Poll, PolledPart } from './poll.ts'
import { readFence, stopWhereReplaced } from './take-up.ts'
import { CHUNK_NAMES, type EntityEntry, type Revisions } from './view-entities.ts'

/** What a command does to a partition's lane. */
interface LaneStep {
  readonly inBucket: BucketPart
  /** Records of it that are written afterwards. */
  readonly to: number
  readonly position: PartitionPosition
  readonly fenceBytes: Uint8Array
}

interface Command {
  readonly steps: readonly LaneStep[]
  readonly folded: readonly { readonly entry: EntityEntry; readonly revisions: Revisions }[]
  readonly write: BucketWrite
}

/** Counted over all commands of a step. */
export interface WriteCounts {
  writeCount: number
  refusedCount: number
  foldedCount: number
}

/** Keys that a command compares and puts for one entity: all of its chunks. */
const KEYS_PER_ENTITY = 2 * CHUNK_NAMES.length
const KEYS_PER_FENCE = 2

let commandCount = 0

/** Writes all of the work, in as many commands as its size asks for. Partitions that cannot go on from here are rewound. */
export async function writeBucket(context: IngestContext, poll: Poll, work: BucketWork, counts: WriteCounts): Promise<void> {
  const { store, limits } = context
  for (let redoCount = 0; ; ) {
    const chosen = chooseParts(context, poll, work)
    if (chosen.length === 0) return
    await readStates(context, [work], chosen.flatMap(({ inBucket, to }) => inBucket.entries.slice(inBucket.doneCount, to)))
    const command = makeCommand(context, poll, work, chosen, counts)
    const { put } = command.write
    if ((put.fences.length === 0 && put.chunks.length === 0) || (await store.write(work.bucket, command.write))) {
      counts.writeCount++
      redoCount = 0
      applyCommand(context, work, command)
      continue
    }
    counts.refusedCount++
    await readAgain(context, work)
    if (++redoCount > limits.redoCountMax) rewindAll(work)
  }
}

/** How much of each partition the next command takes: as much as it has keys and bytes for, cut by offset. */
function chooseParts({ rules, limits }: IngestContext, poll: Poll, { bucket, parts }: BucketWork): { inBucket: BucketPart; to: number }[] {
  const command = ++commandCount
  const chosen: { inBucket: BucketPart; to: number }[] = []
  let keyCount = 0
  let sizeBytes = 0
  for (const inBucket of parts) {
    if (inBucket.isOver) continue
    const { part, indexes, entries } = inBucket
    const { through, fence } = bucket.lanes[part.owned.partition]!
    // RULE gap: the partition rewinds to its fences.
    if (part.owned.reader === null || rules.isGap(rules.rangeStart({ through, pollFrom: part.pollFrom, firstRecord: firstOffsetFrom(poll, part, through) }), fence.next)) {
      part.owned.rewind()
      inBucket.isOver = true
      continue
    }
    keyCount += KEYS_PER_FENCE
    // RULE once: what the fence contains, which another one may have written, is not folded again. Its offsets come before all others.
    while (inBucket.doneCount < entries.length && rules.isContained(poll.records[indexes[inBucket.doneCount]!]!.offset, fence.next)) inBucket.doneCount++
    const { doneCount } = inBucket
    let to = doneCount
    for (; to < entries.length; to++) {
      const entry = entries[to]!
      if (entry.command === command) continue
      const isFull = keyCount + KEYS_PER_ENTITY > limits.writeKeysMax || sizeBytes + entry.sizeBytes > limits.writeSizeMaxBytes
      if (isFull && sizeBytes > 0) break
      entry.command = command
      keyCount += KEYS_PER_ENTITY
      sizeBytes += entry.sizeBytes
    }
    if (to > doneCount || doneCount === entries.length) chosen.push({ inBucket, to })
    if (to < entries.length) break
  }
  return chosen
}

function firstOffsetFrom({ records }: Poll, { indexes }: PolledPart, through: number): number | null {
  const index = indexes[firstAtLeast(through, indexes, (each) => records[each]!.offset)]
  return index === undefined ? null : records[index]!.offset
}

/** Reads the states of entities that are not in memory. Those of several buckets are read in one go. */
export async function readStates({ store }: IngestContext, works: readonly BucketWork[], ofOne: readonly EntityEntry[] | null = null): Promise<void> {
  const missing = works.map(({ bucket, parts }) => {
    const entries = new Set<EntityEntry>()
    for (const entry of ofOne ?? parts.flatMap((inBucket) => inBucket.entries)) if (entry.state === null || entry.stateVersion !== bucket.stateVersion) entries.add(entry)
    return [...entries]
  })
  const asked = works.map((work, i) => ({ work, entries: missing[i]!, stateVersion: work.bucket.stateVersion })).filter(({ entries }) => entries.length > 0)
  if (asked.length === 0) return
  const states = await readBuckets(store, asked.map(({ work: { bucket: { view, bucket } }, entries }) => ({ view, bucket, partitions: [], entities: entries.map(({ entity }) => entity) })))
  for (const [i, { work: { view, bucket }, entries, stateVersion }] of asked.entries()) {
    for (const [j, entry] of entries.entries()) {
      const chunks = states[i]!.entities[j]!
      const revisions = CHUNK_NAMES.map((_, chunk) => chunks[chunk]?.revision ?? null)
      entry.state = ofBucket(bucket, () => ({ chunks: revisions.map((revision, chunk) => ({ entity: entry.entity, chunk, revision })) }), () => (
        openState(view.plan, { open: bytesOf(chunks, 0), closed: bytesOf(chunks, 1), settled: bytesOf(chunks, 2) })
      ))
      entry.revisions = revisions
      entry.stateVersion = stateVersion
      view.entities.weigh(entry)
    }
  }
}

function bytesOf(chunks: EntityChunks, chunk: number): Uint8Array | null {
  return chunks[chunk]?.bytes ?? null
}

const event: { -readonly [field in keyof FoldEvent]: FoldEvent[field] } = { epoch: 0, appendTimeMs: 0, eventTimeMs: 0, partition: 0, offset: 0, row: [] }

/** Folds into the states in memory, and says what is to be written. */
function makeCommand(context: IngestContext, poll: Poll, work: BucketWork, chosen: readonly { inBucket: BucketPart; to: number }[], counts: WriteCounts): Command {
  const { rules, newRevision } = context
  const { view, bucket: { lanes } } = work
  const { plan, pointer } = view
  const dropThrough = rules.dropThrough(pointer)
  const newest = newestOf(poll, chosen)
  for (const [{ state }, logTimeMs] of newest) {
    dropSections(plan, state!, dropThrough)
    advanceState(plan, state!, logTimeMs)
  }
  for (const { inBucket, to } of chosen) counts.foldedCount += foldPart(poll, work, inBucket, to)
  const expectedChunks: BucketWrite['expected']['chunks'][number][] = []
  const putChunks: BucketWrite['put']['chunks'][number][] = []
  const folded = Array.from(newest.keys(), (entry) => {
    const { entity } = entry
    const changed = encodeState(plan, entry.state!)
    view.entities.weigh(entry)
    const revisions = CHUNK_NAMES.map((name, chunk) => {
      const revision = entry.revisions[chunk] ?? null
      expectedChunks.push({ entity, chunk, revision })
      const bytes = changed[name]
      if (bytes === undefined) return revision
      const next = rules.nextRevision(revision, newRevision)
      putChunks.push({ entity, chunk, stored: { revision: next, bytes } })
      return next
    })
    return { entry, revisions }
  })
  const steps = chosen.map(({ inBucket, to }) => laneStep(poll, inBucket, to))
  const expectedFences = steps.map(({ inBucket: { part: { owned: { partition } } } }) => ({ partition, bytes: lanes[partition]!.fenceBytes }))
  const putFences = steps
    .map(({ inBucket: { part: { owned: { partition } } }, position, fenceBytes }) => ({ partition, bytes: fenceBytes, next: position.next }))
    .filter(({ partition, next }) => next > lanes[partition]!.fence.next)
  return {
    steps, folded,
    write: {
      expected: { fences: rules.expectedFences(expectedFences), chunks: rules.expectedChunks(expectedChunks) },
      put: { fences: putFences.map(({ partition, bytes }) => ({ partition, bytes })), chunks: putChunks },
    },
  }
}

/** The entities that the command folds into, and the newest append time that it brings each. */
function newestOf({ appendTimes }: Poll, chosen: readonly { inBucket: BucketPart; to: number }[]): Map<EntityEntry, number> {
  const newest = new Map<EntityEntry, number>()
  for (const { inBucket: { indexes, entries, doneCount }, to } of chosen) {
    for (let i = doneCount; i < to; i++) newest.set(entries[i]!, Math.max(newest.get(entries[i]!) ?? -Infinity, appendTimes[indexes[i]!]!))
  }
  return newest
}

/** How many events of the part were folded. */
function foldPart(poll: Poll, { view: { plan }, rows }: BucketWork, { part, indexes, entries, doneCount }: BucketPart, to: number): number {
  event.partition = part.owned.partition
  for (let i = doneCount; i < to; i++) {
    const index = indexes[i]!
    event.offset = poll.records[index]!.offset
    event.epoch = poll.epochs[index]!
    event.appendTimeMs = poll.appendTimes[index]!
    event.eventTimeMs = poll.eventTimes[index]!
    event.row = rows[index]!
    foldEvent(plan, entries[i]!.state!, event)
  }
  return to - doneCount
}

function laneStep(poll: Poll, inBucket: BucketPart, to: number): LaneStep {
  const isWhole = to === inBucket.indexes.length
  const position = isWhole ? inBucket.part.position : poll.positionAfter(inBucket.indexes[to - 1]!)
  return { inBucket, to, position, fenceBytes: encodeFence(position) }
}

function applyCommand({ clock }: IngestContext, { bucket }: BucketWork, { steps, folded }: Command): void {
  for (const { inBucket, to, position, fenceBytes } of steps) {
    const lane = bucket.lanes[inBucket.part.owned.partition]!
    if (position.next > lane.fence.next) Object.assign(lane, { fence: position, fenceBytes })
    lane.through = Math.max(lane.through, position.next)
    lane.fenceAtMs = clock.steadyMs()
    inBucket.doneCount = to
    inBucket.isOver = to === inBucket.indexes.length
  }
  for (const { entry, revisions } of folded) entry.revisions = revisions
}

/** RULE refused: what is in memory of the bucket is worth nothing; its fences are what is stored, if that is of this log. */
async function readAgain(context: IngestContext, { bucket, parts }: BucketWork): Promise<void> {
  const { store, registers, source, clock } = context
  bucket.stateVersion++
  const left = parts.filter(({ isOver }) => !isOver)
  const partitions = left.map(({ part }) => part.owned.partition)
  const [state] = await readBuckets(store, [{ view: bucket.view, bucket: bucket.bucket, entities: [], partitions }])
  // After the fences: who bars them has announced before that what was polled may count otherwise.
  const { register } = await readSealRegister(registers, source)
  for (const [i, { part: { owned } }] of left.entries()) {
    const bytes = state!.fences[i]!
    owned.reader?.follow(register)
    if (bytes === null || owned.reader?.isOutdated === true) {
      owned.rewind()
      continue
    }
    const fence = readFence(bucket, owned.partition, bytes)
    if (await stopWhereReplaced(context, owned, [fence])) continue
    const lane = bucket.lanes[owned.partition]!
    Object.assign(lane, { fence, fenceBytes: bytes, through: Math.max(lane.through, fence.next), fenceAtMs: clock.steadyMs() })
  }
}

function rewindAll({ parts }: BucketWork): void {
  for (const inBucket of parts) if (!inBucket.isOver) inBucket.part.owned.rewind()
}
