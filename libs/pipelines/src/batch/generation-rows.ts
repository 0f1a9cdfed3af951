// What a run does to the rows of a view, a part at a time: removes those of void numbers, writes its own, and sees that they are there.
// Each goes on where it was stopped by doing things again: a removal, and a write of the same rows, twice is once.

import { crc32 } from 'node:zlib'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { BatchViewStore } from '@tidemark/ports/batch-view-store'
import type { Clock } from '@tidemark/ports/clock'
import type { ObjectStore } from '@tidemark/ports/object-store'
import type { BatchRules } from './batch-rules.ts'
import type { ToPurge } from './plan-generation.ts'
import { readPart, readWriteSet, type StagedPart } from './staged-generation.ts'

/** Where rows go, and from where they come. */
export interface RowStores {
  readonly views: BatchViewStore
  readonly objects: ObjectStore
  readonly clock: Clock
}

/** Entities that are asked for at a time. */
export const ENTITIES_PER_READ = 500

/** How often, and how many times, a run asks for rows that do not show yet. */
const CONFIRM_INTERVAL_MS = 250
const CONFIRM_TRIES_MAX = 120

/** A pause until then by the steady clock, or none. */
export interface Pause {
  readonly untilMs: number | null
}

const NO_PAUSE: Pause = { untilMs: null }

export interface Purge {
  readonly numbers: readonly ToPurge[]
  /**
   * When this run knew them void: after its compare-and-set or read of the pointer, by its own steady clock. The stamps in the pointer are for
   * people: they were drawn before the compare-and-set, and by others' clocks.
   */
  readonly knownVoidAtMs: number
  readonly leaseMs: number
}

/**
 * Removes the rows of void numbers, by their write-sets, once no pinned reader needs them.
 *
 * A number whose write-set is not there by now has no rows, and will have none: what loads it records the write-set first, and then reads
 * the pointer. That read comes after this one of the write-set, which comes after the number was voided: it finds the number void, and
 * nothing is loaded. A write-set that is there names every row that may come, and a removal outranks also what is written later. So a
 * number that has passed through here needs no purge any more, whoever is still at work on it, and the run that publishes drops it.
 */
export async function* purgeRows({ views, objects, clock }: RowStores, view: string, { numbers, knownVoidAtMs, leaseMs }: Purge, rules: BatchRules): AsyncGenerator<Pause, void> {
  for (const { n, wasPublished } of numbers) {
    const writeSet = await readWriteSet(objects, view, n)
    if (writeSet === null) continue
    while (wasPublished && !rules.mayPurge(knownVoidAtMs, clock.steadyMs(), leaseMs)) yield { untilMs: knownVoidAtMs + leaseMs + 1 }
    for (const part of writeSet.parts) {
      const rows = await readPart(objects, part)
      await views.remove(view, n, rows.map(({ entity }) => entity))
      yield NO_PAUSE
    }
  }
}

/** A row that must show before its generation is published. */
export interface LoadedSample {
  readonly entity: Uint8Array
  readonly checksum: number
}

/** Writes the rows of the parts; of each part the first and the last one go to `samples`. */
export async function* loadRows({ views, objects }: RowStores, view: string, n: number, parts: readonly StagedPart[], samples: LoadedSample[]): AsyncGenerator<Pause, void> {
  for (const part of parts) {
    const rows = await readPart(objects, part)
    await views.write(view, n, rows)
    for (const { entity, blob } of new Set([rows[0]!, rows.at(-1)!])) samples.push({ entity: entity.slice(), checksum: crc32(blob) })
    yield NO_PAUSE
  }
}

/**
 * Reads samples as serving does, until all show. A write that was acknowledged is visible; this is the proof that it went to the
 * store that serving reads. Throws STORE_UNAVAILABLE.
 */
export async function* confirmRows({ views, clock }: RowStores, view: string, n: number, samples: readonly LoadedSample[]): AsyncGenerator<Pause, void> {
  for (let from = 0; from < samples.length; from += ENTITIES_PER_READ) {
    const asked = samples.slice(from, from + ENTITIES_PER_READ)
    for (let tries = 1; !(await showsAll(views, view, n, asked)); tries++) {
      if (tries === CONFIRM_TRIES_MAX) {
        throw new TidemarkError([{
          code: 'STORE_UNAVAILABLE', message: 'Rows that were loaded do not show when they are read.', where: `view ${view}, generation ${n}`,
          action: 'See that the batch layer and the serving layer use the same store, and run again.',
        }])
      }
      yield { untilMs: clock.steadyMs() + CONFIRM_INTERVAL_MS }
    }
    yield NO_PAUSE
  }
}

async function showsAll(views: BatchViewStore, view: string, n: number, samples: readonly LoadedSample[]): Promise<boolean> {
  const rows = await views.readNewest(view, n, samples.map(({ entity }) => entity))
  return samples.every(({ checksum }, i) => rows[i]?.generation === n && crc32(rows[i].blob) === checksum)
}
