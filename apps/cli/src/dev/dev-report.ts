// What `tidemark dev` says: what it opened, where it listens, and what happens while it runs. With --json each is one line of JSON.
import { createClosedGates } from '@tidemark/pipelines/batch/closed-gates'
import type { DueEvent } from '@tidemark/pipelines/batch/run-due'
import type { Alarm } from '@tidemark/pipelines/alarm'
import { lookAtArchive, type ArchiveLook } from '@tidemark/pipelines/archive/look-at-archive'
import { describePointer } from '@tidemark/pipelines/batch/describe-pointer'
import type { LambdaPorts } from '@tidemark/pipelines/lambda/lambda-ports'
import { readSealRegister } from '@tidemark/pipelines/log/change-seal-register'
import { deadLetterTopicOf, topicOf, viewId } from '@tidemark/pipelines/names'
import { readPointer } from '@tidemark/pipelines/pointer'
import type { Degradation } from '@tidemark/pipelines/serve/feature-answer'
import type { FeatureCatalog } from '@tidemark/pipelines/serve/feature-catalog'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { DefinitionChange } from '@tidemark/pipelines/definitions/definition-changes'
import { problemsText } from '../failure.ts'
import { counted, formatTime, type Output } from '../output.ts'
import type { ExampleRequests } from './example-requests.ts'

export interface OpenedSource {
  readonly source: string
  readonly partitionCount: number
  /** In the log; retention may have removed others. */
  readonly recordCount: number
  readonly deadLetterCount: number
  /** The first append time that is not sealed, epoch ms; null: nothing is sealed. */
  readonly sealedUntilMs: number | null
  readonly archive: ArchiveLook
}

export interface OpenedView {
  /** `card_spending@1` */
  readonly view: string
  /** null: nothing is published; everything is of the stream. */
  readonly generation: number | null
  /** The first append time that the generation does not contain, epoch ms. */
  readonly cutEndMs: number | null
}

export interface OpenedFolder {
  readonly sources: readonly OpenedSource[]
  readonly views: readonly OpenedView[]
}

/** Of sources whose topics are there. */
export async function describeFolder({ log, registers, objects }: Pick<LambdaPorts, 'log' | 'registers' | 'objects'>, { plans }: FeatureCatalog): Promise<OpenedFolder> {
  const eventPlans = plans.filter(({ source }) => source.kind === 'event')
  const sources = [...new Map(eventPlans.map(({ source }) => [source.name, source])).values()]
  return {
    sources: await Promise.all(sources.map(async (source): Promise<OpenedSource> => {
      const [topic, { register: { sealedThrough, epochLengthMs } }] = [topicOf(source), await readSealRegister(registers, source)]
      const partitionCount = await log.partitionCount(topic)
      const [recordCount, deadLetterCount] = await Promise.all([topic, deadLetterTopicOf(source)].map((each) => countRecords(log, each)))
      return { source: source.name, partitionCount, recordCount: recordCount!, deadLetterCount: deadLetterCount!, sealedUntilMs: sealedThrough === null ? null : (sealedThrough + 1) * epochLengthMs, archive: await lookAtArchive({ objects, registers }, source) }
    })),
    views: await Promise.all(eventPlans.map(async ({ view, source }): Promise<OpenedView> => {
      const { pointer } = await readPointer(registers, viewId(view))
      const { n, generations } = describePointer(pointer, source.epochLengthMs)
      return { view: viewId(view), generation: n, cutEndMs: generations.find(({ state }) => state === 'read')?.cutEndMs ?? null }
    })),
  }
}

async function countRecords(log: LambdaPorts['log'], topic: string): Promise<number> {
  const extents = await Promise.all(Array.from({ length: await log.partitionCount(topic) }, (_, partition) => log.extent(topic, partition)))
  return extents.reduce((sum, { start, end }) => sum + end - start, 0)
}

/** What is not there of the archive is an alarm: neither stream nor incremental batch would meet it. `emptied`: databases that were damaged. */
export function tellOpened(output: Output, folder: string, { sources, views }: OpenedFolder, emptied: readonly string[]): void {
  const { bold, dim } = output.colors
  output.event({ event: 'opened', data: folder, sources, views, emptied }, () => [
    `${bold('opened')} ${folder}, every value of its stores read${emptied.length === 0 ? ' and found sound' : `, and all found sound but ${emptied.join(' and ')}`}`,
    ...sources.flatMap(({ source, partitionCount, recordCount, deadLetterCount, sealedUntilMs, archive }) => [
      `  source ${source}: ${counted(recordCount, 'record')} in ${counted(partitionCount, 'partition')}, ${sealedUntilMs === null ? 'nothing sealed yet' : `sealed until ${formatTime(sealedUntilMs)}`}${deadLetterCount > 0 ? `, ${counted(deadLetterCount, 'dead letter')}` : ''}`,
      ...(sealedUntilMs === null ? [] : [`  archive of ${source}: ${archiveText(archive)}`]),
    ]),
    ...views.map(({ view, generation, cutEndMs }) => `  view ${view}: ${generation === null ? dim('no generation yet, all of the stream') : `generation ${generation}, with what was appended before ${formatTime(cutEndMs!)}`}`),
  ].join('\n'))
  for (const { archive } of sources) {
    for (const { code, message, where } of archive.problems) tellAlarm(output, { code, where, message: `${message} The stream goes on; batch runs and training sets that need it fail until it is restored from a backup.` })
  }
}

