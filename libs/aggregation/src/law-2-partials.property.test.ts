// Law 2 for partials: merging is associative and commutative, has an identity, and gives what folding gives in any order.

import { describe, it } from '@jest/globals'
import type { DoubleSum, GroupMap, Moments, Partial } from './partial.ts'
import { identityPartial, mergePartials, updatePartial } from './slot-partials.ts'
import { contributionOf, orderOf, rowOf } from './testing/event-panes.ts'
import { ALL_OPS, generateAggregation, generateSource, generateView, generateWindows } from './testing/generate-definition.ts'
import { generateEvents } from './testing/generate-events.ts'
import type { OracleEvent } from './testing/oracle.ts'
import { checkProperty, without, type Property } from './testing/property.ts'
import { planView, type Slot, type ViewPlan } from './view-plan.ts'

interface Case {
  readonly plan: ViewPlan
  readonly slot: Slot
  /** Disjoint sets of events. */
  readonly sets: readonly OracleEvent[][]
}

/** The partial of a set, folded in the order of the list. */
function fold({ plan, slot }: Case, events: readonly OracleEvent[]): Partial {
  return events.reduce<Partial>((partial, event) => {
    const contribution = contributionOf(plan, slot, rowOf(plan, event))
    return contribution === null ? partial : updatePartial(slot, partial, contribution.value, orderOf(event), contribution.group)
  }, identityPartial(slot))
}

/** Equal in what is kept; additions of doubles may differ in the last digits, relative to the largest value folded. */
function isSame(slot: Slot, a: Partial, b: Partial, magnitude: number): boolean {
  if (slot.groupType !== null) return isSameMap(slot, a as GroupMap, b as GroupMap, magnitude)
  if (slot.kind === 'moments') return isSameNumbers(slot.kind, a as Moments, b as Moments, magnitude)
  if (slot.kind === 'sum' && slot.inputType === 'double') return isSameNumbers(slot.kind, a as DoubleSum, b as DoubleSum, magnitude)
  return isEqual(a, b)
}

function isSameMap(slot: Slot, a: GroupMap, b: GroupMap, magnitude: number): boolean {
  const inner = { ...slot, groupType: null }
  if (a.isOverflow !== b.isOverflow || a.groups.size !== b.groups.size) return false
  return [...a.groups].every(([group, partial]) => b.groups.has(group) && isSame(inner, partial, b.groups.get(group)!, magnitude))
}

function isSameNumbers(kind: 'sum' | 'moments', a: DoubleSum | Moments, b: DoubleSum | Moments, magnitude: number): boolean {
  const slack = 1e-9 * a.n * magnitude
  const close = (x: number, y: number, most: number): boolean => {
    if (Number.isFinite(x) && Number.isFinite(y)) return Math.abs(x - y) <= most
    return Number.isFinite(x) === Number.isFinite(y) || magnitude > 1e300
  }
  if (a.n !== b.n) return false
  if (kind === 'sum') return close((a as DoubleSum).sum, (b as DoubleSum).sum, slack)
  return close((a as Moments).mean, (b as Moments).mean, slack) && close((a as Moments).m2, (b as Moments).m2, slack * magnitude)
}

function isEqual(a: unknown, b: unknown): boolean {
  return JSON.stringify(a, plainOf) === JSON.stringify(b, plainOf)
}

function plainOf(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`
  if (value instanceof Map) return [...value].sort(([x], [y]) => (x < y ? -1 : 1))
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value
}

function magnitudeOf({ plan, slot, sets }: Case): number {
  return Math.max(1, ...sets.flat().map((event) => Math.abs(Number(contributionOf(plan, slot, rowOf(plan, event))?.value ?? 0)) || 0))
}

const law: Property<Case> = {
  runs: 1500,
  generate(random) {
    const source = generateSource(random)
    const op = random.pick(ALL_OPS)
    const view = { ...generateView(random, source), aggregations: [generateAggregation(random, op, 'f', generateWindows(random))] }
    const events = generateEvents(random, view, source, random.pick([1, 5, 20, 60]))
    const sets: OracleEvent[][] = [[], [], []]
    for (const event of events) random.pick(sets).push(event)
    const plan = planView(view, source)
    return { plan, slot: random.pick(plan.slots), sets }
  },
  judge(example) {
    const { slot, sets } = example
    const [a, b, c] = sets.map((events) => fold(example, events)) as [Partial, Partial, Partial]
    const merge = (x: Partial, y: Partial): Partial => mergePartials(slot, x, y)
    const magnitude = magnitudeOf(example)
    const same = (x: Partial, y: Partial): boolean => isSame(slot, x, y, magnitude)
    const whole = fold(example, sets.flat())
    if (!same(merge(a, b), merge(b, a))) return 'a + b is not b + a'
    if (!same(merge(merge(a, b), c), merge(a, merge(b, c)))) return '(a + b) + c is not a + (b + c)'
    if (!same(merge(merge(a, b), c), whole)) return 'a + b + c is not what folding all of them gives'
    if (!same(fold(example, sets.flat().toReversed()), whole)) return 'folding backwards gives something else'
    if (!isEqual(merge(a, identityPartial(slot)), a) || !isEqual(merge(identityPartial(slot), a), a)) return 'a + identity is not a'
    if (!isEqual(a, fold(example, sets[0]!)) || !isEqual(b, fold(example, sets[1]!))) return 'a merge changed what it merged'
    return null
  },
  *shrink(example) {
    for (const [i, events] of example.sets.entries()) for (const fewer of without(events)) yield { ...example, sets: example.sets.with(i, fewer) }
  },
}

describe('law 2: partials merge', () => {
  it('law 2: merge is associative and commutative, has an identity, and is what folding in any order gives', () => {
    checkProperty(law)
  })
})
