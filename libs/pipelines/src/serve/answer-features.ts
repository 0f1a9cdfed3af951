// The serving policy: a request's views are read side by side, each under one pin, until the deadline; what was read by then is the answer.

import { TidemarkError, type Problem } from '@tidemark/feature-schema/errors'
import type { BatchViewStore } from '@tidemark/ports/batch-view-store'
import type { BlobCache } from '@tidemark/ports/blob-cache'
import type { WaitingClock } from '@tidemark/ports/clock'
import type { RegisterStore } from '@tidemark/ports/register-store'
import { after, soon, type Soon } from '@tidemark/ports/soon'
import type { SpeedViewStore } from '@tidemark/ports/speed-view-store'
import { decodeSealRegister, sealRegisterName } from '../log/seal-register.ts'
import { topicOf } from '../names.ts'
import type { OnAlarm } from '../alarm.ts'
import { BatchBlobs } from './batch-blobs.ts'
import { BatchRows, type BatchSide } from './batch-rows.ts'
import { composeAnswer, type FormEntity } from './compose-answer.ts'
import { orFailure } from './damage.ts'
import { Deadlines } from './deadlines.ts'
import type { Degradation, DegradationCode, FeatureAnswer } from './feature-answer.ts'
import type { FeatureCatalog } from './feature-catalog.ts'
import { RequestResolver, type FeatureRequest, type ResolvedRequest, type ResolvedView } from './feature-request.ts'
import { FreshnessReader, judgeFreshness, withLacking } from './freshness.ts'
import { PointerPins, type PointerSide } from './pointer-pins.ts'
import { PromotedBlobs } from './promoted-blobs.ts'
import { readView, SERVE_RULES, type ReadingContext, type ServeRules } from './read-view.ts'
import { ReadingWork } from './reading-work.ts'
import type { ServeFigures } from './serve-figures.ts'
import { ServerReads, type OnLeftOut } from './server-reads.ts'
import { DeadlinePassed, SlicedWork, Slices } from './sliced-work.ts'
import { SpeedChunkReader, type SpeedChunksRead } from './speed-chunks.ts'
import type { ReadView } from './view-answer.ts'

export const DEADLINE_MAX_MS = 10_000
export const BATCH_CACHE_SIZE_DEFAULT_BYTES = 64 * 2 ** 20
export const SPEED_CACHE_SIZE_DEFAULT_BYTES = 64 * 2 ** 20

export interface FeatureServerOptions {
  /** Asked for each request, so that definitions can change while it runs. */
  readonly catalog: () => FeatureCatalog
  readonly registers: RegisterStore
  readonly batchViews: BatchViewStore
  /** What the serving processes share of batch blobs that one of them has read. Default: none. */
  readonly batchCache?: BlobCache | undefined
  /** Told of what is wrong with that. */
  readonly onAlarm?: OnAlarm | undefined
  readonly speedViews: SpeedViewStore
  /** Told of a server that is not read for the moment, since it does not answer. Default: nobody is. */
  readonly onLeftOut?: OnLeftOut | undefined
  readonly clock: WaitingClock
  readonly batchCacheSizeMaxBytes?: number
  /** Of speed states that were read and verified before; each is looked at in the store again. */
  readonly speedCacheSizeMaxBytes?: number
  readonly rules?: ServeRules
  /** Counts answers. Default: nobody does. */
  readonly figures?: ServeFigures | undefined
  /** Of the work of large requests; Infinity where no other turn of the event loop may come between. */
  readonly sliceMaxMs?: number
}

export interface FeatureServer {
  /**
   * Throws UNKNOWN_NAME, ENTITY_INVALID, USAGE, REQUEST_TOO_LARGE; under the policy `fail` also what keeps the answer from being whole.
   * `sinceMs`: when it was asked, by the steady clock, from where its deadline counts; default: now. At once where little is asked and all of it is at hand.
   */
  answer(request: FeatureRequest, sinceMs?: number): Soon<FeatureAnswer>
  /** The same, of what `form` makes of each entity: it takes part in the slices, and has to be done by the deadline like all else. */
  answerAs<E>(form: FormEntity<E>, request: FeatureRequest, sinceMs?: number): Soon<FeatureAnswer<E>>
  /** Of all its requests: for what else is done for them, by the same clock. */
  readonly slices: Slices
}

