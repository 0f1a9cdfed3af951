// A generated history as an engine reads it: records with the log's own columns beside the source's fields.
import { generateCase, shrinkCase, type SeamCase } from '@tidemark/aggregation/testing/generate-case'
import { eventsOfEntity } from '@tidemark/aggregation/testing/event-panes'
import { capExactWindows } from '@tidemark/aggregation/testing/exact-cap'
import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import { oracleValues, type OracleEvent, type OracleFeature, type OracleQuestion } from '@tidemark/aggregation/testing/oracle'
import { windowsOf } from '@tidemark/aggregation/testing/generate-events'
import { without } from '@tidemark/aggregation/testing/property'
import type { Random } from '@tidemark/aggregation/testing/random'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import type { EventInput } from '@tidemark/ports/batch-engine'
import type { JsonRecord } from '@tidemark/ports/testing/record-files'

export type RecordsInput = Extract<EventInput, { kind: 'records' }>

/** A history whose log has records that no engine accepts, among the others. */
export interface ArchiveCase extends SeamCase {
  /** Which of the events: `partition/offset`. */
  readonly rejected: readonly string[]
}

/** A random case; rejected records are ahead of those around them as often as not, so that they show in what is known after them. */
export function generateArchiveCase(random: Random, generate?: Parameters<typeof generateCase>[1]): ArchiveCase {
  const example = generateCase(random, generate)
  const { epochLengthMs } = example.source
  const share = random.pick([0, 0.1, 0.4])
  const rejected: string[] = []
  const newest = new Map<number, number>()
  const events = example.events.map((event) => {
    const isRejected = random.chance(share)
    if (isRejected) rejected.push(placeText(event))
    const { lengthMs } = random.pick(windowsOf(example.view))
    const appendTimeMs = event.appendTimeMs + (isRejected ? random.pick([0, epochLengthMs, random.below(lengthMs ?? epochLengthMs)]) : 0)
    const epoch = Math.max(newest.get(event.partition) ?? -Infinity, Math.floor(appendTimeMs / epochLengthMs))
    newest.set(event.partition, epoch)
    return { ...event, appendTimeMs, epoch }
  })
  return { ...example, events, rejected }
}

/** The case with fewer rejected records, or less of anything else. */
export function* shrinkArchiveCase(example: ArchiveCase): Iterable<ArchiveCase> {
  for (const rejected of without(example.rejected)) yield { ...example, rejected }
  for (const smaller of shrinkCase(example)) yield { ...example, ...smaller }
}

/** The events that count; epochs and known times are made of all. */
function acceptedOf({ events, rejected }: ArchiveCase): OracleEvent[] {
  return events.filter((event) => !rejected.includes(placeText(event)))
}

/** What the oracle says of the case. */
export function expectedAt(example: ArchiveCase, plan: ViewPlan, question: OracleQuestion): OracleFeature[] {
  const { view, source } = example
  const accepted = acceptedOf(example)
  return capExactWindows(plan, oracleValues(view, source, accepted, question), eventsOfEntity(plan, accepted, question.entity).filter(question.has), question.atMs)
}

/** The log as an archive of its source. */
export function archiveOf({ source, events, rejected }: Pick<ArchiveCase, 'source' | 'events' | 'rejected'>): RecordsInput {
  const columns = { appendTime: 'log_time', partition: 'log_partition', offset: 'log_offset' }
  const records = events.map((event) => ({ ...recordOf(source, event), ...(rejected.includes(placeText(event)) && { small: 'none' }) }))
  return { source, kind: 'records', columns, records }
}

function placeText({ partition, offset }: OracleEvent): string {
  return `${partition}/${offset}`
}

function recordOf(source: SourceDefinition, event: OracleEvent): JsonRecord {
  const fields = source.fields.map(({ name }, i) => {
    const value = event.fields[i]!
    return [name, typeof value === 'bigint' ? String(value) : value] as const
  })
  return { ...Object.fromEntries(fields), log_time: event.appendTimeMs, log_partition: event.partition, log_offset: event.offset }
}

/** When each event was known: the running maximum of append time in its partition; a row of a batch table at its own time. */
export function knownTimes({ kind }: SourceDefinition, events: readonly OracleEvent[]): Map<OracleEvent, number> {
  if (kind === 'batch-table') return new Map(events.map((event) => [event, event.appendTimeMs]))
  const newest = new Map<number, number>()
  const inOrder = events.toSorted((a, b) => a.partition - b.partition || a.offset - b.offset)
  return new Map(inOrder.map((event) => {
    const knownMs = Math.max(newest.get(event.partition) ?? -Infinity, event.appendTimeMs)
    newest.set(event.partition, knownMs)
    return [event, knownMs]
  }))
}