function archiveText({ sealCount, isAll, problems }: ArchiveLook): string {
  if (problems.length > 0) return 'not whole'
  return `every object that ${isAll ? 'its manifests name' : `its last ${counted(sealCount, 'manifest')} name`} is there`
}

export function tellCatchingUp(output: Output, late: readonly Degradation[]): void {
  output.event({ event: 'catching-up', late }, () => ['waits for the stream to catch up', ...late.map(lateText)].join('\n'))
}

function lateText({ view, code, message }: Degradation): string {
  return `  view ${view}: ${message} [${code}]`
}

/** `late`: what is behind still. */
export function tellReady(output: Output, url: string, file: string, examples: ExampleRequests | null, late: readonly Degradation[]): void {
  const { bold, green } = output.colors
  output.event({ event: 'ready', url, definitions: file, ...examples, ...(late.length > 0 && { late }) }, () => [
    ...(late.length > 0 ? [output.colors.yellow('answers are degraded until the stream has caught up'), ...late.map(lateText)] : []),
    `${green('listening')} on ${bold(url)}, as ${url}/openapi.json says; changes of ${file} are taken up; Ctrl-C ends it`,
    ...(examples === null ? [] : ['', bold('send an event'), examples.send, '', bold('ask'), examples.ask, '']),
  ].join('\n'))
}

export function tellAlarm(output: Output, { code, message, where }: Alarm): void {
  output.event({ event: 'alarm', code, message, where }, () => `${output.colors.yellow('alarm')} ${message} [${code}]\n  where  ${where}`)
}

/** Of state of the stream that was damaged when the folder was opened. */
export function emptiedAlarm(where: string, message: string): Alarm {
  return { code: 'STORE_DAMAGED', where, message: `${message} The state of the stream is emptied and computed anew from the log, from each view's floor on; answers say so until then. Look at the disk.` }
}

/** Of a request that met a bug, or trouble of a store; its client was told no more than that. */
export function tellError(output: Output, error: unknown): void {
  const said = error instanceof TidemarkError ? error.problems : [{ code: 'INTERNAL', message: error instanceof Error ? (error.stack ?? error.message) : String(error), where: 'a request' }]
  for (const { code, message, where } of said) output.event({ event: 'error', code, message, where }, () => `${output.colors.red('error')} ${message} [${code}]\n  where  ${where}`)
}

/** Tells of batch runs as they end. A gate that closes for the same reason as the last time is told once. */
export function batchTeller(output: Output): (outcome: DueEvent) => void {
  const isClosedAgain = createClosedGates()
  return (outcome) => {
    if (!isClosedAgain(outcome)) tellBatch(output, outcome)
  }
}

function tellBatch(output: Output, outcome: DueEvent): void {
  const { green, yellow } = output.colors
  if (outcome.kind === 'lost') return
  if (outcome.kind === 'waiting') {
    const { view, untilMs } = outcome
    output.event({ event: 'batch-waiting', view, untilMs }, () => waitingText(outcome))
  } else if (outcome.kind === 'failed') {
    const { view, error: { code, problems }, retryAtMs } = outcome
    output.event({ event: 'batch-failed', view, code, problems, retryAtMs }, () => `${yellow('no generation')} of ${view}${retryAtMs === null ? '' : `, tried again at ${formatTime(retryAtMs)}`}\n${problemsText(output.colors, problems)}`)
  } else if (outcome.result.kind === 'published') {
    const { view, result: { n, base, cut, figures } } = outcome
    output.event({ event: 'published', view, generation: n, base, cut, entityCount: figures.entityCount, recordCount: figures.recordCount }, () =>
      `${green('published')} generation ${n} of ${view}: ${counted(figures.recordCount, 'new record')}, ${counted(figures.entityCount, 'entity').replace(/entitys$/, 'entities')} written`)
  }
}

export function waitingText({ view, untilMs }: Extract<DueEvent, { kind: 'waiting' }>): string {
  return `the next generation of ${view} waits until ${formatTime(untilMs)}: a generation was rolled back past, and until then a request may still read its rows`
}

/** No changes: after they were refused, they are again what is at work. */
export function tellTakenUp(output: Output, file: string, changes: readonly DefinitionChange[]): void {
  const text = (): string => changes.map(({ kind, name, change, parts }) => `${kind} ${name} ${WORDS[change]}${parts.length > 0 && change !== 'added' ? ` (${parts.join(', ')})` : ''}`).join('; ')
  output.event({ event: 'definitions', file, changes }, () => `${output.colors.green('taken up')} ${file}: ${changes.length > 0 ? text() : 'it says again what is at work'}`)
}

const WORDS: Readonly<Record<DefinitionChange['change'], string>> = {
  added: 'added', removed: 'removed', version: 'in a new version', description: 'described otherwise', meaning: 'changed',
}

export function tellRefused(output: Output, file: string, { code, problems }: TidemarkError): void {
  output.event({ event: 'definitions-refused', file, code, problems }, () => `${output.colors.yellow('not taken up')} ${file}; the definitions of before go on\n${problemsText(output.colors, problems)}`)
}