export function createFeatureServer(options: FeatureServerOptions): FeatureServer {
  const { catalog, clock, rules = SERVE_RULES, figures } = options
  const { batchCacheSizeMaxBytes = BATCH_CACHE_SIZE_DEFAULT_BYTES, speedCacheSizeMaxBytes = SPEED_CACHE_SIZE_DEFAULT_BYTES } = options
  const slices = new Slices(clock, options.sliceMaxMs)
  const promoted = options.batchCache === undefined ? null : new PromotedBlobs({ cache: options.batchCache, clock, onAlarm: options.onAlarm })
  if (figures !== undefined && promoted !== null) figures.isCacheClosed = () => promoted.isClosed
  const resolver = new RequestResolver(slices, rules.isSameCatalog)
  const deadlines = new Deadlines(clock)
  const { registers, batchViews, speedViews } = leavingOut(options, deadlines)
  const sources: Sources = {
    pins: new PointerPins(registers, clock),
    batchBlobs: new BatchBlobs(new BatchRows(batchViews, promoted), batchCacheSizeMaxBytes, figures?.blobs),
    freshness: new FreshnessReader(speedViews, clock),
    speedChunks: new SpeedChunkReader({ store: speedViews, cacheSizeMaxBytes: speedCacheSizeMaxBytes, isSame: rules.isSameState, isReplaying: rules.isReplaying }),
    deadlines, registers, clock, rules, slices,
  }
  const answerAs = <E>(formed: FormEntity<E>, request: FeatureRequest, sinceMs = clock.steadyMs()): Soon<FeatureAnswer<E>> => soon(() => {
    const deadlineAtMs = sinceMs + Math.min(request.deadlineMs, DEADLINE_MAX_MS)
    const form: FormEntity<E> = figures === undefined ? formed : (entity) => {
      figures.countValues(entity.values)
      return formed(entity)
    }
    return after(resolver.resolve(catalog(), request), (resolved) =>
      after(readViews(sources, resolved, request.explain, deadlineAtMs), (views) =>
        after(composeAnswer(resolved, request, views, clock.nowMs(), new SlicedWork(slices, deadlineAtMs), form), (answer) => {
          figures?.countAnswer(answer)
          if (request.policy === 'fail') refuseDegraded(answer.degraded, views)
          return answer
        })))
  })
  return { slices, answerAs, answer: (request, sinceMs) => answerAs((entity) => entity, request, sinceMs) }
}

interface Sides {
  readonly registers: PointerSide
  readonly batchViews: BatchSide
  readonly speedViews: Pick<SpeedViewStore, 'heartbeats' | 'read'>
}

/** What is read of the stores, but for a server that does not answer. */
function leavingOut({ registers, batchViews, speedViews, clock, onLeftOut }: FeatureServerOptions, deadlines: Deadlines): Sides {
  const speed = new ServerReads({ name: 'speedViews', clock, deadlines, onLeftOut })
  const stores = new ServerReads({ name: 'stores', clock, deadlines, onLeftOut })
  return {
    registers: { read: async (name) => stores.read(() => registers.read(name)) },
    batchViews: { readNewest: (view, n, entities) => stores.read(() => batchViews.readNewest(view, n, entities)) },
    speedViews: { heartbeats: async (view) => speed.read(() => speedViews.heartbeats(view)), read: (questions) => speed.read(() => speedViews.read(questions)) },
  }
}

/** What reading the views of one request takes. */
interface Sources extends ReadingContext {
  readonly deadlines: Deadlines
  readonly registers: PointerSide
  readonly freshness: FreshnessReader
  readonly slices: Slices
}

/** What could be read of each view before the deadline. */
function readViews(sources: Sources, { views }: ResolvedRequest, explain: boolean, atMs: number): Soon<readonly ReadView[]> {
  const read = views.map((view): ReadView => ({ view, backfill: sources.rules.isServed(view.backfill) ? null : view.backfill, reading: null, freshness: { lagMs: null, degraded: [] }, partitions: [], failure: null }))
  const beganAtMs = sources.clock.steadyMs()
  if (beganAtMs >= atMs) return read
  const work = new ReadingWork(sources.slices, sources.deadlines, { beganAtMs, deadlineAtMs: atMs, shares: sources.rules.shares })
  const isRead = views.flatMap((view, i) => {
    if (read[i]!.backfill !== null) return []
    const reading = soon(() => (explain ? readExplained(sources, view, work) : readWholeView(sources, view, [], work)))
    const kept = reading instanceof Promise ? reading.catch((error: unknown) => failed(read[i]!, error)) : reading
    return after(kept, (part) => void (read[i] = part)) ?? []
  })
  // What is read after the deadline is not of this answer.
  return isRead.length === 0 ? read : sources.deadlines.until(Promise.all(isRead).then((): readonly ReadView[] => read), atMs, () => [...read])
}

