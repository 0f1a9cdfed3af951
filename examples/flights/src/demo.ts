// The demo: three million real flights through the core. All but the last day in batch, the last day one event at a time as the
// stream brings it, both merged at the cut; then a training set; everything compared with brute-force SQL over the raw file.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pc from 'picocolors'
import { createDuckDbBatchEngine } from '@tidemark/adapter-duckdb/duckdb-batch-engine'
import { openDuckDb } from '@tidemark/adapter-duckdb/duckdb-session'
import { planView } from '@tidemark/aggregation/view-plan'
import { requireSound } from '@tidemark/feature-schema/check-definitions'
import { collectDefinitions } from '@tidemark/feature-schema/collect-definitions'
import type { EventInput } from '@tidemark/ports/batch-engine'
import { comparedCount, newComparison } from './comparison.ts'
import { airportTable, answerAll, compareAnswers } from './demo-answers.ts'
import { runBatches } from './demo-batch.ts'
import { formatBytes, formatCount, formatRate, step } from './demo-report.ts'
import { TRAINING_ROW_COUNT, buildFlightsTrainingSet, compareTrainingSet, drawTrainingRows } from './demo-training.ts'
import { flightsFilePath } from './flights-file.ts'
import * as definitions from './flights.ts'
import { loadOracle } from './oracle-sql.ts'
import { readLastDay } from './last-day.ts'
import { SpeedView, foldRecords } from './speed-view.ts'

const DAY_MS = 86_400_000
/** The batch contains every epoch up to this one; the stream brings the rest. */
const CUT = Date.UTC(2001, 5, 29) / DAY_MS
/** Minutes after the last flight. */
const ASKED_AT_MS = Date.UTC(2001, 6, 1, 0, 5)
const SHOWN_AIRPORTS = ['ATL', 'ORD', 'LAX', 'SFO', 'ANC']
const DUCKDB_LIMITS = { threads: 2, memoryLimitBytes: 2 ** 30 }

const started = performance.now()
const { sources, views } = requireSound(collectDefinitions(Object.values(definitions)))
const source = sources[0]!
const plans = views.map((view) => planView(view, source))
const path = flightsFilePath()
const input: EventInput = { kind: 'files', format: 'parquet', paths: [path], source }

const folder = mkdtempSync(join(tmpdir(), 'tidemark-demo-'))
try {
  await using engine = await createDuckDbBatchEngine(DUCKDB_LIMITS)
  console.log(`${formatCount(plans.reduce((sum, { features }) => sum + features.length, 0))} features in ${plans.length} views: ${views.map(({ name }) => name).join(', ')}\n`)

  const batches = await step('batch', () => runBatches(engine, plans, input, CUT), ({ eventCount, paneCount, blobCount, bytes }, ms) =>
    `${formatCount(eventCount)} flights → ${formatCount(paneCount)} panes of ${formatCount(blobCount)} entities, ${formatBytes(bytes)}; ${formatRate(eventCount, ms, 'flights')}`)

  await using database = await openDuckDb(DUCKDB_LIMITS)
  await using session = await database.openSession()
  const records = await readLastDay(session, path, CUT)
  const speedViews = plans.map((plan) => new SpeedView(plan))
  await step('stream', () => foldRecords(source, speedViews, records), ({ foldCount }, ms) =>
    `${formatCount(records.length)} flights of the last day, one at a time into ${plans.length} views; ${formatRate(foldCount, ms, 'folds')}`)

  await loadOracle(session, path)
  const comparison = newComparison()
  const answers = await step('merge', () => answerAll(plans, batches.blobs, speedViews, { cut: CUT, t: ASKED_AT_MS }), ({ entityCount, valueCount }, ms) =>
    `${formatCount(entityCount)} entities, ${formatCount(valueCount)} values at ${new Date(ASKED_AT_MS).toISOString()}; ${formatRate(valueCount, ms, 'values')}`)
  await step('oracle', () => compareAnswers(answers, ASKED_AT_MS, session, comparison), (count) => `${formatCount(count)} of them asked again in SQL over the raw file`)

  const rowsPath = await drawTrainingRows(session, folder)
  const training = await step('training set', () => buildFlightsTrainingSet(engine, plans, input, rowsPath, folder), ({ featureCount }, ms) =>
    `${formatCount(TRAINING_ROW_COUNT)} flights × ${featureCount} features as of their departure; ${formatRate(TRAINING_ROW_COUNT, ms, 'rows')}`)
  await step('oracle', () => compareTrainingSet(training, plans, session, comparison), (count) => `${formatCount(count)} of its values asked again in SQL over the raw file`)

  console.log(`\n${airportTable(answers, SHOWN_AIRPORTS)}\n`)
  const { rejectedCount, rejectedSamples } = batches.report
  console.log(`${formatCount(rejectedCount)} rows make no sense by the source's declared bounds and count nowhere:`)
  for (const { row, reason } of rejectedSamples) console.log(`  row ${formatCount(row)}: ${reason}`)

  const { exactCount, estimateCount, differingCount, examples } = comparison
  const verdict = `${formatCount(comparedCount(comparison))} values compared with the oracle, ${formatCount(differingCount)} differ`
  console.log(`\n${(differingCount === 0 ? pc.green : pc.red)(pc.bold(verdict))} (${formatCount(exactCount)} exact, ${formatCount(estimateCount)} estimates within their declared error)`)
  for (const example of examples) console.log(`  ${example}`)
  if (differingCount > 0) process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
const { maxRSS } = process.resourceUsage()
console.log(pc.dim(`${((performance.now() - started) / 1_000).toFixed(1)} s, peak memory ${formatBytes(maxRSS * 1_024)}`))
