// Laws 1 to 4 as one property: a batch blob through a cut, and speed chunks folded in any order and batching, merged at a time,
// are what the oracle says.

import type { Value } from '@tidemark/feature-schema/value'
import { presentChunks } from '../entity-state.ts'
import type { ViewPlan } from '../view-plan.ts'
import { disagreements } from './agreement.ts'
import { CORE, type Core } from './core.ts'
import { eventsOfEntity, newestAppendTime } from './event-panes.ts'
import { capExactWindows } from './exact-cap.ts'
import { chanceOf, entitiesOf, generateCase, generateTimes, shrinkCase, type SeamCase } from './generate-case.ts'
import { acrossTheSeam, oracleValues } from './oracle.ts'
import type { Property } from './property.ts'
import type { Random } from './random.ts'
import { batchBlob, foldAll } from './two-sides.ts'

export const seamLaw = seamLawOf(CORE)

export function seamLawOf(core: Core): Property<SeamCase> {
  return { runs: 1000, generate: generateCase, judge: (example) => judgeSeam(core, example), shrink: shrinkCase }
}

function judgeSeam(core: Core, example: SeamCase): string | null {
  const plan = core.planView(example.view, example.source)
  const random = chanceOf(example)
  for (const entity of entitiesOf(example.view)) {
    const wrong = judgeEntity(core, plan, example, entity, random)
    if (wrong !== null) return `entity ${JSON.stringify(entity)}, ${wrong}`
  }
  return null
}

function judgeEntity(core: Core, plan: ViewPlan, example: SeamCase, entity: readonly Value[], random: Random): string | null {
  const { view, source, events, cut, droppedThrough, fences } = example
  const has = acrossTheSeam(cut, fences)
  const own = eventsOfEntity(plan, events, entity)
  const batch = batchBlob(core, plan, own.filter(({ epoch }) => epoch <= cut), cut, random)
  const speed = foldAll(core, plan, own.filter(({ partition, offset }) => offset <= (fences.get(partition) ?? -1)), random, droppedThrough)
  const logTimeMs = Math.max(newestAppendTime(own.filter(has)), Number.MIN_SAFE_INTEGER)
  for (const atMs of logTimeMs === Number.MIN_SAFE_INTEGER ? [0] : generateTimes(random, example, logTimeMs)) {
    const given = core.mergeAtCut(plan, batch, presentChunks(speed), { cut, t: atMs })
    if (given.needsNewerPin !== droppedThrough > cut) return `sections through ${droppedThrough} are dropped, yet needsNewerPin is ${given.needsNewerPin}`
    if (given.needsNewerPin) continue
    const expected = capExactWindows(plan, oracleValues(view, source, events, { entity, atMs, has }), own.filter(has), atMs)
    const wrong = disagreements(expected, given.values)
    if (wrong !== null) return `t = ${atMs}: ${wrong}`
  }
  return null
}
