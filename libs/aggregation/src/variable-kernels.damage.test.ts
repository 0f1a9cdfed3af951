// Stored bytes that are not what was written: refused, or the very bytes of some other partial; never read out of bounds,
// never a partial that would be written differently.

import { describe, expect, it } from '@jest/globals'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import { randomEvents, updateAll } from './testing/kernel-laws.ts'
import { checkProperty } from './testing/property.ts'
import type { Random } from './testing/random.ts'
import { BASE, VARIABLE_SLOTS } from './testing/variable-slots.ts'
import { variableKernelFor } from './variable-kernels.ts'

describe('damaged partials', () => {
  it.each(VARIABLE_SLOTS)('%s', (_, __, spec) => {
    const kernel = variableKernelFor(spec)
    checkProperty({
      runs: 400,
      generate: (random) => [...damage(random, kernel.encode(updateAll(kernel, randomEvents(random, spec))))],
      judge: (given) => {
        const bytes = Uint8Array.from(given)
        try {
          const again = kernel.encode(kernel.decode(bytes))
          return Buffer.from(bytes).equals(again) ? null : `read, and written as ${[...again]}`
        } catch (error) {
          return error instanceof TidemarkError && error.code === 'BLOB_DAMAGED' ? null : String(error)
        }
      },
    })
  })

  it.each([
    ['registers that descend', { ...BASE, kind: 'registers' }, [2, 0, 1, 1, 0, 1]],
    ['a register twice', { ...BASE, kind: 'registers' }, [2, 0, 1, 2, 0, 1]],
    ['a register beyond the last', { ...BASE, kind: 'registers' }, [0, 16, 1]],
    ['a rank of zero', { ...BASE, kind: 'registers' }, [2, 0, 0]],
    ['a rank beyond the largest', { ...BASE, kind: 'registers' }, [2, 0, 54]],
    ['dense registers that should be sparse', { ...BASE, kind: 'registers', precision: 4 }, [1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
    ['two skips in a row', { ...BASE, kind: 'bins' }, [2, 2, 3]],
    ['a skip at the end', { ...BASE, kind: 'bins' }, [3, 2]],
    ['a bin that holds nothing', { ...BASE, kind: 'bins' }, [1]],
    ['a bin beyond the last', { ...BASE, kind: 'bins' }, [0xfe, 0xff, 0x7f, 3]],
    ['a number in more bytes than it needs', { ...BASE, kind: 'bins' }, [0x83, 0]],
    ['a number without an end', { ...BASE, kind: 'bins' }, Array.from({ length: 300 }, () => 0x80).concat(1)],
    ['a count of no values', { ...BASE, kind: 'values' }, [0, 0, 0, 0]],
    ['more values than may be', { ...BASE, kind: 'values', valuesMax: 1 }, [2, 0, 0, 0, 1, 0x61, 1, 1, 0x62, 1]],
    ['values out of order', { ...BASE, kind: 'values' }, [2, 0, 0, 0, 1, 0x62, 1, 1, 0x61, 1]],
    ['a value counted zero times', { ...BASE, kind: 'values' }, [1, 0, 0, 0, 1, 0x62, 0]],
    ['bytes after an overflow', { ...BASE, kind: 'values' }, [255, 255, 255, 255, 0]],
    ['a text that is not UTF-8', { ...BASE, kind: 'min' }, [1, 0xff]],
    ['a text longer than its bytes', { ...BASE, kind: 'min' }, [9, 0x61]],
    ['a boolean of 2', { ...BASE, kind: 'values', inputType: 'boolean' }, [1, 0, 0, 0, 2, 1]],
    ['a double that is infinite', { ...BASE, kind: 'topK', inputType: 'double' }, [0xff, 0xf0, 0, 0, 0, 0, 0, 0]],
    ['a negative zero', { ...BASE, kind: 'topK', inputType: 'double' }, [0x7f, 255, 255, 255, 255, 255, 255, 255]],
    ['a group that holds nothing', { ...BASE, kind: 'max', groupType: 'boolean' }, [1, 0, 0, 0, 0, 0]],
    ['more entries than k', { ...BASE, kind: 'bottomK', k: 1 }, [1, 0x61, 1, 0x62]],
  ] as const)('%s', (_, spec, bytes) => {
    expect(() => variableKernelFor(spec).decode(Uint8Array.from(bytes))).toThrow(expect.objectContaining({ code: 'BLOB_DAMAGED' }))
  })
})

function damage(random: Random, bytes: Uint8Array): Uint8Array {
  const damaged = Uint8Array.from(bytes)
  switch (random.below(5)) {
    case 0:
      return damaged.subarray(0, random.below(damaged.length + 1))
    case 1:
      return Uint8Array.of(...damaged, ...Array.from({ length: random.between(1, 4) }, () => random.below(256)))
    case 2:
      return Uint8Array.from({ length: random.below(40) }, () => random.below(256))
    case 3: {
      const cut = random.below(damaged.length + 1)
      return Uint8Array.of(...damaged.subarray(0, cut), ...damaged.subarray(cut + random.between(1, 3)))
    }
    default:
      for (let flips = random.between(1, 3); flips > 0 && damaged.length > 0; flips--) damaged[random.below(damaged.length)]! ^= 1 << random.below(8)
      return damaged
  }
}
