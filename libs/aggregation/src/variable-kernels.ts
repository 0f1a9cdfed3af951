// Which kernel keeps the slots whose bytes vary in length.

import { fixedKernelFor } from './fixed-kernels.ts'
import { fixedGroups, groupMapKernel, variableGroups } from './group-map.ts'
import { edgeListKernel, rankedListKernel } from './ordered-list.ts'
import type { SlotSpec, VariableKernel } from './partial.ts'
import { binsKernel, registersKernel } from './sketch-kernels.ts'
import { textEdgeKernel, textExtremeKernel } from './text-kernels.ts'
import { valuesKernel } from './value-set.ts'

/** The kernel of a slot that `fixedKernelFor` has none for. */
export function variableKernelFor(slot: SlotSpec): VariableKernel {
  if (slot.groupType === null) return plainKernelFor(slot)
  const inner: SlotSpec = { ...slot, groupType: null }
  const fixed = fixedKernelFor(inner)
  return groupMapKernel(slot.groupType, slot.groupsMax, fixed === null ? variableGroups(plainKernelFor(inner)) : fixedGroups(fixed))
}

function plainKernelFor({ kind, inputType, k, valuesMax, precision, relativeError }: SlotSpec): VariableKernel {
  switch (kind) {
    case 'min':
    case 'max':
      return textExtremeKernel(kind)
    case 'first':
    case 'last':
      return textEdgeKernel(kind)
    case 'firstK':
    case 'lastK':
      return edgeListKernel(kind, inputType, k)
    case 'topK':
    case 'bottomK':
      return rankedListKernel(kind, inputType, k)
    case 'values':
      return valuesKernel(inputType, valuesMax)
    case 'registers':
      return registersKernel(precision)
    case 'bins':
      return binsKernel(relativeError)
    case 'count':
    case 'sum':
    case 'moments':
    case 'newest':
      throw new Error(`A slot of kind ${kind} has a constant width.`)
  }
}
