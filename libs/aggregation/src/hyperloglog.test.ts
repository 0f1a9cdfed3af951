// HyperLogLog: what it promises of its error, and the switch from sparse to dense.

import { describe, expect, it } from '@jest/globals'
import {
  decodeRegisters, encodeRegisters, foldRegister, precisionForError, rankMax, rankOf, RegisterSet, registerOf, standardError,
} from './hyperloglog.ts'
import { hashTextInto } from './md5-hash.ts'
import type { Registers } from './partial.ts'
import { TestBytes } from './testing/kernel-laws.ts'
import { seededRandom } from './testing/random.ts'

describe('HyperLogLog', () => {
  it('takes the least precision that keeps the declared error', () => {
    expect([0.26, 0.13, 0.0163, 0.01, 0.008125].map(precisionForError)).toEqual([4, 6, 12, 14, 14])
    expect(() => precisionForError(0.008)).toThrow('No precision')
  })

  it('takes the register from the first bits and the rank from the leading zeros of the others', () => {
    const cases = [
      [0xffff_ffff_ffff_ffffn, 12, 0xfff, 1],
      [0n, 12, 0, 53],
      [0n, 4, 0, 61],
      [1n, 12, 0, 52],
      [0x8000_0000_8000_0000n, 4, 8, 29],
      [0x1238_0000_0000_0000n, 12, 0x123, 1],
      [0x1230_0001_0000_0000n, 12, 0x123, 20],
    ] as const
    for (const [bits, precision, register, rank] of cases) {
      const hash = { high: Number(bits >> 32n), low: Number(bits & 0xffff_ffffn) }
      expect([registerOf(hash, precision), rankOf(hash, precision)]).toEqual([register, rank])
    }
  })

  it('is sparse as long as that is shorter, and has the same registers before and after', () => {
    for (const precision of [4, 5, 12]) {
      const registerCount = 2 ** precision
      const buffer = new TestBytes(new Uint8Array(0))
      const registers: Registers = new Map()
      let length = 0
      for (let i = 0; i < registerCount; i++) {
        const register = (i * 7) % registerCount
        registers.set(register, (i % 50) + 1)
        length = foldRegister(precision, buffer, 0, length, register, (i % 50) + 1)
        expect(length).toBe(Math.min(3 * registers.size, registerCount))
        if (Math.abs(3 * registers.size - registerCount) > 10) continue
        expect(decodeRegisters(precision, buffer.bytes)).toEqual(new Map([...registers].sort(([a], [b]) => a - b)))
        expect(buffer.bytes).toEqual(encodeRegisters(precision, registers))
      }
    }
  })

  it.each([4, 12, 14])('reads back every rank at precision %d, sparse and dense', (precision) => {
    for (const registerCount of [1, 2 ** precision]) {
      const ranks = [1, rankMax(precision) - 1, rankMax(precision)]
      const registers: Registers = new Map(Array.from({ length: registerCount }, (_, i) => [i, ranks[(i + 2) % 3]!]))
      expect(decodeRegisters(precision, encodeRegisters(precision, registers))).toEqual(registers)
    }
  })

  it('counts more with each register that reaches the largest rank', () => {
    const set = new RegisterSet(4)
    for (let register = 0; register < 16; register++) set.raise(register, rankMax(4) - 1)
    const estimates = [set.estimate()]
    for (let register = 0; register < 15; register++) {
      set.raise(register, rankMax(4))
      estimates.push(set.estimate())
    }
    expect(estimates.filter((estimate, i) => i > 0 && !(estimate > estimates[i - 1]!))).toEqual([])
  })

  it('counts nothing as 0', () => {
    expect(new RegisterSet(12).estimate()).toBe(0)
  })

  it('estimates within four standard errors, set after set', () => {
    const random = seededRandom(20_261)
    const hash = { high: 0, low: 0 }
    for (const precision of [4, 8, 12, 14]) {
      const set = new RegisterSet(precision)
      const squares: number[] = []
      for (let run = 0; run < 60; run++) {
        set.clear()
        const count = random.pick([1, 10, 100, 1000, 5000, 20_000])
        const salt = random.next()
        for (let i = 0; i < count; i++) {
          hashTextInto(`${salt}/${i}`, hash)
          set.raise(registerOf(hash, precision), rankOf(hash, precision))
        }
        const error = set.estimate() / count - 1
        const rounding = 0.5 / count
        expect([precision, run, count, Math.abs(error) <= 4 * standardError(precision) + rounding]).toEqual([precision, run, count, true])
        squares.push(error ** 2)
      }
      expect(Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / squares.length)).toBeLessThan(1.3 * standardError(precision))
    }
  })
})
