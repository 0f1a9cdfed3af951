// Partials: the mergeable state of one slot in one pane, and the two kinds of kernel that work on them.
// What every kernel holds: merge is associative and commutative, identity is its neutral element, and the result of folding
// a set of events does not depend on their order (law 2). NULL values never reach a kernel; events whose `where` is not true neither.

import type { AggregationOp } from '@tidemark/feature-schema/definition'
import type { Value, ValueType } from '@tidemark/feature-schema/value'

/** 'newest' is the newest event time, of time-since-last and max age; the others are the batch engine's measures. */
export type SlotKind =
  | 'count' | 'sum' | 'moments' | 'min' | 'max' | 'first' | 'last' | 'newest'
  | 'firstK' | 'lastK' | 'topK' | 'bottomK' | 'values' | 'registers' | 'bins'

/** What a kernel has to know of its slot. */
export interface SlotSpec {
  readonly kind: SlotKind
  /** Type of the values that are folded; 'boolean' where every event counts. */
  readonly inputType: ValueType
  /** Type of the group values, where the slot is a map. */
  readonly groupType: ValueType | null
  /** Most groups of the map. */
  readonly groupsMax: number
  /** firstK, lastK, topK, bottomK. */
  readonly k: number
  /** values: most distinct values. */
  readonly valuesMax: number
  /** registers: 2^precision of them. */
  readonly precision: number
  /** bins: the relative error of a quantile. */
  readonly relativeError: number
}

export type NonNull = Exclude<Value, null>

/** The place of an event in the order of law 2: (event time, partition, offset). */
export interface EventOrder {
  readonly eventTimeMs: number
  readonly partition: number
  readonly offset: number
}

export function compareOrders(a: EventOrder, b: EventOrder): number {
  return a.eventTimeMs - b.eventTimeMs || a.partition - b.partition || a.offset - b.offset
}

export interface IntegerSum {
  readonly n: number
  readonly sum: bigint
}

export interface DoubleSum {
  readonly n: number
  readonly sum: number
}

/** Count, mean and sum of squared differences from the mean; mean and m2 are NaN once a value was beyond ±1e150. */
export interface Moments {
  readonly n: number
  readonly mean: number
  readonly m2: number
}

export interface OrderedValue extends EventOrder {
  readonly value: NonNull
}

/** Distinct values with their counts. Overflow is sticky, and an overflowed partial holds no values. */
export interface ValueCounts {
  readonly counts: Map<NonNull, number>
  isOverflow: boolean
}

/** Group value → the inner slot's partial. Overflow is sticky, and an overflowed partial holds no groups. */
export interface GroupMap {
  readonly groups: Map<NonNull, Partial>
  isOverflow: boolean
}

/** HyperLogLog register → rank; empty registers are absent. */
export type Registers = Map<number, number>

/** DDSketch bin → count; bins as in the measure 'bins' of the batch engine. */
export type Bins = Map<number, number>

/**
 * | kind | partial |
 * |---|---|
 * | count | number |
 * | sum | IntegerSum for int32 and int64, DoubleSum for double |
 * | moments | Moments |
 * | min, max | Value (null: nothing yet) |
 * | newest | number or null |
 * | first, last | OrderedValue or null |
 * | firstK, lastK | OrderedValue[], in the order of the answer |
 * | topK, bottomK | NonNull[], best first, duplicates kept |
 * | values | ValueCounts |
 * | registers | Registers |
 * | bins | Bins |
 * | any with groupBy | GroupMap |
 */
export type Partial = Value | IntegerSum | DoubleSum | Moments | OrderedValue | OrderedValue[] | NonNull[] | ValueCounts | Map<number, number> | GroupMap

/** Which value a feature wants of a slot: the quantile of a quantile, and the time that was asked about, for time-since-last. */
export interface Finalisation {
  readonly op: AggregationOp
  readonly quantile: number
  readonly atMs: number
}

