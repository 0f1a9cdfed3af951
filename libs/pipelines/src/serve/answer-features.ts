// The serving policy: a request's views are read side by side, each under one pin, until the deadline; what was read by then is the answer.

import { TidemarkError, type Problem } from '@tidemark/feature-schema/errors'
import type { BatchViewStore } from '@tidemark/ports/batch-view-store'
import type { WaitingClock } from '@tidemark/ports/clock'
import type { RegisterStore } from '@tidemark/ports/register-store'
import type { SpeedViewStore } from '@tidemark/ports/speed-view-store'
import { decodeSealRegister, sealRegisterName } from '../log/seal-register.ts'
import { topicOf } from '../names.ts'
import { BatchBlobCache } from './batch-blobs.ts'
import { composeAnswer, type ReadView } from './compose-answer.ts'
import { Deadlines } from './deadlines.ts'
import type { Degradation, DegradationCode, FeatureAnswer } from './feature-answer.ts'
import type { FeatureCatalog } from './feature-catalog.ts'
import { RequestResolver, type FeatureRequest, type ResolvedRequest, type ResolvedView } from './feature-request.ts'
import { FreshnessReader, judgeFreshness, withReplay } from './freshness.ts'
import { PointerPins } from './pointer-pins.ts'
import { readView, SERVE_RULES, type ReadingContext, type ServeRules } from './read-view.ts'
import { DeadlinePassed, SlicedWork, Slices } from './sliced-work.ts'
import { SpeedChunkReader } from './speed-chunks.ts'

export const DEADLINE_MAX_MS = 10_000
export const BATCH_CACHE_SIZE_DEFAULT_BYTES = 64 * 2 ** 20
export const SPEED_CACHE_SIZE_DEFAULT_BYTES = 64 * 2 ** 20

export interface FeatureServerOptions {
  /** Asked for each request, so that definitions can change while it runs. */
  readonly catalog: () => FeatureCatalog
  readonly registers: RegisterStore
  readonly batchViews: BatchViewStore
  readonly speedViews: SpeedViewStore
  readonly clock: WaitingClock
  readonly batchCacheSizeMaxBytes?: number
  /** Of speed states that were read and verified before; each is looked at in the store again. */
  readonly speedCacheSizeMaxBytes?: number
  readonly rules?: ServeRules
  /** Of the work of large requests; Infinity where no other turn of the event loop may come between. */
  readonly sliceMaxMs?: number
}

export interface FeatureServer {
  /**
   * Throws UNKNOWN_NAME, ENTITY_INVALID, USAGE, REQUEST_TOO_LARGE; under the policy `fail` also what keeps the answer from being whole.
   * `sinceMs`: when it was asked, from where its deadline counts; default: now.
   */
  answer(request: FeatureRequest, sinceMs?: number): Promise<FeatureAnswer>
  /** Of all its requests: for what else is done for them, by the same clock. */
  readonly slices: Slices
}

export function createFeatureServer(options: FeatureServerOptions): FeatureServer {
  const { catalog, registers, batchViews, speedViews, clock, rules = SERVE_RULES } = options
  const { batchCacheSizeMaxBytes = BATCH_CACHE_SIZE_DEFAULT_BYTES, speedCacheSizeMaxBytes = SPEED_CACHE_SIZE_DEFAULT_BYTES } = options
  const slices = new Slices(clock, options.sliceMaxMs)
  const resolver = new RequestResolver(slices, rules.isSameCatalog)
  const sources: Sources = {
    pins: new PointerPins(registers, clock),
    batchBlobs: new BatchBlobCache(batchViews, batchCacheSizeMaxBytes),
    freshness: new FreshnessReader(speedViews, clock),
    speedChunks: new SpeedChunkReader({ store: speedViews, cacheSizeMaxBytes: speedCacheSizeMaxBytes, isSame: rules.isSameState, isReplaying: rules.isReplaying }),
    deadlines: new Deadlines(clock),
    registers, clock, rules, slices,
  }
  return {
    slices,
    async answer(request, sinceMs = clock.nowMs()) {
      const deadlineAtMs = sinceMs + Math.min(request.deadlineMs, DEADLINE_MAX_MS)
      const resolved = await resolver.resolve(catalog(), request)
      const views = await readViews(sources, resolved, request.explain, deadlineAtMs)
      const answer = await composeAnswer(resolved, request, views, clock.nowMs(), new SlicedWork(slices, deadlineAtMs))
      if (request.policy === 'fail') refuseDegraded(answer.degraded, views)
      return answer
    },
  }
}

