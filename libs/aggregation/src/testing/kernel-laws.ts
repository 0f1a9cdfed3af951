// What every variable-width kernel must hold, as one property over random events: law 2 (order and split never show), equal
// partials are equal bytes, folding bytes is folding partials, and the final value is the one that its definition gives.

import type { AggregationOp } from '@tidemark/feature-schema/definition'
import { compareStrings, compareValues, type ValueType } from '@tidemark/feature-schema/value'
import { type EventOrder, type Finalisation, type NonNull, type Partial, type SlotSpec, type SpliceableBytes, Unavailable, type VariableKernel } from '../partial.ts'
import type { Property } from './property.ts'
import { without } from './property.ts'
import type { Random } from './random.ts'

export interface KernelEvent {
  readonly value: NonNull
  readonly order: EventOrder
  /** Which of the pieces it falls into. */
  readonly piece: number
  readonly group: NonNull | null
}

export interface KernelCase {
  readonly events: readonly KernelEvent[]
  readonly shuffled: readonly KernelEvent[]
  readonly quantile: number
}

const PIECES = 4

/** The final value that a slot must give of some events, computed from the events alone. */
export type Expectation = (spec: SlotSpec, op: AggregationOp, events: readonly KernelEvent[], quantile: number) => unknown

/** The laws of one kernel as a property. `op` is what its slot finalises for. */
export function kernelLaws(kernel: VariableKernel, spec: SlotSpec, op: AggregationOp, expected: Expectation, runs = 150): Property<KernelCase> {
  return {
    runs,
    generate(random) {
      const events = randomEvents(random, spec)
      return { events, shuffled: random.shuffle(events), quantile: random.pick([0, 0.25, 0.5, 0.95, 1, random.next()]) }
    },
    judge: ({ events, shuffled, quantile }) => {
      const as = { op, quantile, atMs: 0 }
      return judgeBytes(kernel, events, shuffled) ?? judgeValue(kernel, events, as, expectedAnswer(spec, op, expected, events, quantile))
    },
    *shrink(example) {
      for (const events of without(example.events)) yield { ...example, events, shuffled: example.shuffled.filter((event) => events.includes(event)) }
    },
  }
}

function judgeBytes(kernel: VariableKernel, events: readonly KernelEvent[], shuffled: readonly KernelEvent[]): string | null {
  const whole = hex(kernel.encode(updateAll(kernel, events)))
  const pieces = piecesOf(kernel, events)
  const [a, b, c, d] = pieces.map((bytes) => () => kernel.decode(bytes)) as [() => Partial, () => Partial, () => Partial, () => Partial]
  const from = a()
  kernel.merge(updateAll(kernel, shuffled), from)
  const taken = kernel.merge(kernel.identity(), from)
  kernel.merge(taken, b())
  const claims: readonly (readonly [string, string, string])[] = [
    ['the identity has bytes', hex(kernel.encode(kernel.identity())), ''],
    ['update order shows', hex(kernel.encode(updateAll(kernel, shuffled))), whole],
    ['decode and encode change the bytes', hex(kernel.encode(kernel.decode(kernel.encode(updateAll(kernel, events))))), whole],
    ['pieces merge to something else', hex(kernel.encode([b, c, d].reduce((into, next) => kernel.merge(into, next()), a()))), whole],
    ['merge is not commutative', hex(kernel.encode([c, b, a].reduce((into, next) => kernel.merge(into, next()), d()))), whole],
    ['merge is not associative', hex(kernel.encode(kernel.merge(kernel.merge(a(), b()), kernel.merge(c(), d())))), whole],
    ['the identity is not neutral', hex(kernel.encode(kernel.merge(a(), kernel.identity()))), hex(pieces[0]!)],
    ['merge, or what follows it, changes what was merged from', hex(kernel.encode(from)), hex(pieces[0]!)],
    ['merged bytes differ from merges', mergeAll(kernel, pieces), whole],
    ['folded bytes differ from updates', foldAll(kernel, events), whole],
    ['folded bytes depend on order', foldAll(kernel, shuffled), whole],
  ]
  const broken = claims.find(([, given, wanted]) => given !== wanted)
  return broken === undefined ? null : `${broken[0]}:\n${broken[1]}, not\n${broken[2]}`
}

function judgeValue(kernel: VariableKernel, events: readonly KernelEvent[], as: Finalisation, expected: string): string | null {
  const given = answer(kernel.finalise(updateAll(kernel, events), as))
  if (given !== expected) return `the value is ${given}, not ${expected}`
  const accumulator = kernel.newAccumulator()
  for (const round of ['first', 'second']) {
    accumulator.clear()
    for (const bytes of piecesOf(kernel, events)) {
      const around = Uint8Array.of(0xff, ...bytes, 0xff)
      accumulator.add(around, 1, bytes.length)
    }
    const accumulated = answer(accumulator.finalise(as))
    if (accumulated !== expected) return `accumulated, the ${round} time, the value is ${accumulated}, not ${expected}`
  }
  return null
}

/** The partial of the events. */
export function updateAll(kernel: VariableKernel, events: readonly KernelEvent[]): Partial {
  return events.reduce((partial, { value, order, group }) => kernel.update(partial, value, order, group), kernel.identity())
}

