// Laws 1 and 2 for every kernel of variable width, and deliberate bugs that the same properties must find.

import { describe, expect, it } from '@jest/globals'
import type { AggregationOp } from '@tidemark/feature-schema/definition'
import { canonicalInt64, compareStrings, compareValues, hashText } from '@tidemark/feature-schema/value'
import { binTable } from './bin-table.ts'
import { rankOf, registerOf } from './hyperloglog.ts'
import { hashTextInto } from './md5-hash.ts'
import {
  type Bins, compareOrders, type EventOrder, type GroupMap, type NonNull, type OrderedValue, type Registers, type SlotSpec,
  Unavailable, type ValueCounts, type VariableKernel,
} from './partial.ts'
import { type Expectation, kernelLaws } from './testing/kernel-laws.ts'
import * as naive from './testing/oracle-sketches.ts'
import { checkProperty, findFailure } from './testing/property.ts'
import { BASE, VARIABLE_SLOTS } from './testing/variable-slots.ts'
import { variableKernelFor } from './variable-kernels.ts'

describe('law 2: partials of variable width', () => {
  it.each(VARIABLE_SLOTS)('law 2: %s', (_, op, spec) => {
    checkProperty(kernelLaws(variableKernelFor(spec), spec, op, expected))
  })
})

/** Each op by its definition, over all the values at once. */
const expected: Expectation = (spec, op, events, quantile) => {
  const inOrder = [...events].sort((a, b) => compareOrders(a.order, b.order)).map(({ value }) => value)
  const sorted = [...inOrder].sort(compareValues)
  const listOf = (values: readonly NonNull[]): NonNull[] | null => (values.length === 0 ? null : values.slice(0, spec.k))
  switch (op) {
    case 'count': return events.length
    case 'sum': return canonicalInt64(inOrder.reduce<bigint>((sum, value) => sum + BigInt(value as number), 0n))
    case 'min': return sorted[0] ?? null
    case 'max': return sorted.at(-1) ?? null
    case 'first': return inOrder[0] ?? null
    case 'last': return inOrder.at(-1) ?? null
    case 'firstK': return listOf(inOrder)
    case 'lastK': return listOf(inOrder.toReversed())
    case 'topK': return listOf(sorted.toReversed())
    case 'bottomK': return listOf(sorted)
    case 'uniqueCount': case 'histogram': return distinct(inOrder, op, spec.valuesMax)
    case 'approxUniqueCount': return Math.round(naive.estimateDistinct(inOrder.map(String), spec.precision))
    case 'quantile': return quantileOf(sorted, quantile, spec.relativeError)
    case 'mean': case 'variance': case 'stddev': case 'ratio': case 'timeSinceLast': throw new Error(`No slot here is of ${op}.`)
  }
}

function distinct(values: readonly NonNull[], op: AggregationOp, valuesMax: number): unknown {
  const groups = [...Map.groupBy(values, (value) => value)].map(([value, same]) => [String(value), same.length] as const)
  if (groups.length > valuesMax) return new Unavailable('too_many_values')
  return op === 'uniqueCount' ? groups.length : Object.fromEntries(groups.sort(([a], [b]) => compareStrings(a, b)))
}

function quantileOf(sorted: readonly NonNull[], quantile: number, error: number): unknown {
  if (sorted.length === 0) return null
  const value = Number(sorted[Math.floor(quantile * (sorted.length - 1))])
  return naive.representativeOf(naive.binOf(value, error), error) ?? new Unavailable('out_of_range')
}

/** A kernel in which something is wrong, and the slot that it is wrong for. */
interface Bug {
  readonly name: string
  readonly op: AggregationOp
  readonly spec: SlotSpec
  breaks(kernel: VariableKernel): VariableKernel
}

const hash = { high: 0, low: 0 }
const placeless = ({ eventTimeMs }: EventOrder): EventOrder => ({ eventTimeMs, partition: 0, offset: 0 })
const texts: SlotSpec = { ...BASE, kind: 'last' }
const distinctTexts: SlotSpec = { ...BASE, kind: 'registers', precision: 4 }

