// For each rule that the seam rests on, the shortest history that goes wrong where it is broken. Each says what is wrong with the state that
// it leaves; null: nothing, which is what it must say under the right rules.

import type { IngestLimits } from '@tidemark/pipelines/ingest/ingest-limits'
import type { Processor } from '@tidemark/pipelines/ingest/processor'
import { decodeBucketRecord } from '@tidemark/pipelines/log/bucket-record'
import { decodeFence } from '@tidemark/pipelines/log/fence'
import { PIN_LEASE_MS } from '@tidemark/pipelines/pointer'
import { damageChunk } from './damage-chunk.ts'
import { EPOCH_MS, HERE, THERE, totals, USERS } from './ingest-definitions.ts'
import { judgeAll, judgeEntity } from './ingest-judge.ts'
import type { IngestWorld } from './ingest-world.ts'
import { pausable } from './pausable-store.ts'

export interface Schedule {
  readonly partitionCount?: number
  readonly limits?: Partial<IngestLimits>
  readonly run: (world: IngestWorld) => Promise<string | null>
}

export const click = (world: IngestWorld, user: string | null, amount = 1): Record<string, unknown> => ({ user, at: world.nowMs, amount })
export const bucketOfHere = { view: 'totals@1', bucket: 0 } as const

/** Steps until there is nothing to do, or it goes round in circles. */
export async function drain(processor: Processor, stepsMax = 40): Promise<void> {
  for (let i = 0; i < stepsMax; i++) if ((await processor.step()).did === 'idle') return
}

const judge = (world: IngestWorld): Promise<string | null> => judgeAll(world, USERS)

/** The epoch of the world's clock. */
const epochOf = (world: IngestWorld): number => Math.floor(world.nowMs / EPOCH_MS)

const [user, other] = HERE

async function cutShortWhileRead(world: IngestWorld): Promise<string | null> {
  const processor = world.processor([0])
  await world.append(0, click(world, user), click(world, user, 2))
  await drain(processor)
  world.log.truncate(world.topic, 0, 1)
  await world.append(0, click(world, user, 4), click(world, user, 8))
  await drain(processor)
  world.nowMs += 1_000
  await drain(processor)
  return world.alarms.some(({ code }) => code === 'LOG_REPLACED') && processor.status()[0]!.stopped !== null ? null : 'it goes on in a log that is another one'
}

