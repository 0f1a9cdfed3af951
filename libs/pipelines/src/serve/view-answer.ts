// What one view gives the entities of a request. A part that could not be read makes its values UNAVAILABLE, or says that they are of the batch
// view alone; it never makes them wrong. Nor does a deadline.

import { mergeAtCut } from '@tidemark/aggregation/merge'
import type { PlannedFeature } from '@tidemark/aggregation/view-plan'
import type { ErrorCode, Problem } from '@tidemark/feature-schema/errors'
import type { BatchBlob } from './batch-blobs.ts'
import { explainEntity, type EntityExplanation } from './explain.ts'
import type { Degradation, DegradationCode, MissingReason, ServedValue } from './feature-answer.ts'
import type { ResolvedView } from './feature-request.ts'
import type { Freshness } from './freshness.ts'
import type { ViewReading } from './read-view.ts'
import type { SpeedChunksRead } from './speed-chunks.ts'
import type { Backfill } from './whole-views.ts'

/** What was read for a view; `reading` is null where the deadline came first, or where it failed altogether. */
export interface ReadView {
  readonly view: ResolvedView
  /** Why it is not answered yet; null: it is. */
  readonly backfill: Backfill | null
  readonly reading: ViewReading | null
  readonly freshness: Freshness
  readonly partitions: readonly number[]
  readonly failure: Problem | null
}

/** By the plan's features. */
export type ViewValues = readonly ServedValue[]

export interface ViewAnswer {
  /** Of the entity at this place of the request. */
  valuesOf(i: number): ViewValues
  /** Of every entity that the deadline came before. */
  readonly late: ViewValues
  /** undefined: there is nothing to explain. */
  explanationOf(i: number, features: readonly PlannedFeature[]): EntityExplanation | undefined
  /** Once the values of all entities were asked for but those of so many that were late. */
  degradedBy(lateCount: number): Degradation[]
}

export function answerView(read: ReadView, t: number): ViewAnswer {
  const { view: { plan: { view, features } }, backfill, reading, failure } = read
  const missing = (reason: MissingReason, code: DegradationCode, message: string): ViewAnswer => {
    const values = unavailable(features.length, reason)
    return { valuesOf: () => values, late: values, explanationOf: () => undefined, degradedBy: () => [{ code, view: view.name, message }] }
  }
  if (backfill !== null) return missing('backfilling', 'BACKFILLING', `Version ${view.version} is not whole yet. ${backfill.howFar}`)
  if (failure !== null) return missing('batch_unavailable', 'BATCH_UNAVAILABLE', sentenceOf(failure))
  if (reading === null) return missing('deadline', 'DEADLINE', 'It was not read before the deadline.')
  const { batch, speed, pin } = reading
  if (!batch.isRead) return missing('batch_unavailable', 'BATCH_UNAVAILABLE', sentenceOf(batch.problem))
  if (!speed.isRead && pin.n === 0) return missing('speed_unavailable', 'SPEED_UNAVAILABLE', `There is no generation yet, and all is of the stream. ${sentenceOf(speed.problem)}`)
  return new MergedView(read, reading, batch.value, t)
}

/** What was read cannot be used; any other problem says that it was not read. */
const OF_STATE: ReadonlySet<ErrorCode> = new Set(['STORE_DAMAGED', 'BLOB_DAMAGED', 'BLOB_TOO_NEW', 'BLOB_OTHER_LAYOUT'])

class MergedView implements ViewAnswer {
  private readonly read: ReadView
  private readonly reading: ViewReading
  private readonly blobs: readonly BatchBlob[]
  /** null: it could not be read. */
  private readonly speed: SpeedChunksRead | null
  private readonly t: number
  private firstDamage: Problem | null = null
  private firstUnread: Problem | null = null
  private unreadCount = 0

  constructor(read: ReadView, reading: ViewReading, blobs: readonly BatchBlob[], t: number) {
    this.read = read
    this.reading = reading
    this.blobs = blobs
    this.speed = reading.speed.isRead ? reading.speed.value : null
    this.t = t
  }

  get late(): ViewValues {
    return unavailable(this.read.view.plan.features.length, 'deadline')
  }

  valuesOf(i: number): ViewValues {
    const { plan } = this.read.view
    const state = this.stateOf(i)
    if ('code' in state) {
      if (OF_STATE.has(state.code)) {
        this.firstDamage ??= state
        return unavailable(plan.features.length, 'state_damaged')
      }
      this.firstUnread ??= state
      this.unreadCount++
      return unavailable(plan.features.length, 'batch_unavailable')
    }
    const { needsNewerPin, values } = mergeAtCut(plan, state.blob, state.chunks, { cut: this.reading.pin.cut, t: this.t })
    if (needsNewerPin) throw new Error(`View ${plan.view.name} was read with a pin that its speed state is ahead of.`)
    return values
  }

  explanationOf(i: number, features: readonly PlannedFeature[]): EntityExplanation | undefined {
    const { view: { plan, id, entities }, partitions } = this.read
    const state = this.stateOf(i)
    if ('code' in state || this.speed === null) return undefined
    const { bucket } = entities[i]!
    return explainEntity(plan, features, {
      view: id, bucket, t: this.t, partitions, cut: this.reading.pin.cut, batchBlob: state.blob, speedChunks: state.chunks, state: this.speed.buckets.get(bucket) ?? null,
    })
  }

  degradedBy(lateCount: number): Degradation[] {
    const { view: { plan: { view }, entities } } = this.read
    const degraded: Degradation[] = []
    const { speed } = this.reading
    if (!speed.isRead) degraded.push({ code: 'SPEED_UNAVAILABLE', view: view.name, message: sentenceOf(speed.problem) })
    if (this.firstUnread !== null) degraded.push({ code: 'BATCH_UNAVAILABLE', view: view.name, message: `Of ${this.unreadCount} of ${entities.length} entities. ${sentenceOf(this.firstUnread)}` })
    if (lateCount > 0) degraded.push({ code: 'DEADLINE', view: view.name, message: `${lateCount} of ${entities.length} entities were not answered before the deadline.` })
    if (this.firstDamage !== null) degraded.push({ code: 'STATE_DAMAGED', view: view.name, message: sentenceOf(this.firstDamage) })
    return degraded
  }

  /** What is stored of an entity, or what of that is damaged or was not read. */
  private stateOf(i: number): { readonly blob: Uint8Array | null; readonly chunks: readonly Uint8Array[] } | Problem {
    const blob = this.blobs[i]!
    const chunks = this.speed === null ? [] : this.speed.chunks[i]!
    if (blob !== null && 'code' in blob) return blob
    return 'code' in chunks ? chunks : { blob, chunks }
  }
}

function sentenceOf({ code, message, where }: Problem): string {
  return `${code} at ${where}: ${message}`
}

function unavailable(count: number, reason: MissingReason): ViewValues {
  return new Array<ServedValue>(count).fill({ status: 'UNAVAILABLE', value: null, reason })
}
