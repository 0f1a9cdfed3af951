// `tidemark batch run`: archives, seals and makes the generations that are due, once; beside a running `tidemark dev` or alone.
import { planView, type ViewPlan } from '@tidemark/aggregation/view-plan'
import type { Definitions } from '@tidemark/feature-schema/definition'
import type { Alarm } from '@tidemark/pipelines/alarm'
import type { DueEvent, DueOutcome } from '@tidemark/pipelines/batch/run-due'
import { topicOf } from '@tidemark/pipelines/names'
import type { Command } from 'commander'
import { addDataOption, type DataOptions, REJECTED_SHARE_OPTION, withFolder } from '../data-folder.ts'
import { registerDefinitions } from '@tidemark/pipelines/definitions/definition-registry'
import { waitingText } from '../dev/dev-report.ts'
import { EXIT, problemsText } from '../failure.ts'
import { loadSoundDefinitions } from '../load-definitions.ts'
import { counted, formatTime, type Output } from '../output.ts'

interface BatchRunOptions extends DataOptions {
  readonly definitions: string
  readonly rejectedShareMax?: number
}

interface SourceRun {
  readonly source: string
  readonly archivedCount: number
  readonly sealedUntilMs: number | null
  readonly runs: readonly DueOutcome[]
}

export function addBatchCommand(program: Command, output: Output): void {
  const run = program
    .command('batch')
    .summary('make batch generations')
    .description('Makes batch generations.')
    .command('run')
    .summary('archive, seal, and make each generation that is due')
    .description('Archives what the log has, seals the epochs that can be sealed, and makes a generation of each view that lacks a sealed epoch. Safe beside a running `tidemark dev`. Exits with 1 where a generation was due and could not be made.')
    .requiredOption('--definitions <file>', 'definitions, .ts or .json')
  addDataOption(run)
    .option(...REJECTED_SHARE_OPTION)
    .addHelpText('after', '\nExample:\n  tidemark batch run --definitions features.ts')
    .action(async ({ definitions: file, data, rejectedShareMax }: BatchRunOptions) => {
      const definitions = await loadSoundDefinitions(file)
      const alarms: Alarm[] = []
      const sources = await withFolder(data, async (ports, signal) => {
        await registerDefinitions(ports.registers, definitions)
        const { archiveNow, localBatch, runDueBatches } = await import('@tidemark/embedded-system/archive-and-batch')
        const topics = await ports.log.topics()
        const results: SourceRun[] = []
        for (const [source, plans] of plansBySource(definitions)) {
          if (!topics.includes(topicOf({ name: source }))) continue
          const archived = await archiveNow(ports, plans[0]!.source, (alarm) => alarms.push(alarm), signal)
          const onEvent = (event: DueEvent): void => {
            if (event.kind === 'waiting') output.remark(waitingText(event))
          }
          const runs = await runDueBatches(ports, plans, { run: localBatch(rejectedShareMax), onEvent }, signal)
          results.push({ source, archivedCount: archived.recordCount, sealedUntilMs: archived.sealedUntilMs, runs })
        }
        return results
      })
      output.answer({ data, sources: sources.map((source) => ({ ...source, runs: source.runs.map(documentOf) })), alarms }, () => sources.flatMap((source) => linesOf(output, source)).join('\n'))
      for (const { code, message, where } of alarms) output.remark(`${output.errorColors.yellow('alarm')} ${message} [${code}]\n  where  ${where}`)
      if (sources.some(({ runs }) => runs.some(({ kind }) => kind === 'failed'))) process.exitCode = EXIT.no
    })
}

function plansBySource({ sources, views }: Definitions): Map<string, ViewPlan[]> {
  const named = new Map(sources.map((source) => [source.name, source]))
  const plans = views.map((view) => planView(view, named.get(view.source)!)).filter(({ source }) => source.kind === 'event')
  return Map.groupBy(plans, ({ source }) => source.name)
}

function documentOf(outcome: DueOutcome): object {
  const { view, kind } = outcome
  if (outcome.kind === 'failed') return { view, kind, code: outcome.error.code, problems: outcome.error.problems, retryAtMs: outcome.retryAtMs }
  if (outcome.kind === 'lost' || outcome.result.kind !== 'published') return { view, kind: outcome.kind === 'lost' ? 'lost' : 'nothing-due' }
  const { n, base, cut, figures } = outcome.result
  return { view, kind: 'published', generation: n, base, cut, recordCount: figures.recordCount, rejectedCount: figures.rejectedCount, entityCount: figures.entityCount }
}

function linesOf({ colors: { bold, green, yellow }, colors }: Output, { source, archivedCount, sealedUntilMs, runs }: SourceRun): string[] {
  const sealed = sealedUntilMs === null ? 'nothing can be sealed yet' : `sealed until ${formatTime(sealedUntilMs)}`
  return [
    `${bold(`source ${source}`)}: ${counted(archivedCount, 'record')} archived, ${sealed}${runs.length === 0 ? ', no generation is due' : ''}`,
    ...runs.map((outcome) => {
      const { view } = outcome
      if (outcome.kind === 'failed') return `  ${yellow('not made')} ${view}\n${problemsText(colors, outcome.error.problems)}`
      if (outcome.kind === 'lost') return `  ${view}: another process makes it`
      if (outcome.result.kind !== 'published') return `  ${view}: another process has made it`
      const { n, base, figures } = outcome.result
      return `  ${green('published')} ${view} generation ${n}${base === 0 ? '' : ` on ${base}`}: ${counted(figures.recordCount, 'record')}, ${figures.rejectedCount} of them rejected, state of ${figures.entityCount} entities written`
    }),
  ]
}
