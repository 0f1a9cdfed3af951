// The two sides of the seam for one entity of a case: the batch blob of its older epochs, and the speed chunks that its events
// are folded into.

import { NO_CHUNKS, type SpeedChunks } from '../entity-state.ts'
import type { ViewPlan } from '../view-plan.ts'
import type { Core } from './core.ts'
import { newestAppendTime, panesOfEvents, rowOf } from './event-panes.ts'
import type { OracleEvent } from './oracle.ts'
import type { Random } from './random.ts'

/**
 * The batch blob of an entity's events, from panes that lie as at any earlier log times, at once or on top of a base; null
 * without events.
 */
export function batchBlob(core: Core, plan: ViewPlan, events: readonly OracleEvent[], throughEpoch: number, random: Random): Uint8Array | null {
  if (events.length === 0) return null
  const baseEpoch = random.pick(events).epoch - (random.chance(0.5) ? 1 : 0)
  const inBase = events.filter(({ epoch }) => epoch <= baseEpoch)
  const base = inBase.length === 0 ? null : pack(core, plan, inBase, baseEpoch, random)
  return pack(core, plan, events.filter(({ epoch }) => epoch > baseEpoch), throughEpoch, random, base)
}

function pack(core: Core, plan: ViewPlan, events: readonly OracleEvent[], throughEpoch: number, random: Random, base: Uint8Array | null = null): Uint8Array {
  const logTimeMs = newestAppendTime(events)
  const earlierMs = events.length > 0 && random.chance(0.5) ? random.pick(events).appendTimeMs : logTimeMs
  const panes = panesOfEvents(plan, events.map((event) => ({ ...event, epoch: throughEpoch })), () => random.pick([earlierMs, logTimeMs, -8e15]))
  return core.encodeBatchBlob(plan, { logTimeMs, throughEpoch, panes: random.shuffle(panes), base })
}

/** Folds events in some order, storing and opening the state now and then. */
export function foldAll(core: Core, plan: ViewPlan, events: readonly OracleEvent[], random: Random, droppedThrough = -Infinity): SpeedChunks {
  let stored: SpeedChunks = NO_CHUNKS
  let state = core.openState(plan, NO_CHUNKS)
  const storeChance = random.pick([0, 0.1, 0.5, 1])
  const dropAfter = random.below(events.length + 1)
  for (const [i, event] of (random.chance(0.5) ? events : random.shuffle(events)).entries()) {
    if (i === dropAfter) core.dropSections(plan, state, droppedThrough)
    core.foldEvent(plan, state, { ...event, row: rowOf(plan, event) })
    if (!random.chance(storeChance)) continue
    stored = { ...stored, ...core.encodeState(plan, state) }
    state = core.openState(plan, stored)
  }
  if (dropAfter === events.length) core.dropSections(plan, state, droppedThrough)
  return { ...stored, ...core.encodeState(plan, state) }
}