function piecesOf(kernel: VariableKernel, events: readonly KernelEvent[]): Uint8Array[] {
  return Array.from({ length: PIECES }, (_, piece) => kernel.encode(updateAll(kernel, events.filter((event) => event.piece === piece))))
}

/** Bytes with room before and behind, as a partial has in a heap. */
export class TestBytes implements SpliceableBytes {
  bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  splice(at: number, removeCount: number, insertCount: number): void {
    const filler = Array.from({ length: insertCount }, () => 0xee)
    this.bytes = Uint8Array.of(...this.bytes.subarray(0, at), ...filler, ...this.bytes.subarray(at + removeCount))
  }
}

/** What stands before and behind a partial, and must stay. */
const AROUND = [0xaa, 0xbb, 0xcc]

function foldAll(kernel: VariableKernel, events: readonly KernelEvent[]): string {
  const buffer = new TestBytes(Uint8Array.of(...AROUND, ...AROUND))
  let length = 0
  for (const { value, order, group } of events) length = kernel.foldBytes(buffer, AROUND.length, length, value, order, group)
  return partialIn(buffer, length)
}

function mergeAll(kernel: VariableKernel, pieces: readonly Uint8Array[]): string {
  const [first = new Uint8Array(0), ...others] = pieces.filter((bytes) => bytes.length > 0)
  const buffer = new TestBytes(Uint8Array.of(...AROUND, ...first, ...AROUND))
  let length = first.length
  for (const bytes of others) {
    const from = Uint8Array.of(...AROUND, ...bytes, ...AROUND)
    length = kernel.mergeBytes(buffer, AROUND.length, length, from, AROUND.length, bytes.length)
  }
  return partialIn(buffer, length)
}

function partialIn({ bytes }: TestBytes, length: number): string {
  const end = AROUND.length + length
  const outside = [...bytes.subarray(0, AROUND.length), ...bytes.subarray(end)]
  return String(outside) === String([...AROUND, ...AROUND]) ? hex(bytes.subarray(AROUND.length, end)) : 'bytes outside were changed'
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

function answer(value: unknown): string {
  if (value instanceof Unavailable) return `unavailable: ${value.reason}`
  return JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? `${inner}n` : inner))
}

function expectedAnswer(spec: SlotSpec, op: AggregationOp, expected: Expectation, events: readonly KernelEvent[], quantile: number): string {
  if (spec.groupType === null) return answer(expected(spec, op, events, quantile))
  const groups = [...Map.groupBy(events, ({ group }) => group!)]
  if (groups.length > spec.groupsMax) return answer(new Unavailable('too_many_groups'))
  const values = groups
    .sort(([a], [b]) => compareValues(a, b))
    .map(([group, members]) => [String(group), expected(spec, op, members, quantile)] as const)
  const unavailable = values.find(([, value]) => value instanceof Unavailable)
  return answer(unavailable?.[1] ?? Object.fromEntries([...values].sort(([a], [b]) => compareStrings(a, b))))
}

/** Events for a slot: few values, groups and times, so that they meet. */
export function randomEvents(random: Random, spec: SlotSpec): KernelEvent[] {
  const count = random.pick([0, 1, 2, 5, 20, 80])
  const values = Array.from({ length: random.pick([1, 3, 40]) }, () => randomValue(random, spec.inputType))
  const groups = Array.from({ length: random.pick([1, 3, 6]) }, () => (spec.groupType === null ? null : randomValue(random, spec.groupType)))
  return Array.from({ length: count }, (_, offset) => ({
    value: random.pick(values),
    // Few times and partitions, so that ties are decided further down.
    order: { eventTimeMs: random.between(-3, 3) * 1000, partition: random.below(3), offset },
    piece: random.below(PIECES),
    group: random.pick(groups),
  }))
}

const TEXTS = ['', 'a', 'b', 'ab', 'JFK', '10', '9', 'é', 'ÿ', '\u{ffee}', '\u{1f600}', '__proto__', 'x'.repeat(130), 'ü'.repeat(70)]
const INTEGERS = [0, 1, -1, 127, 128, 255, 256, 65_536, -(2 ** 31), 2 ** 31 - 1]
const LONGS = [...INTEGERS, 2 ** 53 - 1, -(2 ** 53) + 1, 2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n, -(2n ** 63n)]
const DOUBLES = [0, 1, -1, 0.1, -0.1, 1e-12, -1e-12, 1e-9, -1e-9, 5e-324, 1e17, -1e17, 1e300, -1.7976931348623157e308]

/** A value of the type, likely one at an edge. */
export function randomValue(random: Random, type: ValueType): NonNull {
  const isEdge = random.chance(0.5)
  switch (type) {
    case 'boolean': return random.chance(0.5)
    case 'int32': return isEdge ? random.pick(INTEGERS) : random.between(-1000, 1000)
    case 'int64': return isEdge ? random.pick(LONGS) : random.between(-1e12, 1e12)
    case 'timestamp': return isEdge ? random.pick([0, -1, 1, 978_307_200_000, -9_214_560_000_000]) : random.between(0, 2e12)
    case 'double': return isEdge ? random.pick(DOUBLES) : (random.next() - 0.5) * 10 ** random.between(-10, 10)
    case 'string': return isEdge ? random.pick(TEXTS) : `user_${random.below(500)}`
  }
}
