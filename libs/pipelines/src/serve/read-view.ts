// One view's share of a request: a pin, the batch blobs at its generation and the speed state beside them, all of one pointer. Where the
// speed state has dropped what the pin's cut needs, or reading took longer than a pin may live, everything is read again under a newer pin. A server
// that hangs has its share of the deadline: then it goes on with the other side, and with the pin at hand for as long as that may live.

import { TidemarkError, type Problem } from '@tidemark/feature-schema/errors'
import type { Clock } from '@tidemark/ports/clock'
import { passedMs } from '@tidemark/ports/moment'
import { after, soon, type Soon } from '@tidemark/ports/soon'
import { PIN_LEASE_MS } from '../pointer.ts'
import type { BatchBlob, BatchBlobs } from './batch-blobs.ts'
import { orFailure } from './damage.ts'
import { isSameCatalog, type IsCurrentCatalog, type ResolvedView } from './feature-request.ts'
import { heardBeforeMs, type Heartbeats } from './freshness.ts'
import type { Pin, PointerPins } from './pointer-pins.ts'
import { READING_SHARES, type ReadingShares, type ReadingWork } from './reading-work.ts'
import type { Backfill } from './whole-views.ts'
import { isReplaying, isSameState, type IsReplaying, type IsSameState, type SpeedChunkReader, type SpeedChunksRead } from './speed-chunks.ts'

/** How often a view is read again under a newer pin before it is given up. */
const PINS_PER_READ_MAX = 4

export interface ServeRules {
  /** Whether a state from which sections through an epoch are gone cannot be merged at a cut. */
  readonly needsNewerPin: (goneThroughEpoch: number, cut: number) => boolean
  /** Whether a pin is too old to be believed, now that everything is read, by how long ago its pointer was asked for: half its lease, since clocks differ. */
  readonly isExpired: (pinnedForMs: number) => boolean
  /**
   * How long ago a heartbeat was written, by what its stamp is before this clock and by how long it has been seen to stay the same; null: nobody
   * can tell, since it is stamped ahead of this clock.
   */
  readonly heardBeforeMs: (stampedBeforeMs: number, unchangedForMs: number) => number | null
  /** Whether a view is answered, by what it lacks of being whole. */
  readonly isServed: (backfill: Backfill | null) => boolean
  /** What is kept from one request to the next holds for the same catalog, and for the same stored state. */
  readonly isSameCatalog: IsCurrentCatalog
  readonly isSameState: IsSameState
  /** An answer from a bucket that is being replayed says so. */
  readonly isReplaying: IsReplaying
  /** Whether what a state had and has lost is lacking: by its epoch, as far as its append time tells, and the generation's cut. */
  readonly isLacking: (epochLeast: number, cut: number) => boolean
  readonly shares: ReadingShares
}

export const SERVE_RULES: ServeRules = {
  needsNewerPin: (goneThroughEpoch, cut) => goneThroughEpoch > cut,
  isExpired: (pinnedForMs) => pinnedForMs > PIN_LEASE_MS / 2,
  heardBeforeMs,
  isServed: (backfill) => backfill === null,
  isSameCatalog,
  isSameState,
  isReplaying,
  // What was swept out of the state is contained by the generation.
  isLacking: (epochLeast, cut) => epochLeast > cut,
  shares: READING_SHARES,
}

export interface ReadingContext {
  readonly pins: PointerPins
  readonly batchBlobs: BatchBlobs
  readonly speedChunks: SpeedChunkReader
  readonly clock: Clock
  readonly rules: ServeRules
}

/** What was read, or why it could not be. */
export type Part<T> = { readonly isRead: true; readonly value: T } | { readonly isRead: false; readonly problem: Problem }

export interface ViewReading {
  readonly pin: Pin
  readonly batch: Part<readonly BatchBlob[]>
  readonly speed: Part<SpeedChunksRead>
}

/** What of a view is read: the fences of which partitions too, and what has to be here before the speed state is asked for. */
export interface ViewQuestion {
  readonly view: ResolvedView
  readonly partitions: readonly number[]
  readonly heartbeats: Soon<Heartbeats | null>
}

/** Throws what reading the pointer throws, and DeadlinePassed. */
export function readView(context: ReadingContext, question: ViewQuestion, work: ReadingWork): Soon<ViewReading> {
  const { view } = question
  const readWith = (pin: Pin, pinCount: number): Soon<ViewReading> =>
    after(readPinned(context, question, pin, work), (reading) => {
      if (!isTooOld(context, reading)) return reading
      return after(work.inTime(context.pins.renew(view.id), pointerOf(view)), (newer) => (pinCount < PINS_PER_READ_MAX ? readWith(newer, pinCount + 1) : notServable(view, newer)))
    })
  return after(pinInTime(context, view, work), (pin) => readWith(pin, 1))
}

/** The pointer as of now; where that cannot be read, or not soon, the last one that was, as long as it may be used. */
function pinInTime({ pins, rules, clock }: ReadingContext, view: ResolvedView, work: ReadingWork): Soon<Pin> {
  const pin = pins.pin(view.id)
  if (!(pin instanceof Promise)) return pin
  const last = pins.last(view.id)
  if (last === undefined || rules.isExpired(passedMs(clock, last.since))) return work.inTime(pin, pointerOf(view))
  return work.inTime(pin, pointerOf(view), 'pin').catch((error: unknown) => {
    if (error instanceof TidemarkError && error.code === 'STORE_UNAVAILABLE') return last
    throw error
  })
}

const pointerOf = ({ id }: ResolvedView): string => `pointer of view ${id}`

function readPinned({ batchBlobs, speedChunks }: ReadingContext, { view, partitions, heartbeats }: ViewQuestion, pin: Pin, work: ReadingWork): Soon<ViewReading> {
  const batch = part(() => batchBlobs.read(view, pin, work))
  // Heartbeats come first: one that was read later would speak of records that the state lacks.
  const speed = part(() => after(heartbeats, () => speedChunks.read(view, partitions, work)))
  if (batch instanceof Promise || speed instanceof Promise) return Promise.all([batch, speed]).then(([ofBatch, ofSpeed]) => ({ pin, batch: ofBatch, speed: ofSpeed }))
  return { pin, batch, speed }
}

function isTooOld({ rules, clock }: ReadingContext, { pin, speed }: ViewReading): boolean {
  return rules.isExpired(passedMs(clock, pin.since)) || (speed.isRead && rules.needsNewerPin(speed.value.goneThroughEpoch, pin.cut))
}

function notServable(view: ResolvedView, pin: Pin): ViewReading {
  const problem: Problem = {
    code: 'NOT_SERVABLE', message: `Its speed state was ahead of ${PINS_PER_READ_MAX} pointers in turn.`, where: `view ${view.id}`,
    action: 'Ask again; where it stays so, look at `tidemark pointer show` and whether the speed layer has another pointer register.',
  }
  return { pin, batch: { isRead: false, problem }, speed: { isRead: false, problem } }
}

/** A failure of a store or of what it holds is part of the answer; a bug is not, and after the deadline there is none. */
function part<T>(read: () => Soon<T>): Soon<Part<T>> {
  return orFailure(after(soon(read), (value): Part<T> => ({ isRead: true, value })), (problem): Part<T> => ({ isRead: false, problem }))
}
