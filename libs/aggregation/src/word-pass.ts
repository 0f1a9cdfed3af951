// One pass over rows for all slots that merge word by word: counts, sums of doubles, extremes. A kernel of its own for each of them
// walks the rows again and is called through an interface; here the loop is compiled for a ladder group's row. Only offsets,
// which are numbers of the plan, and the texts below become code.

import type { RowRange, WordMerge } from './partial.ts'
import type { FixedSlot } from './view-plan.ts'

/** Merges the words of the rows of the first `rangeCount` ranges into those of `merged`, a row. */
export type WordPass = (merged: DataView, ranges: readonly RowRange[], rangeCount: number) => void

const WORD_BYTES = 8

const STEPS: Readonly<Record<WordMerge, (word: string, value: string) => string>> = {
  add: (word, value) => `${word} += ${value}`,
  min: (word, value) => `{ const value = ${value}; if (value < ${word}) ${word} = value }`,
  max: (word, value) => `{ const value = ${value}; if (value > ${word}) ${word} = value }`,
}

/** The pass over the slots whose kernels say how their words merge; null: none does. */
export function compileWordPass(slots: readonly FixedSlot[]): WordPass | null {
  const words = slots.flatMap(({ offset, kernel: { words = [] } }) => words.map((merge, i) => ({ merge, at: offset + i * WORD_BYTES })))
  if (words.length === 0) return null
  return new Function('merged', 'ranges', 'rangeCount', `'use strict'
    ${words.map(({ at }) => `let word${at} = merged.getFloat64(${at}, true)`).join('\n')}
    for (let i = 0; i < rangeCount; i++) {
      const { view, at, count, stride } = ranges[i]
      const end = at + count * stride
      for (let row = at; row < end; row += stride) {
        ${words.map(({ merge, at }) => STEPS[merge](`word${at}`, `view.getFloat64(row + ${at}, true)`)).join('\n')}
      }
    }
    ${words.map(({ at }) => `merged.setFloat64(${at}, word${at}, true)`).join('\n')}
  `) as WordPass
}
