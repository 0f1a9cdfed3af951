// The calm end of a history: nothing goes wrong any more, and everything has to come right. All events are folded, the pointer reaches the newest
// epoch that can be sealed, every event counts once in every view, and each record that could not be decoded is a dead letter, once.

import { verifyChunk } from '@tidemark/aggregation/chunk-verify'
import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import { rollBack } from '@tidemark/pipelines/batch/move-pointer'
import { listDeadLetters } from '@tidemark/pipelines/ingest/dead-letters'
import { decodeBucketRecord } from '@tidemark/pipelines/log/bucket-record'
import { decodeFence } from '@tidemark/pipelines/log/fence'
import { viewId } from '@tidemark/pipelines/names'
import { cutOf, readPointer } from '@tidemark/pipelines/pointer'
import { damageOf } from '@tidemark/pipelines/serve/damage'
import { ask, serverOf } from './actors.ts'
import { BUCKET_COUNT, USERS } from './definitions.ts'
import type { History } from './history.ts'
import { judgeAnswer, judgeWhole, whatIsUnavailable } from './judge.ts'
import type { Operator } from './operator.ts'
import type { World } from './world.ts'

const CALM_TURNS_MAX = 8_000
/** Turns between two looks at what is still missing. */
const TURNS_PER_LOOK = 100

export async function endCalmly(history: History): Promise<void> {
  const { world, random, scheduler, members, plot } = history
  scheduler.note('history', 'comes to its calm end')
  for (const actor of scheduler.actors) {
    actor.asleepUntilTurn = 0
    if (/^(?:reader|operator)/.test(actor.name)) actor.kill()
  }
  history.scheduler.takeEnded()
  history.rightClocks()
  history.producer.decideTransactions()
  if (random.chance(plot.failOverShare > 0 ? 0.7 : 0)) world.failOver(random)
  await members.settle()
  await history.becomeCalm()
  world.nowMs += 3 * plot.epochLengthMs + 60_000
  world.changeCount++
  const cutMin = Math.floor((world.nowMs - 60_000) / plot.epochLengthMs) - 1
  let hasFailedOver = plot.failOverShare === 0
  let missing = await whatIsMissing(history, cutMin)
  for (let turn = 0; missing !== null && turn < CALM_TURNS_MAX && isOn(history); turn += TURNS_PER_LOOK) {
    await goOn(history, TURNS_PER_LOOK)
    missing = await whatIsMissing(history, cutMin)
    if (missing !== null || hasFailedOver) continue
    // Nothing comes any more by which a processor would notice, but its own check.
    world.failOver(random)
    hasFailedOver = true
    missing = await whatIsMissing(history, cutMin)
  }
  // Everybody looks once more at what the stores and the log have.
  for (let i = 0; i < 3 && isOn(history); i++) {
    world.nowMs += 60_000
    world.changeCount++
    await goOn(history, TURNS_PER_LOOK)
  }
  if (!isOn(history)) return
  history.wrong = missing ?? (await judgeEverything(history)) ?? (await judgeDeadLetters(history))
}

function isOn({ wrong, isStopped }: History): boolean {
  return wrong === null && !isStopped
}

async function goOn(history: History, turnCount: number): Promise<void> {
  const { scheduler, world, operators } = history
  for (const operator of operators) await operator.operate(world.registers, true)
  for (let i = 0; i < turnCount && isOn(history); i++) {
    if (!(await scheduler.step())) world.nowMs += 5_000
    history.collect()
  }
  world.nowMs += 5_000
  await history.overrideMadTimes()
}

/** In words; null: nothing. */
async function whatIsMissing({ world, operators }: History, cutMin: number): Promise<string | null> {
  for (const { plan } of operators) {
    const view = viewId(plan.view)
    const { pointer } = await readPointer(world.registers, view)
    if (cutOf(pointer, pointer.n) < cutMin) return `the pointer of ${view} is stuck at generation ${pointer.n}, cut ${cutOf(pointer, pointer.n)}, before ${cutMin}`
    const partitions = [...world.records.keys()]
    const buckets = await world.speedViews.read(Array.from({ length: BUCKET_COUNT }, (_, bucket) => ({ view, bucket, entities: [], partitions })))
    for (const [bucket, { fences, record }] of buckets.entries()) {
      if (record === null || decodeBucketRecord(record, 'record').replaying.length > 0) return `bucket ${bucket} of ${view} is being replayed for ever`
      if (world.hasDamage && (await isDamaged(world, plan, bucket))) return `bucket ${bucket} of ${view} stays damaged`
      for (const partition of partitions) {
        const last = world.records[partition]!.findLastIndex((record) => record !== null)
        const next = fences[partition] === null ? -1 : decodeFence(fences[partition]!, 'fence').next
        if (next <= last) return `bucket ${bucket} of ${view} is stuck at ${next}, before ${last + 1} of partition ${partition}`
      }
    }
  }
  return null
}

async function isDamaged({ speedViews }: World, plan: ViewPlan, bucket: number): Promise<boolean> {
  for await (const { chunks } of speedViews.scan({ view: viewId(plan.view), bucket })) {
    if (damageOf(() => chunks.forEach((chunk) => chunk && verifyChunk(plan, chunk.bytes))) !== null) return true
  }
  return false
}

/** At the newest generation every event counts; at each that the pointer may go back to, what its answer says of itself. */
async function judgeEverything(history: History): Promise<string | null> {
  const { world, operators, scheduler, tally } = history
  for (const actor of scheduler.actors) actor.kill()
  for (const operator of operators) {
    const view = viewId(operator.plan.view)
    const { pointer: { n, published } } = await readPointer(world.registers, view)
    tally.generationCount += n
    if (!operator.isSane(n)) continue
    const wrong = await judgeNow(history, operator, true)
    if (wrong !== null) return wrong
    for (const generation of published) {
      if (generation.n === n || !operator.isSane(generation.n)) continue
      await rollBack(world.registers, view, generation.n)
      const wrongBefore = await judgeNow(history, operator, false)
      if (wrongBefore !== null) return `rolled back from ${n} to ${generation.n}: ${wrongBefore}`
    }
  }
  return history.wrong
}

async function judgeNow(history: History, operator: Operator, isWhole: boolean): Promise<string | null> {
  const { world, scheduler, tally } = history
  const asked = { plan: operator.plan, users: USERS, isSane: (n: number) => operator.isSane(n) }
  let wrong: string | null = null
  await history.start('reader', 1, async (actor) => {
    const answer = await ask(serverOf({ world, actor, name: 'reader' }, 1), asked)
    const events = await history.events()
    wrong = judgeAnswer(events, asked, answer) ?? whatIsUnavailable(answer) ?? (isWhole ? judgeWhole(events, asked, answer) : null)
    tally.judgedCount++
  })
  while (await scheduler.step());
  history.collect()
  return wrong ?? history.wrong
}

async function judgeDeadLetters({ world, producer }: History): Promise<string | null> {
  // Where somebody read the end of a log that is gone, and left nothing but a dead letter of it, nobody can tell.
  if (producer.hasBrokenLog) return null
  const expected = world.records.flatMap((records, partition) => records.flatMap((record, offset) => (record?.row === null ? [`${partition}/${offset}`] : [])))
  const found: string[] = []
  for await (const { partition, offset } of listDeadLetters(world.log, world.source)) found.push(`${partition}/${offset}`)
  if (JSON.stringify(found.toSorted()) === JSON.stringify(expected.toSorted())) return null
  return `dead letters are ${found.join(' ')}, not ${expected.join(' ')}`
}
