// `tidemark features get`: the features of one entity, at a time straight from event files, or as a running server answers now.
import { finalType } from '@tidemark/feature-schema/aggregation-rules'
import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import { type FeatureAnswer, type PointInTimeAnswer, readFeaturesAt } from '@tidemark/pipelines/serve/point-in-time'
import type { Command } from 'commander'
import { addFeatureOptions, chooseFeatures, type FeatureOptions } from '../chosen-features.ts'
import { withEngine } from '../engine.ts'
import { addEventOptions, eventInputs, type EventOptions } from '../event-files.ts'
import { usageError } from '../failure.ts'
import { getOnline } from '../features-online.ts'
import { heldBackLines, nullKeyLines, rejectionLines } from '../input-report.ts'
import { loadSoundDefinitions } from '../load-definitions.ts'
import { formatTime, type Output, tableText } from '../output.ts'
import type { Progress } from '../progress.ts'
import { parseEntity, parseTime } from '../request-options.ts'

interface FeaturesGetOptions extends EventOptions, FeatureOptions {
  readonly entity: readonly string[]
  readonly url?: string
  readonly definitions?: string
  readonly at?: string
}

export function addFeaturesCommand(program: Command, output: Output, startProgress: () => Progress): void {
  const get = program
    .command('features')
    .summary('read features of an entity')
    .description('Reads features of an entity.')
    .command('get')
    .summary('the features of one entity, at a time or as of now')
    .description('Computes the features of one entity at a time, from event files; or with --url asks a running server, as of now. Each value has its status and where its window begins.')
    .requiredOption('--entity <key=value...>', 'the join keys of the entity; or one JSON object')
    .option('--url <address>', 'a running server: http://127.0.0.1:8080; instead of --definitions, --events and --at')
    .option('--definitions <file>', 'definitions, .ts or .json')
    .option('--at <time>', 'ISO 8601 (UTC where it names no zone) or epoch milliseconds')
  addFeatureOptions(addEventOptions(get, false))
    .addHelpText('after', '\nExamples:\n  tidemark features get --url http://127.0.0.1:8080 --entity card=c-07\n  tidemark features get --definitions features.ts --events events.csv --entity card=c-07 --at 2024-03-14T12:00:00Z --view card_spending')
    .action(async (options: FeaturesGetOptions) => {
      const { url, definitions, at } = options
      if (url !== undefined) return getOnline(output, url, options)
      if (definitions === undefined || at === undefined || options.events === undefined) throw missingOption(options)
      const { names, plans, sources } = chooseFeatures(await loadSoundDefinitions(definitions), options)
      const inputs = eventInputs(options, sources)
      const atMs = parseTime(at, '--at')
      const entity = parseEntity(options.entity, plans)
      const answer = await withEngine(async (engine, signal) => {
        using progress = startProgress()
        progress.step('reading events')
        const views = plans.map((plan) => ({ plan, input: inputs.get(plan.source.name)! }))
        return await readFeaturesAt({ engine, views, features: names, entity, atMs, signal })
      })
      output.answer(documentOf(answer, entity), () => answerText(output, answer, entity, plans))
      const sourceOf = new Map(plans.map(({ view }) => [view.name, view.source]))
      const reports = new Map(answer.views.map(({ view, report }) => [sourceOf.get(view)!, report]))
      for (const line of [...rejectionLines(output, reports), ...heldBackLines(output, reports), ...nullKeyLines(output, answer.views)]) output.remark(line)
    })
}

function missingOption({ definitions, events, at }: FeaturesGetOptions): Error {
  const missing = Object.entries({ definitions, events, at }).flatMap(([name, value]) => (value === undefined ? [`--${name}`] : []))
  return usageError(`${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} missing.`, 'command line', 'Give --definitions, --events and --at; or --url to ask a running server.')
}

function documentOf({ atMs, features, views }: PointInTimeAnswer, entity: object): object {
  return { entity, at: formatTime(atMs), atMs, features, views }
}

function answerText({ colors }: Output, { atMs, features }: PointInTimeAnswer, entity: Readonly<Record<string, unknown>>, plans: readonly ViewPlan[]): string {
  const who = Object.entries(entity).map(([key, value]) => `${key} ${String(value)}`).join(', ')
  const rows = features.map((answer) => [
    answer.view, answer.feature, valueText(answer, plans), answer.reason === undefined ? answer.status : `${answer.status} (${answer.reason})`,
    answer.tailMs === null ? 'always' : formatTime(answer.tailMs),
  ])
  return `${colors.bold(who)} at ${formatTime(atMs)}\n\n${tableText(colors, ['view', 'feature', 'value', 'status', 'window from'], rows)}`
}

function valueText({ view, feature, value, status }: FeatureAnswer, plans: readonly ViewPlan[]): string {
  if (status !== 'PRESENT') return ''
  if (typeof value === 'object') return JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? String(inner) : inner))
  const planned = plans.find((plan) => plan.view.name === view)!.features.find(({ name }) => name === feature)!
  return finalType(planned.aggregation, planned.slot.inputType) === 'timestamp' ? formatTime(Number(value)) : String(value)
}
