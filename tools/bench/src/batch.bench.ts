// Batch runs end to end: from the file of three million flights to the packed blobs of the demo's three views, in full, and on the
// base of all days but the last.
import { createDuckDbBatchEngine } from '@tidemark/adapter-duckdb/duckdb-batch-engine'
import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import { airportDelays, destinationDelays, routeDelays } from '@tidemark/example-flights/flights'
import { flightsFilePath } from '@tidemark/example-flights/flights-file'
import { BlobMap, type BaseBlobs } from '@tidemark/pipelines/batch/blob-sink'
import { runBatch } from '@tidemark/pipelines/batch/batch-run'
import type { BatchEngine } from '@tidemark/ports/batch-engine'
import type { Benchmark, BenchmarkOutcome } from './benchmark.ts'
import { planOf } from './card-stream.ts'
import { compare, figureOf, judge, median, takeTurns, timeMs } from './measure.ts'

const THREAD_COUNT = 2
const RUN_COUNT = Number(process.env.RUNS ?? 5)
const FULL_BAR_MS = 15_000
const STEP_BAR_MS = 1_000
const STEP_BAR_RATIO = 0.1
const DAY_MS = 86_400_000
const LAST_DAY = Math.floor(Date.UTC(2001, 5, 30) / DAY_MS)

export const benchmark: Benchmark = {
  question: 'How long do batch runs over 3,000,000 flights take, in full and for one more day?',
  run,
}

async function run(): Promise<BenchmarkOutcome> {
  const plans = [airportDelays, routeDelays, destinationDelays].map(planOf)
  await using engine = await createDuckDbBatchEngine({ threads: THREAD_COUNT })
  const bases = await Promise.all(plans.map(async (plan) => (await blobsOf(engine, plan, LAST_DAY - 1)).asBase(LAST_DAY - 1)))
  const times = await takeTurns(RUN_COUNT, {
    full: () => timeMs(() => runAll(engine, plans)),
    step: () => timeMs(() => runAll(engine, plans, bases)),
  })
  const full = figureOf('three views in full', 'ms', times.full)
  const step = compare(figureOf('one more day', 'ms', times.step), { name: full.name, value: median(times.full) })
  return {
    input:
      `3,000,000 flights by origin, by route and by destination (vega-datasets 3.2.1; views of examples/flights), Parquet to blobs in memory, ` +
      `one view after the other; one more day: 30 June 2001 on a base of all before; ${THREAD_COUNT} threads`,
    figures: [
      judge(full, `<= ${FULL_BAR_MS} ms`, ({ value }) => value <= FULL_BAR_MS),
      judge(step, `ratio <= ${STEP_BAR_RATIO}, or <= ${STEP_BAR_MS} ms`, ({ value, ratio }) => ratio <= STEP_BAR_RATIO || value <= STEP_BAR_MS),
    ],
  }
}

async function runAll(engine: BatchEngine, plans: readonly ViewPlan[], bases?: readonly BaseBlobs[]): Promise<void> {
  for (const [i, plan] of plans.entries()) await blobsOf(engine, plan, LAST_DAY, bases?.[i])
}

async function blobsOf(engine: BatchEngine, plan: ViewPlan, throughEpoch: number, base?: BaseBlobs): Promise<BlobMap> {
  const sink = new BlobMap()
  await runBatch({
    engine, plan, sink, throughEpoch,
    input: { kind: 'files', format: 'parquet', paths: [flightsFilePath()], source: plan.source },
    ...(base && { base }),
  })
  return sink
}
