// The embedded stream: from acknowledged events in the log to fences on the disk and sealed segments in the archive, in one process and one
// folder, archiver and processor side by side as `tidemark dev` runs them. The clock goes on past the epoch once the events are in the log, so
// that all of them are written to Parquet, and it counts what the seal contains: a run that left any of them out fails.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { collectDefinitions } from '@tidemark/feature-schema/collect-definitions'
import { createSystemClock } from '@tidemark/machine/system-clock'
import { openEmbeddedPorts, type EmbeddedPorts } from '@tidemark/embedded-system/embedded-ports'
import { LambdaSystem } from '@tidemark/pipelines/lambda/lambda-system'
import { readSealRegister } from '@tidemark/pipelines/log/change-seal-register'
import { topicOf } from '@tidemark/pipelines/names'
import type { Processor } from '@tidemark/pipelines/ingest/processor'
import type { Benchmark, BenchmarkOutcome } from './benchmark.ts'
import { cardSpending, drawPayment, payments, seeded } from './card-stream.ts'
import { compare, figureOf, judge, median } from './measure.ts'

const EVENT_COUNT = Number(process.env.EVENTS ?? 200_000)
const CARD_COUNT = 10_000
const RUN_COUNT = Number(process.env.RUNS ?? 5)
const PARTITION_COUNT = 4
const APPEND_COUNT = 1_000
const APPENDS_IN_FLIGHT = 8
const BAR_PER_S = 60_000
/** From any time to one at which its epoch may be sealed. */
const PAST_EPOCH_MS = 2 * payments.definition.epochLengthMs + payments.definition.skewMaxMs

export const benchmark: Benchmark = {
  question: 'How many events a second does one process take from its log to the speed view and to the archive, each of them durable?',
  run,
}

async function run(): Promise<BenchmarkOutcome> {
  const appended: number[] = []
  const ingested: number[] = []
  const cpuUs: number[] = []
  for (let turn = 0; turn <= RUN_COUNT; turn++) {
    const measured = await runOnce(turn)
    // The first one warms up.
    if (turn === 0) continue
    appended.push(measured.appendedPerS)
    ingested.push(measured.ingestedPerS)
    cpuUs.push(measured.cpuUsPerEvent)
  }
  const figure = compare(figureOf('log to speed view and archive', 'events/s', ingested), { name: 'appending alone', value: median(appended) })
  return {
    input: `${EVENT_COUNT} payments of ${CARD_COUNT} cards in ${PARTITION_COUNT} partitions, one view with count, sum, max, mean and HyperLogLog on 1h, 24h and 7d; LMDB and Parquet, every write flushed to the disk`,
    figures: [
      judge(figure, `>= ${BAR_PER_S} events/s`, ({ value }) => value >= BAR_PER_S),
      figureOf('CPU of an event, log to speed view and archive', 'µs', cpuUs),
    ],
  }
}

async function runOnce(seed: number): Promise<{ appendedPerS: number; ingestedPerS: number; cpuUsPerEvent: number }> {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-bench-'))
  try {
    const clock = createSystemClock()
    let aheadMs = 0
    await using ports = await openEmbeddedPorts({ folder, verify: false, hasArchiverThread: true, clock: { ...clock, nowMs: () => clock.nowMs() + aheadMs } })
    await using system = await LambdaSystem.start({
      ports, definitions: collectDefinitions([cardSpending]), member: 'bench', partitionCount: PARTITION_COUNT,
      onAlarm: ({ code, message, where }) => {
        throw new Error(`${code} at ${where}: ${message}`)
      },
    })
    const appendMs = await elapsed(() => appendAll(ports, seed))
    aheadMs = PAST_EPOCH_MS
    const pipeline = system.sources.get('payments')!
    const before = process.cpuUsage()
    const ingestMs = await elapsed(() => Promise.all([pipeline.drainStream(), pipeline.drainArchive()]))
    const { user, system: kernel } = process.cpuUsage(before)
    await assertComplete(ports, pipeline.processor)
    return { appendedPerS: (EVENT_COUNT * 1_000) / appendMs, ingestedPerS: (EVENT_COUNT * 1_000) / ingestMs, cpuUsPerEvent: (user + kernel) / EVENT_COUNT }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Throws where the archive's seal or the fences contain anything but all events. */
async function assertComplete({ registers }: EmbeddedPorts, processor: Processor): Promise<void> {
  const { register: { lastSeal } } = await readSealRegister(registers, payments.definition)
  const sealedCount = (lastSeal?.partitions ?? []).flatMap(({ segments }) => segments).reduce((sum, { rowCount }) => sum + rowCount, 0)
  const foldedCount = processor.status().reduce((sum, { nextOffset }) => sum + (nextOffset ?? 0), 0)
  if (sealedCount !== EVENT_COUNT || foldedCount !== EVENT_COUNT) throw new Error(`Of ${EVENT_COUNT} events ${foldedCount} are folded and ${sealedCount} are sealed.`)
}

async function appendAll({ log }: EmbeddedPorts, seed: number): Promise<void> {
  const random = seeded(seed)
  const topic = topicOf(payments.definition)
  const now = Date.now()
  let left = EVENT_COUNT / APPEND_COUNT
  const appendNext = async (): Promise<void> => {
    while (left-- > 0) {
      const records = Array.from({ length: APPEND_COUNT }, () => {
        const card = Math.floor(random() * CARD_COUNT)
        return { key: null, value: Buffer.from(JSON.stringify({ card: `card-${card}`, at: now - Math.floor(random() * 60_000), ...drawPayment(random, card) })) }
      })
      await log.append([{ topic, partition: left % PARTITION_COUNT, records }])
    }
  }
  await Promise.all(Array.from({ length: APPENDS_IN_FLIGHT }, appendNext))
}

async function elapsed(work: () => Promise<unknown>): Promise<number> {
  const startedAtMs = performance.now()
  await work()
  return performance.now() - startedAtMs
}