const BUGS: readonly Bug[] = [
  {
    name: 'ties of event time are broken by arrival',
    op: 'last',
    spec: texts,
    breaks: (kernel) => ({ ...kernel, update: (partial, value, order, group) => kernel.update(partial, value, placeless(order), group) }),
  },
  {
    name: 'a fold of bytes keeps the older value',
    op: 'last',
    spec: texts,
    breaks: (kernel) => ({ ...kernel, foldBytes: variableKernelFor({ ...texts, kind: 'first' }).foldBytes }),
  },
  {
    name: 'ranks are one too low',
    op: 'approxUniqueCount',
    spec: distinctTexts,
    breaks: (kernel) => withRanks(kernel, (old, rank) => Math.max(old, rank - 1)),
  },
  {
    name: 'a register takes the latest rank, not the largest',
    op: 'approxUniqueCount',
    spec: distinctTexts,
    breaks: (kernel) => withRanks(kernel, (_, rank) => rank),
  },
  {
    name: 'a value on a boundary falls into the next bin (< where it should be <=)',
    op: 'quantile',
    spec: { ...BASE, kind: 'bins', inputType: 'double' },
    breaks: (kernel) => withBins(kernel, (magnitude, boundaries) => boundaries.findIndex((boundary) => boundary > magnitude)),
  },
  {
    name: 'a quantile is of the next rank up',
    op: 'quantile',
    spec: { ...BASE, kind: 'bins', inputType: 'int32', relativeError: 0.001 },
    breaks: (kernel) => ({
      ...kernel,
      finalise(partial, as) {
        const n = [...(partial as Bins).values()].reduce((sum, count) => sum + count, 0)
        return kernel.finalise(partial, { ...as, quantile: n < 2 ? 0 : Math.min(1, as.quantile + 1 / (n - 1)) })
      },
    }),
  },
  {
    name: 'a full value set keeps those that came first',
    op: 'uniqueCount',
    spec: { ...BASE, inputType: 'int32' },
    breaks: (kernel) => ({
      ...kernel,
      update(partial, value, order, group) {
        const { counts } = partial as ValueCounts
        return counts.size < BASE.valuesMax || counts.has(value) ? kernel.update(partial, value, order, group) : partial
      },
    }),
  },
  {
    name: 'overflow is forgotten in a merge',
    op: 'histogram',
    spec: { ...BASE, inputType: 'int32' },
    breaks: (kernel) => ({ ...kernel, merge: (into, from) => ((from as ValueCounts).isOverflow ? into : kernel.merge(into, from)) }),
  },
  {
    name: 'the best k are distinct',
    op: 'topK',
    spec: { ...BASE, kind: 'topK', inputType: 'int32' },
    breaks: (kernel) => ({
      ...kernel,
      update: (partial, value, order, group) => ((partial as NonNull[]).includes(value) ? partial : kernel.update(partial, value, order, group)),
    }),
  },
  {
    name: 'k-lists are cut at k only within a piece',
    op: 'lastK',
    spec: { ...BASE, kind: 'lastK' },
    breaks: (kernel) => ({
      ...kernel,
      merge: (into, from) => [...(into as OrderedValue[]), ...(from as OrderedValue[])].sort((a, b) => compareOrders(b, a)),
    }),
  },
  {
    name: 'groups are shared with what they were merged from',
    op: 'histogram',
    spec: { ...BASE, groupType: 'boolean', valuesMax: 100 },
    breaks: (kernel) => ({
      ...kernel,
      merge: (into, from) => ((into as GroupMap).groups.size === 0 ? { groups: new Map((from as GroupMap).groups), isOverflow: false } : kernel.merge(into, from)),
    }),
  },
]

describe('law 2: deliberate bugs are found', () => {
  it.each(BUGS.map((bug) => [bug.name, bug] as const))('law 2: %s', (_, { op, spec, breaks }) => {
    const kernel = variableKernelFor(spec)
    expect(findFailure(kernelLaws(kernel, spec, op, expected))).toBeNull()
    expect(findFailure(kernelLaws(breaks(kernel), spec, op, expected))).not.toBeNull()
  })
})

/** The kernel with another way to set a register; `choose` gets the old rank and the hash's. All of it agrees with itself. */
function withRanks(kernel: VariableKernel, choose: (old: number, rank: number) => number): VariableKernel {
  const { precision } = distinctTexts
  const update: VariableKernel['update'] = (partial, value) => {
    hashTextInto(hashText(value), hash)
    const registers = partial as Registers
    const register = registerOf(hash, precision)
    const rank = choose(registers.get(register) ?? 0, rankOf(hash, precision))
    return rank > 0 ? registers.set(register, rank) : registers
  }
  return foldingByUpdate({ ...kernel, update })
}

/** The kernel with another search for the boundary. */
function withBins(kernel: VariableKernel, indexOf: (magnitude: number, boundaries: Float64Array) => number): VariableKernel {
  const { boundaries } = binTable(BASE.relativeError)
  const update: VariableKernel['update'] = (partial, value) => {
    const magnitude = Math.abs(value as number)
    const index = indexOf(magnitude, boundaries)
    const bin = magnitude < boundaries[0]! ? 0 : Math.sign(value as number) * (index < 0 ? boundaries.length + 1 : index + 1)
    const bins = partial as Bins
    return bins.set(bin, (bins.get(bin) ?? 0) + 1)
  }
  return foldingByUpdate({ ...kernel, update })
}

/** Folds bytes the long way, so that a bug of `update` is in both. */
function foldingByUpdate(kernel: VariableKernel): VariableKernel {
  return {
    ...kernel,
    foldBytes(buffer, at, length, value, order, group) {
      const bytes = kernel.encode(kernel.update(kernel.decode(buffer.bytes.slice(at, at + length)), value, order, group))
      buffer.splice(at, length, bytes.length)
      buffer.bytes.set(bytes, at)
      return bytes.length
    },
  }
}
