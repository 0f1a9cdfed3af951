// Slots of every variable-width kernel, over every type: what its suites run through.

import type { AggregationOp } from '@tidemark/feature-schema/definition'
import type { SlotSpec } from '../partial.ts'

/** What the slots below have in common. */
export const BASE: SlotSpec = { kind: 'values', inputType: 'string', groupType: null, groupsMax: 4, k: 3, valuesMax: 8, precision: 12, relativeError: 0.01 }

const SLOTS: readonly (readonly [AggregationOp, SlotSpec])[] = [
  ['min', { ...BASE, kind: 'min' }],
  ['max', { ...BASE, kind: 'max' }],
  ['first', { ...BASE, kind: 'first' }],
  ['last', { ...BASE, kind: 'last' }],
  ['firstK', { ...BASE, kind: 'firstK' }],
  ['firstK', { ...BASE, kind: 'firstK', inputType: 'double', k: 20 }],
  ['lastK', { ...BASE, kind: 'lastK' }],
  ['lastK', { ...BASE, kind: 'lastK', inputType: 'int64', k: 1 }],
  ['topK', { ...BASE, kind: 'topK' }],
  ['topK', { ...BASE, kind: 'topK', inputType: 'int64', k: 10 }],
  ['bottomK', { ...BASE, kind: 'bottomK', inputType: 'double', k: 10 }],
  ['bottomK', { ...BASE, kind: 'bottomK', inputType: 'timestamp' }],
  ['uniqueCount', { ...BASE, inputType: 'boolean' }],
  ['uniqueCount', { ...BASE, inputType: 'int64' }],
  ['uniqueCount', { ...BASE, inputType: 'timestamp', valuesMax: 100 }],
  ['histogram', BASE],
  ['histogram', { ...BASE, inputType: 'int32', valuesMax: 2 }],
  ['approxUniqueCount', { ...BASE, kind: 'registers' }],
  ['approxUniqueCount', { ...BASE, kind: 'registers', inputType: 'int64', precision: 4 }],
  ['approxUniqueCount', { ...BASE, kind: 'registers', inputType: 'string', precision: 6 }],
  ['quantile', { ...BASE, kind: 'bins', inputType: 'double' }],
  ['quantile', { ...BASE, kind: 'bins', inputType: 'int64', relativeError: 0.001 }],
  ['quantile', { ...BASE, kind: 'bins', inputType: 'int32', relativeError: 0.1 }],
  ['count', { ...BASE, kind: 'count', inputType: 'boolean', groupType: 'string' }],
  ['sum', { ...BASE, kind: 'sum', inputType: 'int32', groupType: 'int64' }],
  ['min', { ...BASE, kind: 'min', inputType: 'double', groupType: 'boolean' }],
  ['last', { ...BASE, kind: 'last', inputType: 'int32', groupType: 'timestamp' }],
  ['last', { ...BASE, kind: 'last', groupType: 'int32' }],
  ['topK', { ...BASE, kind: 'topK', inputType: 'int32', groupType: 'string' }],
  ['histogram', { ...BASE, valuesMax: 3, groupType: 'string', groupsMax: 6 }],
  ['approxUniqueCount', { ...BASE, kind: 'registers', groupType: 'string', precision: 4 }],
  ['quantile', { ...BASE, kind: 'bins', inputType: 'double', groupType: 'string' }],
]

/** Name, what the slot finalises for, and the slot. */
export const VARIABLE_SLOTS = SLOTS.map(([op, spec]) => [nameOf(op, spec), op, spec] as const)

function nameOf(op: AggregationOp, { inputType, groupType }: SlotSpec): string {
  return `${op} of ${inputType}${groupType === null ? '' : ` by ${groupType}`}`
}
