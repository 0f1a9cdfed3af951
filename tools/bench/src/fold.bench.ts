// The fold's throughput: from an event's JSON text to the sealed bytes of the chunks that it changes, on one core, over entities
// whose ladders are full. Two simulated hours, so that spans close (each quarter of an hour) and all rungs roll up in their share.

import { compileEventDecoder, isRejected } from '@tidemark/feature-schema/event-decoder'
import { encodeState, NO_CHUNKS, openState, type EntityState, type SpeedChunks } from '@tidemark/aggregation/entity-state'
import { foldEvent, prepareRow } from '@tidemark/aggregation/fold'
import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import type { Benchmark, BenchmarkOutcome } from './benchmark.ts'
import { cardSpending, drawPayment, MINUTE_MS, planOf, seeded, shuffled } from './card-stream.ts'
import { compare, figureOf, judge, median } from './measure.ts'

const CARD_COUNT = Number(process.env.CARDS ?? 50_000)
/** Histories that are folded event by event; each card starts with a copy of the bytes of one of them. */
const HISTORY_COUNT = 50
const HISTORY_MINUTES = 8 * 24 * 60
const RUN_COUNT = Number(process.env.RUNS ?? 8)
const RUN_MINUTES = 15
const START_MS = Date.UTC(2026, 0, 5)
/** A view without batch has one endless epoch, so that its speed state has the whole ladder. */
const EPOCH = 0
const BAR_PER_S = 200_000

export const benchmark: Benchmark = {
  question: 'How many events a second does one core fold, from JSON text to sealed chunks, with full ladders?',
  run: () => Promise.resolve(run()),
}

function run(): BenchmarkOutcome {
  const plan = planOf(cardSpending)
  const states = openFullStates(plan)
  const bytesPerCard = meanBytes(states)
  const fold = foldText(plan, states)
  const random = seeded(1)
  const folded: number[] = []
  const parsed: number[] = []
  for (let turn = 0; turn < RUN_COUNT; turn++) {
    let foldMs = 0
    let parseMs = 0
    for (let minute = 0; minute < RUN_MINUTES; minute++) {
      const texts = minuteOfTexts(START_MS + (turn * RUN_MINUTES + minute) * MINUTE_MS, random)
      parseMs += timed(() => texts.forEach((text) => JSON.parse(text)))
      foldMs += timed(() => texts.forEach(fold))
    }
    folded.push((RUN_MINUTES * CARD_COUNT * 1000) / foldMs)
    parsed.push((RUN_MINUTES * CARD_COUNT * 1000) / parseMs)
  }
  const figure = compare(figureOf('JSON event to sealed chunks', 'events/s', folded), { name: 'JSON.parse alone', value: median(parsed) })
  return {
    input: `${CARD_COUNT} cards with full ladders (${bytesPerCard}), one payment a minute and card in time order, ${RUN_COUNT} runs of ${RUN_MINUTES} minutes; count, sum, max, mean of a double and HyperLogLog (p = 12) on 1h, 24h and 7d`,
    figures: [judge(figure, `>= ${BAR_PER_S} events/s`, ({ value }) => value >= BAR_PER_S)],
  }
}

function timed(work: () => void): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

function foldText(plan: ViewPlan, states: ReadonlyMap<string, EntityState>): (text: string) => void {
  const decoder = compileEventDecoder(plan.source)
  const cardIndex = plan.keys[0]!.index
  let offset = 0
  return (text) => {
    const event = decoder.decode(text)
    if (isRejected(event) || !prepareRow(plan, event.row)) throw new Error(`The event was not accepted: ${text}`)
    const { row, eventTimeMs } = event
    const state = states.get(row[cardIndex] as string)!
    foldEvent(plan, state, { epoch: EPOCH, partition: 0, offset: offset++, eventTimeMs, appendTimeMs: eventTimeMs, row })
    if (encodeState(plan, state).open === undefined) throw new Error('An event changed nothing.')
  }
}

function minuteOfTexts(startMs: number, random: () => number): string[] {
  return Array.from(shuffled(CARD_COUNT, random), (card, i) => {
    const at = startMs + Math.floor((i * MINUTE_MS) / CARD_COUNT)
    return JSON.stringify({ card: `card-${card}`, at, ...drawPayment(random, card) })
  })
}

function openFullStates(plan: ViewPlan): Map<string, EntityState> {
  const histories = Array.from({ length: HISTORY_COUNT }, (_, card) => foldHistory(plan, card))
  return new Map(
    Array.from({ length: CARD_COUNT }, (_, card) => {
      const { open, closed, settled } = histories[card % HISTORY_COUNT]!
      return [`card-${card}`, openState(plan, { open, closed: closed!.slice(), settled: settled!.slice() })]
    }),
  )
}

function foldHistory(plan: ViewPlan, card: number): SpeedChunks {
  const random = seeded(1000 + card)
  const state = openState(plan, NO_CHUNKS)
  for (let minute = 0; minute < HISTORY_MINUTES; minute++) {
    const eventTimeMs = START_MS - (HISTORY_MINUTES - minute) * MINUTE_MS
    const { amount, merchant } = drawPayment(random, card)
    const row = [`card-${card}`, eventTimeMs, amount, merchant]
    foldEvent(plan, state, { epoch: EPOCH, partition: 0, offset: minute, eventTimeMs, appendTimeMs: eventTimeMs, row })
  }
  return { ...NO_CHUNKS, ...encodeState(plan, state) }
}

function meanBytes(states: ReadonlyMap<string, EntityState>): string {
  let [open, closed, settled] = [0, 0, 0]
  for (const state of states.values()) {
    open += state.open.length
    closed += state.closed.bytes!.length
    settled += state.settled.bytes!.length
  }
  return `${Math.round(open / states.size)} bytes open, ${Math.round(closed / states.size)} closed, ${Math.round(settled / states.size)} settled each`
}