/** What a view is where it was not read; a bug is thrown. */
function failed(unread: ReadView, error: unknown): ReadView {
  if (error instanceof DeadlinePassed) return unread
  if (error instanceof TidemarkError) return { ...unread, failure: error.problems[0]! }
  throw error
}

function readWholeView(sources: Sources, view: ResolvedView, partitions: readonly number[], work: ReadingWork): Soon<ReadView> {
  const heartbeats = orFailure(work.inTime(sources.freshness.heartbeats(view.id), `heartbeats of view ${view.id}`), () => null)
  return after(readView(sources, { view, partitions, heartbeats }, work), (reading) =>
    after(heartbeats, (heard) => {
      const freshness = judgeFreshness(view.plan.view.name, heard, reading.pin.cut, sources.clock, sources.rules.heardBeforeMs)
      const told = reading.speed.isRead ? withLacking(view.plan.view.name, freshness, lackingBuckets(sources, view, reading.pin.cut, reading.speed.value)) : freshness
      return { view, backfill: null, reading, partitions, failure: null, freshness: told }
    }))
}

/** Those whose state may lack events that it had, or should have. */
function lackingBuckets({ rules }: Sources, { plan: { source } }: ResolvedView, cut: number, { replayedBuckets, steppedBack }: SpeedChunksRead): readonly number[] {
  if (steppedBack.length === 0) return replayedBuckets
  const lacking = steppedBack.filter(({ seenLogTimeMs }) => rules.isLacking(Math.floor(seenLogTimeMs / source.epochLengthMs), cut))
  return [...new Set([...replayedBuckets, ...lacking.map(({ bucket }) => bucket)])]
}

/** With the fences of every partition that may be in the state. */
async function readExplained(sources: Sources, view: ResolvedView, work: ReadingWork): Promise<ReadView> {
  let partitions = await openPartitions(sources.registers, view, work)
  for (;;) {
    const read = await readWholeView(sources, view, partitions, work)
    // Without the state there is nothing to explain.
    if (read.reading?.speed.isRead !== true) return read
    const opened = await openPartitions(sources.registers, view, work)
    // A partition that was opened meanwhile may be in the state, and its fence was not asked for.
    if (opened.length <= partitions.length) return read
    partitions = opened
  }
}

async function openPartitions(registers: PointerSide, { plan }: ResolvedView, work: ReadingWork): Promise<number[]> {
  const name = sealRegisterName(topicOf(plan.source))
  const register = await work.inTime(registers.read(name), name)
  return register === null ? [] : [...new Set(decodeSealRegister(register.bytes, name).openings.map(({ partition }) => partition))]
}

/** What a degradation is under the policy `fail`, and what to do about it. */
const FAILURES: Readonly<Record<DegradationCode, Pick<Problem, 'code' | 'action'>>> = {
  DEADLINE: { code: 'DEADLINE_EXCEEDED', action: 'Give a longer deadline, or ask for fewer entities at a time' },
  BACKFILLING: { code: 'NOT_SERVABLE', action: 'Wait until it is back-filled, or ask for an older version' },
  STATE_DAMAGED: { code: 'BLOB_DAMAGED', action: 'Look at the disk or the transport; the stream\'s state is computed anew by itself, for a generation\'s raise the view\'s version' },
  BATCH_UNAVAILABLE: { code: 'STORE_UNAVAILABLE', action: 'Look at the batch store, and ask again' },
  SPEED_UNAVAILABLE: { code: 'STORE_UNAVAILABLE', action: 'Look at the speed store, and ask again' },
  SPEED_SILENT: { code: 'NOT_SERVABLE', action: 'See that the speed layer runs, that its machine is not overloaded and that clocks agree, and ask again' },
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