/** A final value: a map value is a plain object whose keys are sorted by code point. */
export type FinalValue = Value | readonly FinalValue[] | { readonly [key: string]: FinalValue }

export type UnavailableReason = 'overflow' | 'too_many_values' | 'too_many_groups' | 'out_of_range' | 'window_truncated'

/** Stands where a value cannot be given; compare with `instanceof`. */
export class Unavailable {
  readonly reason: UnavailableReason
  constructor(reason: UnavailableReason) {
    this.reason = reason
  }
}

/** Rows of equal width that a fixed kernel walks: `count` rows of `stride` bytes, the first at `at`, ascending in time. */
export interface RowRange {
  view: DataView
  at: number
  count: number
  stride: number
}

/** How a f64 word of a slot merges with that of another row. */
export type WordMerge = 'add' | 'min' | 'max'

/** A slot of constant width that lives in the row itself. All methods work on the slot's bytes at `at`; none allocates. */
export interface FixedKernel {
  /** Bytes in the row, a multiple of 8. */
  readonly width: number
  /** Where merging is no more than this for each word of the slot: a merge of windows takes such slots in one pass. */
  readonly words?: readonly WordMerge[]
  /** Writes the identity. */
  clear(view: DataView, at: number): void
  fold(view: DataView, at: number, value: NonNull, order: EventOrder): void
  /** Merges the slot of each row of the first `rangeCount` ranges into the one at `at`. `offset`: of the slot in its row. */
  accumulate(view: DataView, at: number, ranges: readonly RowRange[], rangeCount: number, offset: number): void
  toPartial(view: DataView, at: number): Partial
  fromPartial(view: DataView, at: number, partial: Partial): void
  /** null: no value. */
  finalise(view: DataView, at: number, as: Finalisation): FinalValue | Unavailable
}

/** Bytes whose middle can grow and shrink; `bytes` is another array after a splice that had to grow it. */
export interface SpliceableBytes {
  readonly bytes: Uint8Array
  /** Replaces `removeCount` bytes at `at` by `insertCount` bytes of any content; what follows moves. */
  splice(at: number, removeCount: number, insertCount: number): void
}

/** Running merge of encoded partials: the fast path of a merge, reused from one merge to the next. */
export interface Accumulator {
  clear(): void
  /** Merges the encoded partial at `at`. */
  add(bytes: Uint8Array, at: number, length: number): void
  finalise(as: Finalisation): FinalValue | Unavailable
}

/** A slot whose bytes vary in length. The identity has no bytes, and only the identity has none; equal partials have equal bytes. */
export interface VariableKernel<P extends Partial = Partial> {
  identity(): P
  /** Folds one value; may change `partial`. Returns the partial to go on with. `group` is the group value of a map, else null. */
  update(partial: P, value: NonNull, order: EventOrder, group: NonNull | null): P
  /** Merges `from` into `into`; may change `into`, never `from`. Returns the partial to go on with. */
  merge(into: P, from: P): P
  encode(partial: P): Uint8Array
  /** Throws BLOB_DAMAGED on bytes that `encode` cannot have made. */
  decode(bytes: Uint8Array): P
  /** null: no value. */
  finalise(partial: P, as: Finalisation): FinalValue | Unavailable
  /**
   * Folds one value into the encoded partial at `at`, in place, and returns its new length; the same bytes as decode, update
   * and encode would give.
   */
  foldBytes(buffer: SpliceableBytes, at: number, length: number, value: NonNull, order: EventOrder, group: NonNull | null): number
  /**
   * Merges the encoded partial at `fromAt` of `from`, another array, into the one at `at`, neither of them the identity, and
   * returns the new length; the same bytes as decode, merge and encode would give.
   */
  mergeBytes(buffer: SpliceableBytes, at: number, length: number, from: Uint8Array, fromAt: number, fromLength: number): number
  newAccumulator(): Accumulator
}
