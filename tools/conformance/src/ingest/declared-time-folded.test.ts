// Laws 3 and 4: a record has one append time, whoever reads it. A processor whose clock is ahead takes a record as it is stamped before which all others
// stand still; nobody may declare another time for it then. What such a processor has taken and not written yet is refused, and read again.

import { describe, expect, it } from '@jest/globals'
import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import type { Processor } from '@tidemark/pipelines/ingest/processor'
import { decodeFence, encodeFence } from '@tidemark/pipelines/log/fence'
import { PartitionReader } from '@tidemark/pipelines/log/partition-position'
import { EPOCH_MS, HERE, large, THERE, totals, USERS } from './ingest-definitions.ts'
import { judgeAll } from './ingest-judge.ts'
import { bucketOf, codes, worldOf } from './ingest-looks.ts'
import { bucketOfHere, click, drain } from './ingest-schedules.ts'
import type { IngestWorld } from './ingest-world.ts'

const [user] = HERE
const [other] = THERE
const AHEAD_MS = 3_600_000

/** Appends a record that is stamped ahead. */
async function appendAhead(world: IngestWorld, ...events: Parameters<IngestWorld['append']>[1][]): Promise<void> {
  world.log.shiftAppendTimes(world.topic, 0, AHEAD_MS)
  await world.append(0, ...events)
  world.log.shiftAppendTimes(world.topic, 0, 0)
}

async function go(world: IngestWorld, ...processors: readonly Processor[]): Promise<void> {
  for (let i = 0; i < 3; i++) {
    world.nowMs += 1_000
    for (const processor of processors) await drain(processor)
  }
}

/** What is wrong at a cut before the records, at theirs, at those behind, and at the stamps'; null: nothing. */
async function judgeCuts(world: IngestWorld): Promise<string | null> {
  const nowEpoch = Math.floor(world.nowMs / EPOCH_MS)
  for (const cut of [nowEpoch - 3, nowEpoch - 1, nowEpoch + 1, nowEpoch + AHEAD_MS / EPOCH_MS + 1]) {
    const wrong = await judgeAll(world, USERS)
    if (wrong !== null) return wrong
    await world.seal(cut)
    for (const view of world.views) await world.publish(view, cut, 9)
  }
  return judgeAll(world, USERS)
}

/** One whose clock is ahead has folded the second record as it is stamped, and its clock comes back; what another one makes of it, who stands before it. */
async function foldedAhead(): Promise<{ world: IngestWorld; standing: Processor }> {
  const world = await worldOf()
  world.nowMs += 3 * EPOCH_MS
  await world.append(0, click(world, user))
  await appendAhead(world, click(world, user, 2))
  world.aheadMs = AHEAD_MS
  await drain(world.processor([0]))
  world.aheadMs = 0
  expect(await bucketOf(world)).toMatchObject({ next: 2 })
  await world.append(0, click(world, user, 4), click(world, other, 8))
  const standing = world.processor([0])
  await go(world, standing)
  expect(codes(world)).toEqual(['APPEND_TIME_AHEAD'])
  return { world, standing }
}

describe('a record that a processor took as it is stamped, whose clock was ahead', () => {
  it('has no other time declared; once its stamp is accepted, everybody goes on, and it counts once at every cut', async () => {
    const { world, standing } = await foldedAhead()
    const refused = { code: 'APPEND_TIME_SETTLED', message: expect.stringContaining('The state of view totals@1 contains the record: bucket 0 has partition 0 up to offset 2.') }
    await expect(world.declareAppendTime({ partition: 0, offset: 1, appendTimeMs: world.nowMs })).rejects.toMatchObject(refused)
    expect((await world.register()).overrides).toEqual([])
    expect(await world.declareAppendTime({ partition: 0, offset: 1, appendTimeMs: 'stamped' })).toBe(1)
    await go(world, standing)
    expect(standing.status()).toMatchObject([{ nextOffset: 4, stopped: null }])
    expect(await judgeCuts(world)).toBeNull()
  })

  it('is counted twice or not at all where another time is declared without a look at the fences', async () => {
    const { world, standing } = await foldedAhead()
    await world.declareAppendTime({ partition: 0, offset: 1, appendTimeMs: world.nowMs }, [])
    await go(world, standing)
    expect(await judgeCuts(world)).toMatch('amount')
  })

  it.each<[string, boolean]>([['', false], [', after somebody else moved the fence', true]])('is read again where its time is declared before it is written%s', async (_, isMoved) => {
    const world = await worldOf()
    world.nowMs += 3 * EPOCH_MS
    await world.append(0, { user: null, at: world.nowMs, amount: 1 })
    await appendAhead(world, click(world, user, 2))
    let isDue = true
    const writing = world.processor([0], (ports) => ({ ...ports, store: Object.assign(Object.create(ports.store), {
      async write(...given: Parameters<typeof ports.store.write>) {
        if (isDue && given[1].put.chunks.length > 0) {
          isDue = false
          world.aheadMs = 0
          await world.declareAppendTime({ partition: 0, offset: 1, appendTimeMs: world.nowMs })
          if (isMoved) await moveFence(world)
        }
        return ports.store.write(...given)
      },
    }) as typeof ports.store }))
    world.aheadMs = AHEAD_MS
    await drain(writing)
    expect(isDue).toBe(false)
    await world.append(0, click(world, user, 4), click(world, other, 8))
    await go(world, writing)
    expect(await judgeCuts(world)).toBeNull()
  })

  it.each<[string, number, readonly ViewPlan[]]>([['comes', 0, [totals]], ['is passed over when fences are advanced', 60_000, [totals, large]]])('does not age what %s after it, though it is in no bucket itself', async (_, idleMs, views) => {
    const world = await worldOf()
    world.views = views
    world.nowMs += 3 * EPOCH_MS
    const ahead = world.processor([0])
    await world.append(0, click(world, user))
    await drain(ahead)
    await appendAhead(world, { user: null, at: world.nowMs, amount: 1 })
    world.aheadMs = AHEAD_MS
    await drain(ahead)
    world.aheadMs = 0
    await world.declareAppendTime({ partition: 0, offset: 1, appendTimeMs: world.nowMs })
    world.nowMs += idleMs
    if (idleMs > 0) await drain(ahead)
    await world.append(0, click(world, user, 4), click(world, other, 8))
    // Before fences are read again.
    await drain(ahead)
    await go(world, ahead)
    expect(ahead.status()).toMatchObject([{ nextOffset: 4, stopped: null }])
    expect(await judgeCuts(world)).toBeNull()
  })
})

/** As somebody else, whose clock is right, passes over what comes before the run, and is of no bucket. */
async function moveFence(world: IngestWorld): Promise<void> {
  const [state] = await world.store.read([{ ...bucketOfHere, entities: [], partitions: [0] }])
  const bytes = state!.fences[0]!
  const reader = new PartitionReader(0, decodeFence(bytes, ''), await world.register())
  reader.take(world.records[0]![0]!)
  const put = { fences: [{ partition: 0, bytes: encodeFence(reader.position()) }], chunks: [] }
  expect(await world.store.write(bucketOfHere, { expected: { fences: [{ partition: 0, bytes }], chunks: [] }, put })).toBe(true)
}
