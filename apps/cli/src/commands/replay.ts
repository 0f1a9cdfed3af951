// `tidemark replay`: what serving would have said to each row at its time, by letting the events pass through the whole system.
import type { ReplayPhase, ReplayProgress, ReplayResult } from '@tidemark/pipelines/replay/replay'
import { parseDurationMs } from '@tidemark/feature-schema/duration'
import { type Command, Option } from 'commander'
import { addFeatureOptions, chooseFeatures, type FeatureOptions } from '../chosen-features.ts'
import { addEventOptions, eventInputs, type EventOptions, pathsOf, tableFormat } from '../event-files.ts'
import { usageError } from '../failure.ts'
import { rejectedLines } from '../input-report.ts'
import { listenForInterrupts } from '../interrupt.ts'
import { loadSoundDefinitions } from '../load-definitions.ts'
import { counted, formatNumber, formatTime, type Output } from '../output.ts'
import type { Progress } from '../progress.ts'
import { parseRowKeys, statusTable } from '../training-rows.ts'
import { requireFree } from '../write-file.ts'

interface ReplayOptions extends EventOptions, FeatureOptions {
  readonly definitions: string
  readonly rows: string
  readonly time: string
  readonly out: string
  readonly batchEvery: number
  readonly key?: readonly string[]
  readonly statuses?: true
  readonly defaults?: true
  readonly overwrite?: true
}

export function addReplayCommand(program: Command, output: Output, startProgress: () => Progress): void {
  const command = program
    .command('replay')
    .summary('ask each row\'s question online, at its time, while the events pass through the whole system')
    .description('Lets the events pass through log, archive, batch and stream under a clock that follows them, asks each row\'s question online at its time, and writes the answers as a training set. `tidemark compare` says whether a training set of the same rows agrees.')
    .requiredOption('--definitions <file>', 'definitions, .ts or .json')
    .requiredOption('--rows <file>', 'a .csv or .parquet file with the join keys, a time and any other columns')
    .requiredOption('--time <column>', 'the column of the rows that has the time')
    .requiredOption('--out <file>', 'the .csv or .parquet file to write')
  addFeatureOptions(addEventOptions(command))
    .addOption(new Option('--batch-every <duration>', 'how often a batch generation is made: 1d, 6h').argParser(readDuration).default(readDuration('1d'), '1d'))
    .option('--key <join=column...>', 'join keys whose columns in the rows have other names')
    .option('--statuses', 'add a column with the status of each value')
    .option('--defaults', 'write declared defaults in place of NULL_VALUE and NOT_FOUND')
    .option('--overwrite', 'replace the output where there is one')
    .addHelpText('after', '\nExample:\n  tidemark replay --definitions features.ts --events events.csv --rows rows.csv --time asked_at --out replayed.csv\n  tidemark compare training.csv replayed.csv')
    .action(async (options: ReplayOptions) => {
      const startedMs = Date.now()
      const result = await play(options, startProgress)
      const seconds = (Date.now() - startedMs) / 1000
      output.answer({ out: options.out, ...result, seconds }, () => summaryText(output, options.out, result, seconds))
      const rejected = result.rejected.map(({ source, recordCount, ...each }) => ({ records: `the ${counted(recordCount, 'record')} of source ${source} that came before the last question`, ...each }))
      for (const line of rejected.flatMap((each) => rejectedLines(output, each))) output.remark(line)
    })
}

function readDuration(text: string): number {
  const durationMs = parseDurationMs(text)
  if (durationMs === null || durationMs <= 0) throw usageError(`${JSON.stringify(text)} is no length of time.`, '--batch-every', 'Write a whole number and a unit: 1d, 6h, 30m.')
  return durationMs
}

async function play(options: ReplayOptions, startProgress: () => Progress): Promise<ReplayResult> {
  const definitions = await loadSoundDefinitions(options.definitions)
  const { names, plans, sources } = chooseFeatures(definitions, options)
  const inputs = eventInputs(options, sources)
  const output = { path: options.out, format: tableFormat(options.out, '--out') }
  const rows = { path: options.rows, format: tableFormat(options.rows, '--rows'), timeColumn: options.time }
  const rowKeys = parseRowKeys(options.key ?? [], plans.flatMap(({ keys }) => keys.map(({ key }) => key)))
  requireFree(options.out, options.overwrite === true, [options.definitions, options.rows, ...pathsOf(inputs)])
  using interrupts = listenForInterrupts()
  using progress = startProgress()
  progress.step('replaying')
  // Loaded here, so that other commands start without the stores.
  const { replayInFolder } = await import('@tidemark/embedded-system/replay-in-folder')
  return await replayInFolder({
    definitions, features: names, rows, rowKeys, output, signal: interrupts.signal, batchEveryMs: options.batchEvery,
    views: plans.map((plan) => ({ plan, input: inputs.get(plan.source.name)! })),
    hasStatuses: options.statuses === true, hasDefaults: options.defaults === true,
    onProgress: (each) => progress.reach(each.doneShare, () => progressText(each, plans.length)),
  })
}

const PHASES = { streaming: '', archiving: ', archiving', batch: ', making a generation' } as const satisfies Record<ReplayPhase, string>

function progressText({ phase, atMs, recordCount, answeredCount, rowCount }: ReplayProgress, viewCount: number): string {
  return `${formatTime(atMs).slice(0, 10)}${PHASES[phase]}, ${counted(recordCount, 'record')}, ${formatNumber(answeredCount)} of ${counted(rowCount * viewCount, 'answer')}`
}

function summaryText(output: Output, out: string, { rowCount, columns, recordCount, generationCount, statusCounts, unreadableTimeCount }: ReplayResult, seconds: number): string {
  const pace = `${counted(recordCount, 'record')} before the last question, in ${seconds.toFixed(1)} s, ${formatNumber(Math.round(recordCount / Math.max(seconds, 1e-3)))} records/s`
  return [
    `${output.colors.green('written')} ${out}: ${counted(rowCount, 'row')}, ${counted(columns.length, 'added column')}, ${counted(generationCount, 'generation')} on the way (${pace})`,
    ...(unreadableTimeCount > 0 ? [`${counted(unreadableTimeCount, 'row')} without a readable time: their features are empty.`] : []),
    '',
    statusTable(output, statusCounts),
  ].join('\n')
}
