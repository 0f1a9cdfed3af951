// The partials of a slot as plain data, of whatever width its bytes have: for packing and rolling up away from the hot paths.

import type { EventOrder, NonNull, Partial } from './partial.ts'
import type { Slot } from './view-plan.ts'

/** Two rows of scratch; no slot is wider than a half. */
const HALF_BYTES = 64
const scratch = new DataView(new ArrayBuffer(2 * HALF_BYTES))
const second = [{ view: scratch, at: HALF_BYTES, count: 1, stride: HALF_BYTES }]

export function identityPartial({ isFixed, kernel }: Slot): Partial {
  if (!isFixed) return kernel.identity()
  kernel.clear(scratch, 0)
  return kernel.toPartial(scratch, 0)
}

/** The merge of two partials; changes neither. */
export function mergePartials({ isFixed, kernel }: Slot, a: Partial, b: Partial): Partial {
  if (!isFixed) return kernel.merge(kernel.merge(kernel.identity(), a), b)
  kernel.fromPartial(scratch, 0, a)
  kernel.fromPartial(scratch, HALF_BYTES, b)
  kernel.accumulate(scratch, 0, second, 1, 0)
  return kernel.toPartial(scratch, 0)
}

/** Folds one value; may change `partial`. Returns the partial to go on with. */
export function updatePartial({ isFixed, kernel }: Slot, partial: Partial, value: NonNull, order: EventOrder, group: NonNull | null): Partial {
  if (!isFixed) return kernel.update(partial, value, order, group)
  kernel.fromPartial(scratch, 0, partial)
  kernel.fold(scratch, 0, value, order)
  return kernel.toPartial(scratch, 0)
}
