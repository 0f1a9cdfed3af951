// Slots as measures, and a measure's rows as partials: the one place where what an engine grouped becomes what merges.
// A row is a partial of its own; the slot's kernel merges the rows of a group, with its caps and orders.
import type { GroupMap, NonNull, OrderedValue, Partial } from '@tidemark/aggregation/partial'
import { binTable } from '@tidemark/aggregation/bin-table'
import type { Slot } from '@tidemark/aggregation/view-plan'
import type { Expression } from '@tidemark/feature-schema/expression/ast'
import type { Value } from '@tidemark/feature-schema/value'
import type { Measure } from '@tidemark/ports/batch-engine'

/** The value of one of a measure's columns in the row at hand. */
export type ReadColumn = (column: MeasureColumn) => Value

export type MeasureColumn = 'n' | 'sum' | 'mean' | 'm2' | 'value' | 'eventTimeMs' | 'partition' | 'offset' | 'register' | 'rank' | 'bin' | 'grp'

/** The measure whose rows `addMeasureRow` turns into the slot's partials. */
export function measureOfSlot(slot: Slot): Measure {
  const input = { of: slot.of, where: slot.where, groupBy: slot.groupBy }
  switch (slot.kind) {
    case 'newest':
      return { ...input, of: slot.of ?? TRUE, kind: 'last' }
    case 'firstK':
    case 'lastK':
    case 'topK':
    case 'bottomK':
      return { ...input, kind: slot.kind, k: slot.k }
    case 'values':
      return { ...input, kind: 'values', limit: slot.valuesMax }
    case 'registers':
      return { ...input, kind: 'registers', precision: slot.precision }
    case 'bins':
      return { ...input, kind: 'bins', boundaries: binTable(slot.relativeError).boundaries }
    case 'count':
    case 'sum':
    case 'moments':
    case 'min':
    case 'max':
    case 'first':
    case 'last':
      return { ...input, kind: slot.kind }
  }
}

const TRUE: Expression = { node: 'literal', value: true, type: 'boolean', nullable: false }

/** Counts every event, so that a pane or a row without any is told from one whose events no slot counts. */
export const PRESENCE: Measure = { kind: 'count', of: null, where: null, groupBy: null }

/** `into` with one more row of the slot's measure; undefined: no row yet. May change `into`. */
export function addMeasureRow(slot: Slot, into: Partial | undefined, read: ReadColumn): Partial | undefined {
  const row = rowPartial(slot, read)
  if (row === null) return into
  const from: Partial = slot.groupBy === null ? row : groupOf(read('grp') as NonNull, row)
  return slot.isFixed ? from : slot.kernel.merge(into ?? slot.kernel.identity(), from)
}

function groupOf(value: NonNull, partial: Partial): GroupMap {
  return { groups: new Map([[value, partial]]), isOverflow: false }
}

/** null: in this row of a shared stream the measure has none. */
function rowPartial({ kind, inputType }: Slot, read: ReadColumn): Partial {
  switch (kind) {
    case 'count':
      return read('n')
    case 'sum': {
      const n = read('n') as number | null
      if (n === null) return null
      const sum = read('sum')
      return inputType === 'double' ? { n, sum: orNaN(sum) } : { n, sum: BigInt(sum as number | bigint) }
    }
    case 'moments': {
      const n = read('n') as number | null
      return n === null ? null : { n, mean: orNaN(read('mean')), m2: orNaN(read('m2')) }
    }
    case 'min':
    case 'max':
      return read('value')
    case 'newest':
      return read('eventTimeMs')
    case 'first':
    case 'last':
      return read('value') === null ? null : orderedValue(read)
    case 'firstK':
    case 'lastK':
      return [orderedValue(read)]
    case 'topK':
    case 'bottomK':
      return [read('value') as NonNull]
    case 'values':
      return { counts: new Map([[read('value') as NonNull, read('n') as number]]), isOverflow: false }
    case 'registers':
      return new Map([[read('register') as number, read('rank') as number]])
    case 'bins':
      return new Map([[read('bin') as number, read('n') as number]])
  }
}

/** A sum or a mean that is not finite comes as NULL. */
function orNaN(value: Value): number {
  return value === null ? NaN : Number(value)
}

function orderedValue(read: ReadColumn): OrderedValue {
  return {
    value: read('value') as NonNull,
    eventTimeMs: read('eventTimeMs') as number,
    partition: read('partition') as number,
    offset: read('offset') as number,
  }
}
