// The two sides of the seam for one entity of a case: the batch blob of its older epochs, and the speed chunks that its events
// are folded into.

import { decodeBlob, encodeBatchBlob, type DecodedChunk } from '../batch-blob.ts'
import { dropSections, encodeState, foldEvent, openState } from '../fold.ts'
import type { ViewPlan } from '../view-plan.ts'
import { newestAppendTime, panesOfEvents, rowOf } from './event-panes.ts'
import type { OracleEvent } from './oracle.ts'
import type { Random } from './random.ts'

/** What is stored of an entity's speed state. */
export interface SpeedChunks {
  readonly open: Uint8Array | null
  readonly closed: Uint8Array | null
}

/**
 * The batch blob of an entity's events, from panes that lie as at any earlier log times, at once or on top of a base; null
 * without events.
 */
export function batchBlob(plan: ViewPlan, events: readonly OracleEvent[], throughEpoch: number, random: Random): Uint8Array | null {
  if (events.length === 0) return null
  const baseEpoch = random.pick(events).epoch - (random.chance(0.5) ? 1 : 0)
  const inBase = events.filter(({ epoch }) => epoch <= baseEpoch)
  const base = inBase.length === 0 ? null : decodeBlob(plan, pack(plan, inBase, baseEpoch, random))
  return pack(plan, events.filter(({ epoch }) => epoch > baseEpoch), throughEpoch, random, base)
}

function pack(plan: ViewPlan, events: readonly OracleEvent[], throughEpoch: number, random: Random, base: DecodedChunk | null = null): Uint8Array {
  const logTimeMs = Math.max(newestAppendTime(events), base?.logTimeMs ?? -Infinity)
  const earlierMs = events.length > 0 && random.chance(0.5) ? Math.min(logTimeMs, random.pick(events).appendTimeMs) : logTimeMs
  const panes = panesOfEvents(plan, events, () => random.pick([earlierMs, logTimeMs, -8e15]))
  return encodeBatchBlob(plan, { logTimeMs, throughEpoch, panes: [...panes, ...(base?.panes ?? [])], truncations: base?.truncations ?? [] })
}

/** Folds events in some order, storing and opening the state now and then. */
export function foldAll(plan: ViewPlan, events: readonly OracleEvent[], random: Random, droppedThrough = -Infinity): SpeedChunks {
  let stored: SpeedChunks = { open: null, closed: null }
  let state = openState(plan, null, null)
  const storeChance = random.pick([0, 0.1, 0.5, 1])
  const dropAfter = random.below(events.length + 1)
  for (const [i, event] of (random.chance(0.5) ? events : random.shuffle(events)).entries()) {
    if (i === dropAfter) dropSections(plan, state, droppedThrough)
    foldEvent(plan, state, { ...event, row: rowOf(plan, event) })
    if (!random.chance(storeChance)) continue
    stored = { ...stored, ...encodeState(plan, state) }
    state = openState(plan, stored.open, stored.closed)
  }
  if (dropAfter === events.length) dropSections(plan, state, droppedThrough)
  return { ...stored, ...encodeState(plan, state) }
}
