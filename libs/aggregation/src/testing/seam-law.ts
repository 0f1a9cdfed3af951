// Laws 1 to 4 as one property: a batch blob through a cut, and speed chunks folded in any order and batching, merged at a time,
// are what the oracle says.

import type { Value } from '@tidemark/feature-schema/value'
import { mergeAtCut } from '../merge.ts'
import { planView, type ViewPlan } from '../view-plan.ts'
import { disagreements } from './agreement.ts'
import { eventsOfEntity, newestAppendTime } from './event-panes.ts'
import { chanceOf, entitiesOf, generateCase, generateTimes, shrinkCase, type SeamCase } from './generate-case.ts'
import { acrossTheSeam, oracleValues } from './oracle.ts'
import type { Property } from './property.ts'
import type { Random } from './random.ts'
import { batchBlob, foldAll } from './two-sides.ts'

export const seamLaw: Property<SeamCase> = { runs: 1000, generate: generateCase, judge: judgeSeam, shrink: shrinkCase }

export function judgeSeam(example: SeamCase): string | null {
  const plan = planView(example.view, example.source)
  const random = chanceOf(example)
  for (const entity of entitiesOf(example.view)) {
    const wrong = judgeEntity(plan, example, entity, random)
    if (wrong !== null) return `entity ${JSON.stringify(entity)}, ${wrong}`
  }
  return null
}

function judgeEntity(plan: ViewPlan, example: SeamCase, entity: readonly Value[], random: Random): string | null {
  const { view, source, events, cut, droppedThrough, fences } = example
  const has = acrossTheSeam(cut, fences)
  const own = eventsOfEntity(plan, events, entity)
  const batch = batchBlob(plan, own.filter(({ epoch }) => epoch <= cut), cut, random)
  const { open, closed } = foldAll(plan, own.filter(({ partition, offset }) => offset <= (fences.get(partition) ?? -1)), random, droppedThrough)
  const logTimeMs = Math.max(newestAppendTime(own.filter(has)), Number.MIN_SAFE_INTEGER)
  for (const atMs of logTimeMs === Number.MIN_SAFE_INTEGER ? [0] : generateTimes(random, example, logTimeMs)) {
    const given = mergeAtCut(plan, batch, [open, closed].filter((chunk) => chunk !== null), { cut, t: atMs })
    if (given.needsNewerPin !== droppedThrough > cut) return `sections through ${droppedThrough} are dropped, yet needsNewerPin is ${given.needsNewerPin}`
    if (given.needsNewerPin) continue
    const wrong = disagreements(oracleValues(view, source, events, { entity, atMs, has }), given.values)
    if (wrong !== null) return `t = ${atMs}: ${wrong}`
  }
  return null
}
