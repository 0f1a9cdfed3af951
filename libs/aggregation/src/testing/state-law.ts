// Laws 2, 9 and 12 for what is stored: the panes of a speed state and of a batch blob, and what they say of panes that left early, are a
// function of the events and the log time alone, and the ladder bounds them.

import { isDeepStrictEqual } from 'node:util'
import { decodeBlob } from '../batch-blob.ts'
import type { Pane } from '../chunk-panes.ts'
import { presentChunks, type SpeedChunks } from '../entity-state.ts'
import { EXACT_PANES_MAX } from '../ladder.ts'
import { planView, type ViewPlan } from '../view-plan.ts'
import { eventsOfEntity, newestAppendTime, panesOfEvents } from './event-panes.ts'
import { CORE, type Core } from './core.ts'
import { chanceOf, entitiesOf, generateCase, shrinkCase, type SeamCase } from './generate-case.ts'
import { generateView } from './generate-definition.ts'
import type { OracleEvent } from './oracle.ts'
import type { Property } from './property.ts'
import type { Random } from './random.ts'
import { rollUp } from './roll-up.ts'
import { batchBlob, foldAll } from './two-sides.ts'

type JudgeEntity = (core: Core, plan: ViewPlan, events: readonly OracleEvent[], random: Random, example: SeamCase) => string | null

/** Judges each entity's accepted events of a case. */
function property(runs: number, judge: JudgeEntity): (core: Core) => Property<SeamCase> {
  return (core) => ({
    runs,
    generate: (random) => generateCase(random, (inner, source) => withoutFloatAdditions(inner, source)),
    shrink: shrinkCase,
    judge(example) {
      const plan = core.planView(example.view, example.source)
      const random = chanceOf(example)
      for (const entity of entitiesOf(example.view)) {
        const wrong = judge(core, plan, eventsOfEntity(plan, example.events, entity), random, example)
        if (wrong !== null) return `entity ${JSON.stringify(entity)}: ${wrong}`
      }
      return null
    },
  })
}

/** A view whose partials are equal to the last bit in any order: no sums of doubles, no moments. */
export function withoutFloatAdditions(...[random, source, windows]: Parameters<typeof generateView>): ReturnType<typeof generateView> {
  for (;;) {
    const view = generateView(random, source, windows)
    const { slots } = planView(view, source)
    if (slots.every(({ kind, inputType }) => kind !== 'moments' && !(kind === 'sum' && inputType === 'double'))) return view
  }
}

/** The panes of a speed state, whichever chunk they are in, by (group, epoch, rung, start). */
export function panesOfState(plan: ViewPlan, chunks: SpeedChunks): Pane[] {
  const panes = presentChunks(chunks).flatMap((chunk) => decodeBlob(plan, chunk).panes)
  return panes.sort((a, b) => a.group - b.group || a.epoch - b.epoch || a.rung - b.rung || a.startMs - b.startMs)
}

export const stateLawOf = property(400, (core, plan, events, random, { droppedThrough }) => {
  const chunks = foldAll(core, plan, events, random, droppedThrough)
  const given = panesOfState(plan, chunks)
  const logTimeMs = newestAppendTime(events)
  const kept = events.filter(({ epoch }) => epoch > droppedThrough)
  const expected = rollUp(plan, panesOfEvents(plan, kept, () => -8e15), logTimeMs)
  if (textOf(given) !== textOf(expected.panes)) return `folded into\n${textOf(given)}\nnot\n${textOf(expected.panes)}`
  const truncations = presentChunks(chunks).flatMap((chunk) => decodeBlob(plan, chunk).truncations)
  return isDeepStrictEqual(truncations, expected.truncations) ? null : `truncated at ${JSON.stringify(truncations)}, not ${JSON.stringify(expected.truncations)}`
})

export const incrementalLawOf = property(400, (core, plan, events, random, { cut }) => {
  const whole = events.filter(({ epoch }) => epoch <= cut)
  const [some, other] = [batchBlob(core, plan, whole, cut, random), batchBlob(core, plan, random.shuffle(whole), cut, random)]
  if (some === null || other === null) return some === other ? null : 'only one order of the events gives a blob'
  if (Buffer.compare(some, other) !== 0) return 'a base with the newer epochs is not the blob of all of them'
  const given = decodeBlob(plan, some)
  const inCut = panesOfEvents(plan, whole, () => -8e15).map((pane) => ({ ...pane, epoch: cut }))
  const expected = rollUp(plan, inCut, newestAppendTime(whole))
  if (textOf(given.panes) !== textOf(expected.panes)) return `packed into\n${textOf(given.panes)}\nnot\n${textOf(expected.panes)}`
  return isDeepStrictEqual(given.truncations, expected.truncations) ? null : `truncated at ${JSON.stringify(given.truncations)}, not ${JSON.stringify(expected.truncations)}`
})

export const boundLawOf = property(200, (core, plan, events, random, { cut }) => {
  const chunks = foldAll(core, plan, events, random)
  const blob = batchBlob(core, plan, events, cut, random)
  const tables = [panesOfState(plan, chunks), ...(blob === null ? [] : [decodeBlob(plan, blob).panes])].flatMap((panes) => [
    ...Map.groupBy(panes, ({ epoch, group, rung }) => `${epoch} ${group} ${rung}`).values(),
  ])
  const crowded = tables.find((panes) => panes.length > paneBound(plan, panes[0]!))
  return crowded === undefined ? null : `${crowded.length} panes, more than ${paneBound(plan, crowded[0]!)}`
})

/** Most panes of a table: starts from keepFrom, which is less than a horizon and one alignment back, to the log time. */
export function paneBound(plan: ViewPlan, { group, rung }: Pick<Pane, 'group' | 'rung'>): number {
  const { lengthMs, horizonMs, alignMs } = plan.groups[group]!.rungs[rung]!
  if (lengthMs === null || horizonMs === null || alignMs === null) return 1
  const bound = Math.floor((horizonMs + alignMs) / lengthMs) + 1
  return lengthMs === 1 ? Math.min(bound, EXACT_PANES_MAX) : bound
}

export const replayLawOf = property(100, (core, plan, events, _random, example) => {
  const [once, again] = [0, 1].map(() => foldAll(core, plan, events, chanceOf(example), example.droppedThrough)) as [SpeedChunks, SpeedChunks]
  const isSame = (a: Uint8Array | null, b: Uint8Array | null): boolean => (a === null || b === null ? a === b : Buffer.compare(a, b) === 0)
  return isSame(once.open, again.open) && isSame(once.closed, again.closed) && isSame(once.settled, again.settled) ? null : 'the same seed gave other bytes'
})

export const stateLaw = stateLawOf(CORE)
export const incrementalLaw = incrementalLawOf(CORE)
export const boundLaw = boundLawOf(CORE)
export const replayLaw = replayLawOf(CORE)

function textOf(panes: readonly Pane[]): string {
  return panes.map((pane) => JSON.stringify(pane, (_, value: unknown) => plainOf(value))).join('\n')
}

function plainOf(value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`
  if (value instanceof Map) return [...value].sort(([a], [b]) => (String(a) < String(b) ? -1 : 1))
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value
}