export const SCHEDULES: Readonly<Record<string, Schedule>> = {
  'no-fence': {
    async run(world) { // two believe in the same partition
      const [one, two] = [world.processor([0]), world.processor([0])]
      await one.step()
      await two.step()
      await world.append(0, click(world, user))
      await drain(one)
      await drain(two)
      return judge(world)
    },
  },
  'no-revision': {
    partitionCount: 2,
    async run(world) { // an entity's events come in two partitions
      const [one, two] = [world.processor([0]), world.processor([1])]
      await world.append(0, click(world, user))
      await drain(one)
      await world.append(1, click(world, user, 2))
      await drain(two)
      await world.append(0, click(world, user, 4))
      await drain(one)
      return judge(world)
    },
  },
  'counter-revision': {
    partitionCount: 2,
    limits: { fetchCountMax: 10 },
    async run(world) { // a write that is under way meets a state which has its revision again, after a fail-over
      const pause = pausable()
      const one = world.processor([0], pause.between)
      const two = world.processor([1])
      await world.append(0, click(world, user))
      await drain(one)
      await world.append(1, click(world, user, 2))
      await drain(two)
      // Reads the state again, as its own one is refused, and is about to write.
      await world.append(0, click(world, user, 4))
      pause.beforeWrite(2)
      const underWay = drain(one)
      await pause.reached()
      world.store.failOver(bucketOfHere, 1)
      await world.append(1, click(world, user, 8))
      await drain(world.processor([1]))
      pause.goOn()
      await underWay
      return judge(world)
    },
  },
  'no-gap-rule': {
    async run(world) { // the store loses a write, and the next one comes before the idle check
      const processor = world.processor([0])
      for (const amount of [1, 2]) {
        await world.append(0, click(world, user, amount))
        await drain(processor)
      }
      world.store.failOver(bucketOfHere, 1)
      await world.append(0, click(world, user, 4))
      await drain(processor)
      return judge(world)
    },
  },
  'first-record-as-a': {
    async run(world) { // a transaction's marker between two events
      const processor = world.processor([0])
      await world.append(0, click(world, user))
      await drain(processor)
      world.log.appendInvisible(world.topic, 0, 1)
      await world.append(0, click(world, user, 2))
      await drain(processor)
      return judge(world)
    },
  },
  'lazy-gap': {
    limits: { fetchCountMax: 1 },
    async run(world) { // a bucket without events for some polls
      const processor = world.processor([0])
      await world.append(0, click(world, user), ...[1, 2, 3].map((amount) => click(world, THERE[0], amount)), click(world, user, 2))
      await drain(processor)
      return judge(world)
    },
  },
  'trust-commits': {
    async run(world) { // what was committed is lost before the next owner comes
      const processor = world.processor([0])
      for (const amount of [1, 2]) {
        await world.append(0, click(world, user, amount))
        await drain(processor)
      }
      world.nowMs += 1_000
      await drain(processor)
      world.store.failOver(bucketOfHere, 1)
      const next = world.processor([0])
      await world.append(0, click(world, user, 4))
      await drain(next)
      return judge(world)
    },
  },
  'no-idle-check': {
    async run(world) { // the store loses a write, and nothing comes any more
      const processor = world.processor([0])
      for (const amount of [1, 2]) {
        await world.append(0, click(world, user, amount))
        await drain(processor)
      }
      world.store.failOver(bucketOfHere, 1)
      for (let minute = 0; minute < 3; minute++) {
        world.nowMs += 60_000
        await drain(processor)
      }
      return judge(world)
    },
  },
  'epoch-not-running-max': {
    async run(world) { // the broker's clock steps back
      const processor = world.processor([0])
      const epoch = epochOf(world)
      await world.append(0, click(world, user))
      world.log.shiftAppendTimes(world.topic, 0, -EPOCH_MS)
      await world.append(0, click(world, user, 2))
      await drain(processor)
      await world.seal(epoch - 1)
      await world.publish(totals, epoch - 1)
      return judge(world)
    },
  },
  'fence-without-epoch': {
    async run(world) { // the clock steps back between two owners
      const epoch = epochOf(world)
      await world.append(0, click(world, user), click(world, THERE[0]))
      await drain(world.processor([0]))
      world.log.shiftAppendTimes(world.topic, 0, -EPOCH_MS)
      await world.append(0, click(world, user, 2))
      const next = world.processor([0])
      world.nowMs += 60_000
      await drain(next)
      await world.seal(epoch - 1)
      await world.publish(totals, epoch - 1)
      return judge(world)
    },
  },
  'reset-unnoticed': { run: cutShortWhileRead },
  'reset-checked-once': { run: cutShortWhileRead },
  'drop-too-early': {
    async run(world) { // a rollback to the floor
      const processor = world.processor([0])
      const epoch = epochOf(world)
      await world.append(0, click(world, user))
      await drain(processor)
      world.nowMs += 2 * EPOCH_MS
      for (const cut of [epoch - 1, epoch]) {
        await world.seal(cut)
        await world.publish(totals, cut, 1)
      }
      world.nowMs += 1_000
      await world.append(0, click(world, user, 2))
      await drain(processor)
      await world.moveBack(totals, 1)
      return judge(world)
    },
  },
  'no-opening-epoch': {
    async run(world) { // a partition is added on a broker whose clock is behind
      const epoch = epochOf(world)
      await world.append(0, click(world, user))
      await drain(world.processor([0]))
      world.nowMs += 40_000
      await world.seal(epoch)
      await world.publish(totals, epoch)
      await world.addPartitions(2)
      world.log.shiftAppendTimes(world.topic, 1, -40_000)
      await world.append(1, click(world, user, 2))
      await drain(world.processor([1]))
      return (await judge(world)) ?? (world.alarms.length === 0 ? null : `alarm ${world.alarms[0]!.code}`)
    },
  },
  'register-not-read-after-poll': {
    async run(world) { // a record comes for an epoch that was sealed without it
      const processor = world.processor([0])
      const epoch = epochOf(world)
      await world.append(0, click(world, user))
      await drain(processor)
      world.nowMs += 50_000
      await world.seal(epoch)
      await world.publish(totals, epoch)
      world.log.shiftAppendTimes(world.topic, 0, -50_000)
      await world.append(0, click(world, user, 2))
      world.nowMs -= 50_000 // its own check is not due
      await drain(processor)
      world.nowMs += 60_000
      return (await judge(world)) ?? (world.alarms.some(({ code }) => code === 'SEAM_BROKEN') ? null : 'no alarm')
    },
  },
  'discard-keeps-fences': {
    partitionCount: 2,
    async run(world) { // a chunk is damaged that the next event is folded into
      const [one, two] = [world.processor([0]), world.processor([1])]
      await world.append(0, click(world, user), click(world, other))
      await drain(one)
      await world.append(1, click(world, user, 2))
      await drain(two)
      await damageChunk(world.store, bucketOfHere)
      const next = world.processor([0])
      await world.append(0, click(world, user, 4), click(world, other, 4))
      await drain(next)
      world.nowMs += 1_000
      await drain(two)
      await drain(next)
      return (await judge(world)) ?? (world.alarms.map(({ code }) => code).join() === 'BLOB_DAMAGED' ? null : `alarms ${world.alarms.map(({ code }) => code).join()}`)
    },
  },
  'replayed-too-soon': {
    limits: { fetchCountMax: 1 },
    async run(world) { // the check is due while a bucket that was discarded is being replayed
      const processor = world.processor([0])
      await world.append(0, click(world, user), click(world, user, 2))
      await drain(processor)
      world.nowMs += 1_000
      await drain(processor)
      await damageChunk(world.store, bucketOfHere)
      const next = world.processor([0])
      await world.append(0, click(world, user, 4))
      for (let i = 0; i < 40 && (await next.step()).did !== 'idle'; i++) {
        const { next: folded, replaying } = await placeOfHere(world)
        if (folded < 2 && replaying === '') return `it has what is before ${folded}, and says that it has everything`
        world.nowMs += 300
      }
      world.nowMs += 1_000
      await drain(next)
      const { replaying } = await placeOfHere(world)
      return (await judge(world)) ?? (replaying === '' ? null : `partition ${replaying} is replayed for ever`)
    },
  },
  'sweep-unfenced': {
    async run(world) { // an entity comes back to life while the sweeper waits
      const { processor, sweeper } = await withDeadEntity(world)
      await sweeper.step()
      await world.append(0, click(world, user, 2))
      await drain(processor)
      world.nowMs += 2 * PIN_LEASE_MS
      await sweeper.step()
      return judge(world)
    },
  },
  'sweep-without-lease': {
    async run(world) { // a reader still has the pointer from before the floor rose
      const { sweeper, pinned } = await withDeadEntity(world)
      await sweeper.step()
      await sweeper.step()
      const [state] = await world.store.read([{ ...bucketOfHere, entities: [Buffer.from(`s${user.length}:${user}`)], partitions: [] }])
      if (state!.entities[0]!.every((chunk) => chunk === null)) return 'an entity is gone that a living pin needs'
      return judgeEntity(world, totals, [user], pinned)
    },
  },
}

async function placeOfHere(world: IngestWorld): Promise<{ next: number; replaying: string | null }> {
  const [state] = await world.store.read([{ ...bucketOfHere, entities: [], partitions: [0] }])
  const fence = state!.fences[0] ?? null
  return {
    next: fence === null ? 0 : decodeFence(fence, 'here').next,
    replaying: state!.record === null ? null : decodeBucketRecord(state!.record, 'here').replaying.join(),
  }
}

async function withDeadEntity(world: IngestWorld): Promise<{ processor: Processor; sweeper: ReturnType<IngestWorld['sweeper']>; pinned: Awaited<ReturnType<IngestWorld['pointerOf']>> }> {
  const processor = world.processor([0])
  const epoch = epochOf(world)
  await world.append(0, click(world, user), click(world, other))
  await drain(processor)
  const pinned = await world.pointerOf(totals)
  world.nowMs += 50_000
  await world.seal(epoch)
  await world.publish(totals, epoch)
  return { processor, sweeper: world.sweeper(totals), pinned }
}
