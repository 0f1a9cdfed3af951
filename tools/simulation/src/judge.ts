// The judge: what an answer must be, by brute force over the records that the log has. An answer at time t, with a cut and fences, contains each
// record whose epoch is up to the cut, or whose offset is below its partition's fence, once. Epochs are worked out here from the log and
// the seal register, with nothing of the pipelines' own reading.

import { disagreements } from '@tidemark/aggregation/testing/agreement'
import { oracleValues, type OracleEvent } from '@tidemark/aggregation/testing/oracle'
import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import { readSealRegister } from '@tidemark/pipelines/log/change-seal-register'
import type { SealRegister } from '@tidemark/pipelines/log/seal-register'
import type { FeatureAnswer } from '@tidemark/pipelines/serve/feature-answer'
import type { KnownRecord, World } from './world.ts'

/** Why an answer says less than it could: what was unavailable is no wrong value. */
const HONEST = new Set(['BATCH_UNAVAILABLE', 'SPEED_UNAVAILABLE', 'DEADLINE'])

/** Every accepted record with its epoch, as the register has it by now; records of partitions that are not open are of no epoch yet. */
export async function eventsOf(world: World): Promise<OracleEvent[]> {
  const { register } = await readSealRegister(world.registers, world.source)
  return world.records.flatMap((records, partition) => eventsOfPartition(register, partition, records))
}

function eventsOfPartition({ openings, overrides, epochLengthMs }: SealRegister, partition: number, records: readonly (KnownRecord | null)[]): OracleEvent[] {
  const own = openings.filter((opening) => opening.partition === partition)
  const events: OracleEvent[] = []
  let epoch = -Infinity
  for (const [offset, record] of records.entries()) {
    for (const opening of own) if (opening.offset === offset && opening.epoch !== null) epoch = Math.max(epoch, opening.epoch)
    if (record === null) continue
    const declared = overrides.find((one) => one.partition === partition && one.offset <= offset && offset <= one.through)?.appendTimeMs ?? 'stamped'
    const appendTimeMs = declared === 'stamped' ? record.appendTimeMs : declared
    epoch = Math.max(epoch, Math.floor(appendTimeMs / epochLengthMs))
    const { row, eventTimeMs } = record
    if (row !== null && own.length > 0) events.push({ fields: row, eventTimeMs, appendTimeMs, partition, offset, epoch })
  }
  return events
}

export interface AskedView {
  readonly plan: ViewPlan
  readonly users: readonly string[]
  /** Whether what a generation gives is to be believed; where nobody has noticed yet that it is nonsense, it is not. */
  readonly isSane: (generation: number) => boolean
  /** A disk has damaged something, and it need not be mended yet. */
  readonly mayBeDamaged?: boolean
}

/** What is wrong with an answer that was asked for all features of one view, in their order; null: nothing. */
export function judgeAnswer(events: readonly OracleEvent[], { plan, users, isSane, mayBeDamaged = false }: AskedView, { t, entities, views, degraded }: FeatureAnswer): string | null {
  const { generation, cut } = views[0]!
  const damage = degraded.find(({ code }) => code === 'STATE_DAMAGED')
  if (damage !== undefined) return mayBeDamaged ? null : damage.message
  if (degraded.some(({ code }) => HONEST.has(code))) return null
  if (generation === null) return 'The pointer was not read, and the answer does not say so.'
  if (!isSane(generation)) return null
  for (const [i, { values, explanation }] of entities.entries()) {
    const fences = new Map(explanation![0]!.fences.map(({ partition, nextOffset }) => [partition, nextOffset ?? 0]))
    const has = ({ epoch, partition, offset }: OracleEvent): boolean => epoch <= (cut ?? -Infinity) || offset < (fences.get(partition) ?? 0)
    const wrong = disagreements(oracleValues(plan.view, plan.source, events, { entity: [users[i]!], atMs: t, has }), values)
    if (wrong !== null) return `${users[i]!} at generation ${generation}, cut ${cut}, fences ${JSON.stringify([...fences])}: ${wrong}`
  }
  return null
}

/** What says of an answer that it may lack any number of events. */
const BEHIND: ReadonlySet<string> = new Set(['SPEED_SILENT', 'SPEED_LAGGING', 'PARTITION_STOPPED', 'STATE_DAMAGED'])

/** By how much the clocks of two machines differ that are right: twice their largest step. A lag is the difference of two of their stamps. */
export const CLOCKS_DIFFER_MAX_MS = 18_000

/**
 * Law 7: what an answer that was asked for at `askedAtMs` lacks, though it says that it lags by less; null: nothing. `heard`: the partitions of
 * which a processor has said how far they are. A fence that is behind is none of it by itself: a bucket is not written for others' events.
 */
export function judgeLag(world: World, events: readonly OracleEvent[], { plan, users }: Pick<AskedView, 'plan' | 'users'>, heard: ReadonlySet<number>, askedAtMs: number, { t, entities, views, degraded }: FeatureAnswer): string | null {
  const { lagMs, cut } = views[0]!
  if (degraded.some(({ code }) => BEHIND.has(code) || HONEST.has(code))) return null
  if (lagMs === null) return 'an answer does not know its lag, and says nothing of it'
  const dueMs = askedAtMs - lagMs - CLOCKS_DIFFER_MAX_MS
  for (const [i, { values, explanation }] of entities.entries()) {
    const nexts = new Map((explanation ?? []).flatMap(({ fences }) => fences).map(({ partition, nextOffset }) => [partition, nextOffset ?? 0]))
    const isIn = ({ epoch, partition, offset }: OracleEvent): boolean => epoch <= (cut ?? -Infinity) || offset < (nexts.get(partition) ?? 0)
    const isDue = ({ partition, offset }: OracleEvent): boolean => heard.has(partition) && world.records[partition]![offset]!.appendedAtMs < dueMs
    const behind = events.find((event) => isDue(event) && !isIn(event))
    if (behind === undefined) continue
    const wrong = disagreements(oracleValues(plan.view, plan.source, events, { entity: [users[i]!], atMs: t, has: (event) => isIn(event) || isDue(event) }), values)
    const { appendedAtMs } = world.records[behind.partition]![behind.offset]!
    if (wrong !== null) return `an answer says that it lags by ${lagMs} ms, and lacks what came ${askedAtMs - appendedAtMs} ms before it was asked, from offset ${behind.offset} of partition ${behind.partition}: ${wrong}`
  }
  return null
}

/** What an answer says that it could not read; null: nothing. */
export function whatIsUnavailable({ degraded }: FeatureAnswer): string | null {
  const missing = degraded.find(({ code }) => HONEST.has(code))
  return missing === undefined ? null : `${missing.code}: ${missing.message}`
}

/** The same of an answer that must contain every event. */
export function judgeWhole(events: readonly OracleEvent[], { plan, users }: Pick<AskedView, 'plan' | 'users'>, { t, entities }: FeatureAnswer): string | null {
  for (const [i, { values }] of entities.entries()) {
    const wrong = disagreements(oracleValues(plan.view, plan.source, events, { entity: [users[i]!], atMs: t, has: () => true }), values)
    if (wrong !== null) return `not all events of ${users[i]!} count once in ${plan.view.name}: ${wrong}`
  }
  return null
}
