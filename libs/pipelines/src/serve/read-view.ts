// One view's share of a request: a pin, the batch blobs at its generation and the speed state beside them, all of one pointer. Where the
// speed state has dropped what the pin's cut needs, or reading took longer than a pin may live, everything is read again under a newer pin.

import { TidemarkError, type Problem } from '@tidemark/feature-schema/errors'
import type { Clock } from '@tidemark/ports/clock'
import { passedMs } from '@tidemark/ports/moment'
import { after, soon, type Soon } from '@tidemark/ports/soon'
import { PIN_LEASE_MS } from '../pointer.ts'
import type { BatchBlob, BatchBlobs } from './batch-blobs.ts'
import { isSameCatalog, type IsCurrentCatalog, type ResolvedView } from './feature-request.ts'
import { heardBeforeMs } from './freshness.ts'
import type { Pin, PointerPins } from './pointer-pins.ts'
import type { SlicedWork } from './sliced-work.ts'
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

/** Throws what reading the pointer throws, and DeadlinePassed. */
export function readView(context: ReadingContext, view: ResolvedView, partitions: readonly number[], work: SlicedWork): Soon<ViewReading> {
  const readWith = (pin: Pin, pinCount: number): Soon<ViewReading> =>
    after(readPinned(context, view, pin, partitions, work), (reading) => {
      if (!isTooOld(context, reading)) return reading
      return context.pins.renew(view.id).then((newer) => (pinCount < PINS_PER_READ_MAX ? readWith(newer, pinCount + 1) : notServable(view, newer)))
    })
  return after(context.pins.pin(view.id), (pin) => readWith(pin, 1))
}

function readPinned({ batchBlobs, speedChunks }: ReadingContext, view: ResolvedView, pin: Pin, partitions: readonly number[], work: SlicedWork): Soon<ViewReading> {
  const batch = part(() => batchBlobs.read(view, pin, work))
  const speed = part(() => speedChunks.read(view, partitions, work))
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
  const reading = soon(read)
  if (!(reading instanceof Promise)) return { isRead: true, value: reading }
  return reading.then((value): Part<T> => ({ isRead: true, value }), (error: unknown): Part<T> => {
    if (!(error instanceof TidemarkError)) throw error
    return { isRead: false, problem: error.problems[0]! }
  })
}
