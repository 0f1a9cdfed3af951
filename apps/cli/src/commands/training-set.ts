// `tidemark training-set`: training rows with their features as of each row's time.
import { buildTrainingSet, type TrainingSetResult } from '@tidemark/pipelines/training/training-set'
import type { InputReport } from '@tidemark/ports/batch-engine'
import { type Command, Option } from 'commander'
import { addFeatureOptions, chooseFeatures, type FeatureOptions } from '../chosen-features.ts'
import { withEngine } from '../engine.ts'
import { addEventOptions, eventInputs, type EventOptions, tableFormat } from '../event-files.ts'
import { usageError } from '../failure.ts'
import { heldBackLines, nullKeyLines, rejectionLines } from '../input-report.ts'
import { loadSoundDefinitions } from '../load-definitions.ts'
import { counted, formatNumber, type Output, tableText } from '../output.ts'
import type { Progress } from '../progress.ts'
import { requireFree } from '../write-file.ts'

interface TrainingSetOptions extends EventOptions, FeatureOptions {
  readonly definitions: string
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
  addFeatureOptions(addEventOptions(command))
    .option('--key <join=column...>', 'join keys whose columns in the rows have other names')
    .addOption(new Option('--known-at <what>', 'append: a row sees what was appended before its time; event: what had happened').choices(['append', 'event']).default('append'))
    .option('--statuses', 'add a column with the status of each value')
    .option('--defaults', 'write declared defaults in place of NULL_VALUE and NOT_FOUND')
    .option('--overwrite', 'replace the output where there is one')
    .addHelpText('after', '\nExample:\n  tidemark training-set --definitions features.ts --events events.csv --rows rows.csv --time asked_at --out training.csv')
    .action(async (options: TrainingSetOptions) => {
      const startedMs = Date.now()
      const { result, sourceOf } = await build(options, startProgress)
      const reports = new Map(result.views.map(({ view, report }) => [sourceOf.get(view)!, report]))
      const seconds = (Date.now() - startedMs) / 1000
      output.answer({ out: options.out, ...result, seconds }, () => summaryText(output, options.out, result, reports, seconds))
      for (const line of [...rejectionLines(output, reports), ...(options.knownAt === 'append' ? heldBackLines(output, reports) : []), ...nullKeyLines(output, result.views)]) output.remark(line)
    })
}

async function build(options: TrainingSetOptions, startProgress: () => Progress): Promise<{ result: TrainingSetResult; sourceOf: ReadonlyMap<string, string> }> {
  const { names, plans, sources } = chooseFeatures(await loadSoundDefinitions(options.definitions), options)
  const inputs = eventInputs(options, sources)
  const output = { path: options.out, format: tableFormat(options.out, '--out') }
  const rows = { path: options.rows, format: tableFormat(options.rows, '--rows'), timeColumn: options.time }
  const rowKeys = parseRowKeys(options.key ?? [], plans.flatMap(({ keys }) => keys.map(({ key }) => key)))
  requireFree(options.out, options.overwrite === true)
  const result = await withEngine(async (engine, signal) => {
    using progress = startProgress()
    progress.step('reading events and rows')
    return await buildTrainingSet({
      engine, writer: engine, views: plans.map((plan) => ({ plan, input: inputs.get(plan.source.name)! })),
      features: names, rows, rowKeys, output, signal, knownAt: options.knownAt,
      hasStatuses: options.statuses === true, hasDefaults: options.defaults === true,
      onProgress: ({ doneCount, rowCount }) => {
        progress.step('computing features of rows')
        progress.advance(doneCount, rowCount)
      },
    })
  })
  return { result, sourceOf: new Map(plans.map(({ view }) => [view.name, view.source])) }
}

function parseRowKeys(texts: readonly string[], known: readonly string[]): Record<string, string> {
  return Object.fromEntries(texts.map((text) => {
    const [key = '', column = ''] = text.split(/=(.*)/s, 2)
    if (column === '') throw usageError(`${JSON.stringify(text)} does not name a column.`, '--key', 'Write JOINKEY=COLUMN.')
    if (!known.includes(key)) throw usageError(`There is no join key ${key}.`, '--key', `Write one of ${[...new Set(known)].map((name) => `${name}=COLUMN`).join(', ')}.`)
    return [key, column]
  }))
}

const STATUSES = ['PRESENT', 'NULL_VALUE', 'NOT_FOUND', 'OUTSIDE_MAX_AGE', 'UNAVAILABLE'] as const

function summaryText({ colors }: Output, out: string, result: TrainingSetResult, reports: ReadonlyMap<string, InputReport>, seconds: number): string {
  const { rowCount, columns, statusCounts, unreadableTimeCount, views } = result
  const used = STATUSES.filter((status) => Object.values(statusCounts).some((counts) => counts[status] !== undefined))
  const eventCount = [...reports.values()].reduce((sum, { acceptedCount }) => sum + acceptedCount, 0)
  const pace = `${counted(eventCount, 'event')} and ${counted(rowCount, 'row')} in ${seconds.toFixed(1)} s, ${formatNumber(Math.round(rowCount / Math.max(seconds, 1e-3)))} rows/s`
  return [
    `${colors.green('written')} ${out}: ${counted(rowCount, 'row')}, ${counted(columns.length, 'added column')} (${pace})`,
    ...(unreadableTimeCount > 0 ? [`${counted(unreadableTimeCount, 'row')} without a readable time: their features are empty.`] : []),
    ...views.filter(({ noKeyCount }) => noKeyCount > 0).map(({ view, noKeyCount }) => `${counted(noKeyCount, 'row')} without readable keys of view ${view}: its features are empty there.`),
    '',
    tableText(colors, ['feature', ...used], Object.entries(statusCounts).map(([name, counts]) => [name, ...used.map((status) => counts[status] ?? 0)])),
  ].join('\n')
}
