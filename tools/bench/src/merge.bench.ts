// The merge's latency: from the stored bytes of one entity, batch blob and speed chunks, to the final values of a view. Beside it
// the floor: a bare loop over the same numbers, in one buffer of rows.

import { approxUniqueCount, count, last, max, min, quantile, sum } from '@tidemark/feature-schema/aggregations'
import { featureView } from '@tidemark/feature-schema/dsl'
import { decodeBlob, encodeBatchBlob } from '@tidemark/aggregation/batch-blob'
import { encodeState, NO_CHUNKS, openState, presentChunks, type SpeedChunks } from '@tidemark/aggregation/entity-state'
import { foldEvent } from '@tidemark/aggregation/fold'
import { mergeAtCut } from '@tidemark/aggregation/merge'
import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import type { Benchmark, BenchmarkOutcome } from './benchmark.ts'
import { drawPayment, MINUTE_MS, payments, planOf, seeded } from './card-stream.ts'
import { compare, figureOf, judge, takeTurns, median } from './measure.ts'

const PANE_COUNT = 240
const RUN_COUNT = 25
const MERGES_PER_RUN = 20_000
const ENTITY_COUNT = 16
const NOW_MS = Date.UTC(2026, 0, 5, 12, 34)
const HOUR_MS = 60 * MINUTE_MS
const BAR_US = 2
const windows = ['1h', '24h', '7d', '30d'] as const

const spending = { payments: count().over(...windows), spent: sum('amount').over(...windows), least: min('amount').over(...windows), largest: max('amount').over(...windows), latest: last('amount').over(...windows) }
const plainView = featureView('card_spending', { source: payments, entity: { card: 'card' }, features: spending })
const sketchedView = featureView('card_spending_sketched', {
  source: payments,
  entity: { card: 'card' },
  features: { ...spending, median: quantile('amount', 0.5).over(...windows), merchants: approxUniqueCount('merchant').over(...windows) },
})

export const benchmark: Benchmark = {
  question: 'How long does it take to merge the batch blob and the speed chunks of an entity into the final values of a view?',
  run,
}

/** The stored state of one entity: batch through an hour ago, speed since. */
interface Entity {
  readonly batch: Uint8Array
  readonly speed: readonly Uint8Array[]
}

async function run(): Promise<BenchmarkOutcome> {
  const plain = contestant(planOf(plainView))
  const sketched = contestant(planOf(sketchedView))
  const floor = bareLoop()
  const timesUs = await takeTurns(RUN_COUNT, { floor: () => Promise.resolve(timeUs(floor)), plain: () => Promise.resolve(timeUs(plain.merge)), sketched: () => Promise.resolve(timeUs(sketched.merge)) })
  const against = { name: 'bare DataView loop', value: median(timesUs.floor) }
  return {
    input: `${ENTITY_COUNT} entities, each ${plain.panes} panes in a batch blob and three speed chunks (${plain.bytes} bytes; ${sketched.bytes} with sketches); 1h, 24h, 7d, 30d; ${MERGES_PER_RUN} merges a run`,
    figures: [
      judge(compare(figureOf('count, sum, min, max, last', 'µs', timesUs.plain), against), `<= ${BAR_US} µs`, ({ value }) => value <= BAR_US),
      compare(figureOf('the same with a quantile and HyperLogLog', 'µs', timesUs.sketched), against),
    ],
  }
}

/** CPU time of one call. */
function timeUs(merge: (i: number) => unknown): number {
  const before = process.cpuUsage()
  for (let i = 0; i < MERGES_PER_RUN; i++) if (merge(i) === null) throw new Error('A merge gave nothing.')
  const { user, system } = process.cpuUsage(before)
  return (user + system) / MERGES_PER_RUN
}

function contestant(plan: ViewPlan): { merge: (i: number) => unknown; panes: number; bytes: number } {
  const entities = Array.from({ length: ENTITY_COUNT }, (_, card) => makeEntity(plan, card))
  const { batch, speed } = entities[0]!
  return {
    merge: (i) => {
      const entity = entities[i % ENTITY_COUNT]!
      return mergeAtCut(plan, entity.batch, entity.speed, { cut: 0, t: NOW_MS + 1 })
    },
    panes: [batch, ...speed].reduce((sum, chunk) => sum + decodeBlob(plan, chunk).panes.length, 0),
    bytes: [batch, ...speed].reduce((sum, chunk) => sum + chunk.length, 0),
  }
}

/** Epoch 0 is in batch: it ends an hour ago. Gaps between payments grow with their age, so that as many panes as asked are filled. */
function makeEntity(plan: ViewPlan, card: number): Entity {
  const random = seeded(card)
  const speed = openState(plan, NO_CHUNKS)
  const batch = openState(plan, NO_CHUNKS)
  const times = paneTimes()
  for (const [offset, eventTimeMs] of times.entries()) {
    const { amount, merchant } = drawPayment(random, card)
    const isRecent = eventTimeMs >= NOW_MS - HOUR_MS
    const event = { epoch: isRecent ? 1 : 0, partition: 0, offset, eventTimeMs, appendTimeMs: eventTimeMs, row: [`card-${card}`, eventTimeMs, amount, merchant] }
    foldEvent(plan, isRecent ? speed : batch, event)
  }
  const folded: SpeedChunks = { ...NO_CHUNKS, ...encodeState(plan, batch) }
  const panes = presentChunks(folded).flatMap((chunk) => decodeBlob(plan, chunk).panes)
  return {
    batch: encodeBatchBlob(plan, { logTimeMs: batch.logTimeMs, throughEpoch: 0, panes }),
    speed: presentChunks({ ...NO_CHUNKS, ...encodeState(plan, speed) }),
  }
}

/** A payment in each of PANE_COUNT panes: by minutes, quarters of an hour, two hours and half days. */
function paneTimes(): number[] {
  const steps = [[60, MINUTE_MS], [84, 15 * MINUTE_MS], [72, 2 * HOUR_MS], [24, 12 * HOUR_MS]] as const
  const times: number[] = []
  let timeMs = NOW_MS
  for (const [stepCount, stepMs] of steps) for (let i = 0; i < stepCount; i++) times.push((timeMs -= i === 0 && times.length === 0 ? 0 : stepMs))
  if (times.length !== PANE_COUNT) throw new Error(`${times.length} panes, not ${PANE_COUNT}.`)
  return times.reverse()
}

/** The floor: a buffer of PANE_COUNT rows of five doubles, newest first, merged into four nested windows in one pass. */
function bareLoop(): (i: number) => readonly number[] {
  const stride = 48
  const views = Array.from({ length: ENTITY_COUNT }, () => new DataView(new ArrayBuffer(PANE_COUNT * stride)))
  for (const view of views) for (let at = 0; at < view.byteLength; at += 8) view.setFloat64(at, at, true)
  const ends = [60, 144, 216, PANE_COUNT]
  return (i) => {
    const view = views[i % ENTITY_COUNT]!
    const values: number[] = []
    let [n, total, least, largest, latest] = [0, 0, Infinity, -Infinity, 0]
    let row = 0
    for (const end of ends) {
      for (; row < end; row++) {
        const at = row * stride
        n += view.getFloat64(at + 8, true)
        total += view.getFloat64(at + 16, true)
        least = Math.min(least, view.getFloat64(at + 24, true))
        largest = Math.max(largest, view.getFloat64(at + 32, true))
        if (row === 0) latest = view.getFloat64(at + 40, true)
      }
      values.push(n, total, least, largest, latest)
    }
    return values
  }
}
