// `tidemark training-set`: training rows with their features as of each row's time.
import { buildTrainingSet, type TrainingSetResult } from '@tidemark/pipelines/training/training-set'
import type { EventInput, InputReport } from '@tidemark/ports/batch-engine'
import { type Command, Option } from 'commander'
import { addFeatureOptions, chooseFeatures, type FeatureOptions } from '../chosen-features.ts'
import { type Engine, withEngine } from '../engine.ts'
import { withArchive } from '../archive-events.ts'
import { addEventOptions, eventInputs, type EventOptions, pathsOf, tableFormat } from '../event-files.ts'
import { usageError } from '../failure.ts'
import { heldBackLines, nullKeyLines, rejectionLines } from '../input-report.ts'
import { loadSoundDefinitions } from '../load-definitions.ts'
import { counted, formatNumber, formatTime, type Output } from '../output.ts'
import type { Progress } from '../progress.ts'
import { parseRowKeys, statusTable } from '../training-rows.ts'
import { requireFree } from '../write-file.ts'

interface TrainingSetOptions extends EventOptions, FeatureOptions {
  readonly definitions: string
  readonly data?: string
  readonly rows: string
  readonly time: string
  readonly out: string
  readonly key?: readonly string[]
  readonly knownAt: 'append' | 'event'
  readonly statuses?: true
  readonly defaults?: true
  readonly overwrite?: true
}

export function addTrainingSetCommand(program: Command, output: Output, startProgress: () => Progress): void {
  const command = program
    .command('training-set')
    .summary('add to training rows their features as of each row\'s time')
    .description('Writes the rows again, all of them, in order, with their features as of each row\'s time beside them: what serving would have said then.')
    .requiredOption('--definitions <file>', 'definitions, .ts or .json')
    .requiredOption('--rows <file>', 'training rows: a .csv or .parquet file with the join keys, a time and any other columns')
    .requiredOption('--time <column>', 'the column of the rows that has the time: timestamps, ISO 8601 (UTC where it names no zone) or epoch milliseconds')
    .requiredOption('--out <file>', 'the .csv or .parquet file to write')
  addFeatureOptions(addEventOptions(command, false))
    .option('--data <folder>', 'the folder of `tidemark dev`: its archive has the events, instead of --events')
    .option('--key <join=column...>', 'join keys whose columns in the rows have other names')
    .addOption(new Option('--known-at <what>', 'append: a row sees what was appended before its time; event: what had happened').choices(['append', 'event']).default('append'))
    .option('--statuses', 'add a column with the status of each value')
    .option('--defaults', 'write declared defaults in place of NULL_VALUE and NOT_FOUND')
    .option('--overwrite', 'replace the output where there is one')
    .addHelpText('after', '\nExamples:\n  tidemark training-set --definitions features.ts --events events.csv --rows rows.csv --time asked_at --out training.csv\n  tidemark training-set --definitions features.ts --data .tidemark --rows rows.csv --time asked_at --out training.csv')
    .action(async (options: TrainingSetOptions) => {
      const startedMs = Date.now()
      const { result, sourceOf, sealedUntilMs } = await build(options, startProgress)
      const reports = new Map(result.views.map(({ view, report }) => [sourceOf.get(view)!, report]))
      const seconds = (Date.now() - startedMs) / 1000
      const archive = sealedUntilMs && { sealedUntilMs: Object.fromEntries(sealedUntilMs) }
      output.answer({ out: options.out, ...result, ...archive, seconds }, () => summaryText(output, options.out, result, reports, seconds))
      for (const [source, untilMs] of sealedUntilMs ?? []) {
        output.remark(`The archive of source ${source} is sealed until ${formatTime(untilMs)}: a row at a later time may lack events.`)
      }
      for (const line of [...rejectionLines(output, reports), ...(options.knownAt === 'append' ? heldBackLines(output, reports) : []), ...nullKeyLines(output, result.views)]) output.remark(line)
    })
}

interface Built {
  readonly result: TrainingSetResult
  /** View -> its source. */
  readonly sourceOf: ReadonlyMap<string, string>
  /** By source, where the events are the archive's: the first append time that is not sealed, epoch ms. */
  readonly sealedUntilMs: ReadonlyMap<string, number> | null
}

async function build(options: TrainingSetOptions, startProgress: () => Progress): Promise<Built> {
  if ((options.data === undefined) === (options.events === undefined)) throw usageError('It takes either --events or --data.', 'command line', 'Name event files, or the folder whose archive has the events.')
  const definitions = await loadSoundDefinitions(options.definitions)
  const chosen = chooseFeatures(definitions, options)
  const sourceOf = new Map(chosen.plans.map(({ view }) => [view.name, view.source]))
  const outputFile = { path: options.out, format: tableFormat(options.out, '--out') }
  const rows = { path: options.rows, format: tableFormat(options.rows, '--rows'), timeColumn: options.time }
  const rowKeys = parseRowKeys(options.key ?? [], chosen.plans.flatMap(({ keys }) => keys.map(({ key }) => key)))
  const write = async (engine: Engine, inputs: ReadonlyMap<string, EventInput>, signal: AbortSignal): Promise<TrainingSetResult> => {
    using progress = startProgress()
    progress.step('reading events and rows')
    return await buildTrainingSet({
      engine, writer: engine, views: chosen.plans.map((plan) => ({ plan, input: inputs.get(plan.source.name)! })),
      features: chosen.names, rows, rowKeys, output: outputFile, signal, knownAt: options.knownAt,
      hasStatuses: options.statuses === true, hasDefaults: options.defaults === true,
      onProgress: ({ doneCount, rowCount }) => {
        progress.step('computing features of rows')
        progress.advance(doneCount, rowCount)
      },
    })
  }
  if (options.data !== undefined) {
    requireFree(options.out, options.overwrite === true, [options.definitions, options.rows, options.data])
    return { sourceOf, ...(await withArchive(options, definitions, chosen.sources, write)) }
  }
  const inputs = eventInputs(options, chosen.sources)
  requireFree(options.out, options.overwrite === true, [options.definitions, options.rows, ...pathsOf(inputs)])
  return { sourceOf, sealedUntilMs: null, result: await withEngine((engine, signal) => write(engine, inputs, signal)) }
}

function summaryText(output: Output, out: string, result: TrainingSetResult, reports: ReadonlyMap<string, InputReport>, seconds: number): string {
  const { rowCount, columns, statusCounts, unreadableTimeCount, views } = result
  const eventCount = [...reports.values()].reduce((sum, { acceptedCount }) => sum + acceptedCount, 0)
  const pace = `${counted(eventCount, 'event')} and ${counted(rowCount, 'row')} in ${seconds.toFixed(1)} s, ${formatNumber(Math.round(rowCount / Math.max(seconds, 1e-3)))} rows/s`
  return [
    `${output.colors.green('written')} ${out}: ${counted(rowCount, 'row')}, ${counted(columns.length, 'added column')} (${pace})`,
    ...(unreadableTimeCount > 0 ? [`${counted(unreadableTimeCount, 'row')} without a readable time: their features are empty.`] : []),
    ...views.filter(({ noKeyCount }) => noKeyCount > 0).map(({ view, noKeyCount }) => `${counted(noKeyCount, 'row')} without readable keys of view ${view}: its features are empty there.`),
    '',
    statusTable(output, statusCounts),
  ].join('\n')
}