/** What reading the views of one request takes. */
interface Sources extends ReadingContext {
  readonly deadlines: Deadlines
  readonly registers: RegisterStore
  readonly freshness: FreshnessReader
  readonly slices: Slices
}

/** What could be read of each view before the deadline. */
function readViews(sources: Sources, { views }: ResolvedRequest, explain: boolean, atMs: number): Promise<ReadView[]> {
  const { deadlines, clock, slices } = sources
  return new Promise((resolve, reject) => {
    const read = views.map((view): ReadView => ({ view, reading: null, freshness: { lagMs: null, degraded: [] }, partitions: [], failure: null }))
    if (clock.nowMs() >= atMs) return resolve(read)
    let leftCount = views.length
    // What is read later is not of this answer.
    const deadline = { atMs, pass: () => resolve([...read]) }
    const work = new SlicedWork(slices, atMs)
    const keep = (i: number, part: ReadView): void => {
      read[i] = part
      if (--leftCount > 0) return
      deadlines.lift(deadline)
      resolve(read)
    }
    deadlines.set(deadline)
    for (const [i, view] of views.entries()) {
      readWholeView(sources, view, explain, work).then((part) => keep(i, part), (error: unknown) => {
        if (error instanceof DeadlinePassed) return keep(i, read[i]!)
        if (error instanceof TidemarkError) return keep(i, { ...read[i]!, failure: error.problems[0]! })
        deadlines.lift(deadline)
        reject(error)
      })
    }
  })
}

async function readWholeView(sources: Sources, view: ResolvedView, explain: boolean, work: SlicedWork): Promise<ReadView> {
  let partitions = explain ? await openPartitions(sources.registers, view) : []
  for (;;) {
    // Before the state: a heartbeat that came later would speak of records that the state which was read lacks.
    const heartbeats = await sources.freshness.heartbeats(view.id)
    const reading = await readView(sources, view, partitions, work)
    const opened = explain ? await openPartitions(sources.registers, view) : []
    // A partition that was opened meanwhile may be in the state, and its fence was not asked for.
    if (opened.length > partitions.length) {
      partitions = opened
      continue
    }
    const freshness = judgeFreshness(view.plan.view.name, heartbeats, reading.pin.cut, sources.clock.nowMs())
    const replayed = reading.speed.isRead ? reading.speed.value.replayedBuckets : []
    return { view, reading, partitions, failure: null, freshness: withReplay(view.plan.view.name, freshness, replayed) }
  }
}

async function openPartitions(registers: RegisterStore, { plan }: ResolvedView): Promise<number[]> {
  const name = sealRegisterName(topicOf(plan.source))
  const register = await registers.read(name)
  return register === null ? [] : [...new Set(decodeSealRegister(register.bytes, name).openings.map(({ partition }) => partition))]
}

/** What a degradation is under the policy `fail`, and what to do about it. */
const FAILURES: Readonly<Record<DegradationCode, Pick<Problem, 'code' | 'action'>>> = {
  DEADLINE: { code: 'DEADLINE_EXCEEDED', action: 'Give a longer deadline, or ask for fewer entities at a time' },
  STATE_DAMAGED: { code: 'BLOB_DAMAGED', action: 'Rebuild the state from log and archive, and look at the disk' },
  BATCH_UNAVAILABLE: { code: 'STORE_UNAVAILABLE', action: 'Look at the batch store, and ask again' },
  SPEED_UNAVAILABLE: { code: 'STORE_UNAVAILABLE', action: 'Look at the speed store, and ask again' },
  SPEED_SILENT: { code: 'NOT_SERVABLE', action: 'See that the speed layer runs and that its machine is not overloaded, and ask again' },
  SPEED_LAGGING: { code: 'NOT_SERVABLE', action: 'Wait until it has caught up, or add processors' },
  PARTITION_STOPPED: { code: 'NOT_SERVABLE', action: 'Follow the alarm of that partition' },
  SEAM_BROKEN: { code: 'NOT_SERVABLE', action: 'Wait for that generation; mend the broker\'s clock, or declare a larger skew' },
}

function refuseDegraded(degraded: readonly Degradation[], views: readonly ReadView[]): void {
  if (degraded.length === 0) return
  const idOf = new Map(views.map(({ view: { plan, id } }) => [plan.view.name, id]))
  const [first, ...others] = degraded.map(({ code, view, message }): Problem => ({
    code: FAILURES[code].code,
    message: `${code}: ${message}`,
    where: `view ${idOf.get(view) ?? view}`,
    action: `${FAILURES[code].action}. The policy \`degrade\` answers with what there is, and says what is missing.`,
  }))
  throw new TidemarkError([first!, ...others])
}
