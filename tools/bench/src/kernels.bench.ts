// What one event and one merge cost in each kernel of variable width, on bytes, as the fold and the merge of panes use them.

import type { AggregationOp } from '@tidemark/feature-schema/definition'
import type { ValueType } from '@tidemark/feature-schema/value'
import { GrowableBytes } from '@tidemark/aggregation/growable-bytes'
import { type Hash64, hashTextInto } from '@tidemark/aggregation/md5-hash'
import type { NonNull, SlotSpec } from '@tidemark/aggregation/partial'
import { variableKernelFor } from '@tidemark/aggregation/variable-kernels'
import { hash } from 'node:crypto'
import type { Benchmark, Figure } from './benchmark.ts'
import { compare, figureOf, median, takeTurns } from './measure.ts'

const RUNS = 7
const EVENTS = 50_000
/** Events of one pane, before the next begins. */
const PANE_EVENTS = 500
const PANES = EVENTS / PANE_EVENTS
/** Merges of all panes in one run: enough for a run to last some milliseconds. */
const MERGES = 20

const BASE: SlotSpec = { kind: 'values', inputType: 'string', groupType: null, groupsMax: 100, k: 10, valuesMax: 1000, precision: 12, relativeError: 0.01 }

const SLOTS: readonly (readonly [string, AggregationOp, SlotSpec])[] = [
  ['HyperLogLog', 'approxUniqueCount', { ...BASE, kind: 'registers' }],
  ['HyperLogLog of int64', 'approxUniqueCount', { ...BASE, kind: 'registers', inputType: 'int64' }],
  ['DDSketch', 'quantile', { ...BASE, kind: 'bins', inputType: 'double' }],
  ['max of strings', 'max', { ...BASE, kind: 'max' }],
  ['last of strings', 'last', { ...BASE, kind: 'last' }],
  ['last 10', 'lastK', { ...BASE, kind: 'lastK', inputType: 'double' }],
  ['top 10', 'topK', { ...BASE, kind: 'topK', inputType: 'double' }],
  ['distinct strings', 'uniqueCount', BASE],
  ['sum by string', 'sum', { ...BASE, kind: 'sum', inputType: 'int32', groupType: 'string' }],
]

export const benchmark: Benchmark = {
  question: 'How long do one folded event and one merged pane take in each kernel of variable width?',
  async run() {
    const figures: Figure[] = await hashFigures()
    for (const [name, op, spec] of SLOTS) figures.push(...(await kernelFigures(name, op, spec)))
    return {
      input: `${EVENTS} events in panes of ${PANE_EVENTS}: strings user_0 to user_999999 (of groups and distinct values: 50 of them), doubles log-normal`,
      figures,
    }
  },
}

async function hashFigures(): Promise<Figure[]> {
  const texts = Array.from({ length: EVENTS }, (_, i) => `user_${(i * 7919) % 1_000_000}`)
  const into: Hash64 = { high: 0, low: 0 }
  let sink = 0
  const times = await takeTurns(RUNS, {
    own: () => nanoseconds(EVENTS, () => {
      for (const text of texts) {
        hashTextInto(text, into)
        sink ^= into.high
      }
    }),
    crypto: () => nanoseconds(EVENTS, () => {
      for (const text of texts) sink ^= hash('md5', text, 'buffer').readUInt32BE(0)
    }),
  })
  if (sink === 0.5) throw new Error('Unreachable: keeps the hashes alive.')
  return [compare(figureOf('hash of a short string', 'ns', times.own), { name: 'node:crypto', value: median(times.crypto) })]
}

async function kernelFigures(name: string, op: AggregationOp, spec: SlotSpec): Promise<Figure[]> {
  const kernel = variableKernelFor(spec)
  const isFew = op === 'uniqueCount'
  const values = Array.from({ length: EVENTS }, (_, i) => valueOf(spec.inputType, isFew ? (i * 7919) % 50 : (i * 7919) % 1_000_000))
  const groups = Array.from({ length: EVENTS }, (_, i) => (spec.groupType === null ? null : `group_${(i * 7919) % 50}`))
  const panes: Uint8Array[] = []
  const fold = (): void => {
    panes.length = 0
    const buffer = GrowableBytes.empty()
    const order = { eventTimeMs: 0, partition: 0, offset: 0 }
    for (let start = 0; start < EVENTS; start += PANE_EVENTS) {
      buffer.clear()
      let length = 0
      for (let i = start; i < start + PANE_EVENTS; i++) {
        order.eventTimeMs = i * 1000
        order.offset = i
        length = kernel.foldBytes(buffer, 0, length, values[i]!, order, groups[i]!)
      }
      panes.push(buffer.bytes.slice(0, length))
    }
  }
  fold()
  const accumulator = kernel.newAccumulator()
  const as = { op, quantile: 0.95, atMs: 0 }
  const times = await takeTurns(RUNS, {
    fold: () => nanoseconds(EVENTS, fold),
    merge: () => nanoseconds(PANES * MERGES, () => {
      for (let round = 0; round < MERGES; round++) {
        accumulator.clear()
        for (const bytes of panes) accumulator.add(bytes, 0, bytes.length)
        accumulator.finalise(as)
      }
    }),
    decoded: () => nanoseconds(PANES, () => {
      kernel.finalise(panes.reduce((into, bytes) => kernel.merge(into, kernel.decode(bytes)), kernel.identity()), as)
    }),
  })
  const bytes = median(panes.map(({ length }) => length))
  return [
    figureOf(`${name}: fold an event`, 'ns', times.fold),
    compare(figureOf(`${name}: merge a pane of ${bytes} bytes`, 'ns', times.merge), { name: 'decoding it first', value: median(times.decoded) }),
  ]
}

function valueOf(type: ValueType, draw: number): NonNull {
  if (type === 'string') return `user_${draw}`
  if (type !== 'double') return draw
  // Log-normal, from the sum of the draw's digits, which is near enough to normal.
  return Math.exp([...String(draw)].reduce((sum, digit) => sum + Number(digit), 0) / 6) * (1 + draw / 1e6)
}

/** Nanoseconds for each of `count`, at the end of one call. */
function nanoseconds(count: number, work: () => void): Promise<number> {
  const startedAtMs = performance.now()
  work()
  return Promise.resolve(((performance.now() - startedAtMs) * 1e6) / count)
}
