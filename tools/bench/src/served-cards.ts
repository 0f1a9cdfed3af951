// What the serving benchmark serves: payments of cards, nine in ten of them in a batch generation, the rest in the stream. The system runs as it
// does in `tidemark dev`: it polls, writes heartbeats, archives, and new payments keep coming, so that no state stays as it was.

import { count, max, mean, min, sum } from '@tidemark/feature-schema/aggregations'
import { collectDefinitions } from '@tidemark/feature-schema/collect-definitions'
import { featureView } from '@tidemark/feature-schema/dsl'
import { createSystemClock } from '@tidemark/machine/system-clock'
import { openEmbeddedPorts, type EmbeddedPorts } from '@tidemark/embedded-system/embedded-ports'
import { LambdaSystem } from '@tidemark/pipelines/lambda/lambda-system'
import { topicOf } from '@tidemark/pipelines/names'
import { drawPayment, payments, seeded } from './card-stream.ts'

export const CARD_COUNT = 1_000
export const EVENT_COUNT = 50_000
const STREAM_SHARE = 0.1
/** Longer than two epochs of an hour, so that one is sealed. */
const HISTORY_AGE_MS = 3 * 3_600_000
const DAY_MS = 86_400_000
const APPEND_COUNT = 1_000
/** Payments that come while requests are answered: this many, every so often. */
const COMING_COUNT = 10
const COMING_PAUSE_MS = 100
export const COMING_PER_SECOND = (COMING_COUNT * 1_000) / COMING_PAUSE_MS

const spending = featureView('spending', {
  source: payments,
  entity: { card: 'card' },
  features: {
    payments: count().over('1h', '24h'), spent: sum('amount').over('1h', '24h'), largest: max('amount').over('1h', '24h'),
    least: min('amount').over('1h', '24h'), average: mean('amount').over('1h', '24h'),
  },
})

const FEATURES = ['payments', 'spent', 'largest', 'least', 'average'].flatMap((name) => ['1h', '24h'].map((window) => `spending:${name}_${window}`))

/** The body that asks for a card's ten features. */
export function bodyOf(card: number): string {
  return JSON.stringify({ features: FEATURES, entities: [{ card: `card-${card}` }] })
}

export interface ServedCards extends AsyncDisposable {
  readonly ports: EmbeddedPorts
  readonly system: LambdaSystem
}

/** Opens a folder, fills it and runs on it until it is disposed; its clock is the system's by then. */
export async function serveCards(folder: string): Promise<ServedCards> {
  await using opened = new AsyncDisposableStack()
  const { nowMs, steadyMs, wait } = createSystemClock()
  let behindMs = HISTORY_AGE_MS
  const clock = { nowMs: () => nowMs() - behindMs, steadyMs, wait }
  const ports = opened.use(await openEmbeddedPorts({ folder, clock, verify: false, durability: 'process' }))
  const system = opened.use(await LambdaSystem.start({ ports, definitions: collectDefinitions([spending]), member: 'bench', partitionCount: 1, onAlarm: ({ code, message }) => fail(`${code}: ${message}`) }))
  const pipeline = system.sources.get(payments.definition.name)!
  const random = seeded(1)
  const append = async (eventCount: number): Promise<void> => {
    for (let left = eventCount; left > 0; left -= APPEND_COUNT) {
      const records = Array.from({ length: Math.min(left, APPEND_COUNT) }, () => recordOf(random, clock.nowMs()))
      await ports.log.append([{ topic: topicOf(payments.definition), partition: 0, records }])
    }
  }
  await append(EVENT_COUNT * (1 - STREAM_SHARE))
  await pipeline.drainStream()
  await pipeline.drainArchive()
  behindMs = 0
  await append(EVENT_COUNT * STREAM_SHARE)
  await pipeline.drainStream()
  await pipeline.drainArchive()
  const outcomes = await pipeline.runBatches()
  if (!outcomes.some((outcome) => outcome.kind === 'done' && outcome.result.kind === 'published')) fail('No generation was published.')
  opened.use(running((signal) => pipeline.run(signal)))
  opened.use(running(async (signal) => {
    for (; !signal.aborted; await clock.wait(COMING_PAUSE_MS, signal)) await append(COMING_COUNT)
  }))
  const owned = opened.move()
  return { ports, system, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

function recordOf(random: () => number, nowMs: number): { key: null; value: Buffer } {
  const card = Math.floor(random() * CARD_COUNT)
  return { key: null, value: Buffer.from(JSON.stringify({ card: `card-${card}`, at: nowMs - Math.floor(random() * DAY_MS), ...drawPayment(random, card) })) }
}

function running(work: (signal: AbortSignal) => Promise<void>): AsyncDisposable {
  const ended = new AbortController()
  const done = work(ended.signal)
  return { [Symbol.asyncDispose]: () => (ended.abort(), done) }
}

function fail(message: string): never {
  throw new Error(message)
}
