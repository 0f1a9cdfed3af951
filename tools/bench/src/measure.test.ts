import { describe, expect, it } from '@jest/globals'
import { compare, figureOf, judge, median, takeTurns } from './measure.ts'

describe('median', () => {
  it('is the middle value, or the mean of two', () => {
    expect(median([10, 2, 9])).toBe(9)
    expect(median([10, 2, 9, 1])).toBe(5.5)
    expect(() => median([])).toThrow(RangeError)
  })
})

describe('a figure', () => {
  it('carries its extremes, its rival and its bar', () => {
    const figure = judge(compare(figureOf('fold', 'ms', [4, 2, 3]), { name: 'naive', value: 6 }), 'ratio <= 0.6', (it) => it.ratio <= 0.6)
    expect(figure).toEqual({
      name: 'fold',
      unit: 'ms',
      value: 3,
      min: 2,
      max: 4,
      runs: 3,
      against: { name: 'naive', value: 6 },
      ratio: 0.5,
      bar: 'ratio <= 0.6',
      met: true,
    })
  })
})

describe('takeTurns', () => {
  it('warms each up once and then alternates who goes first', async () => {
    const calls: string[] = []
    const call = (name: string) => (): Promise<number> => Promise.resolve(calls.push(name))
    const values = await takeTurns(2, { a: call('a'), b: call('b') })
    expect(calls.join('')).toBe('ababba')
    expect(values).toEqual({ a: [3, 6], b: [4, 5] })
  })
})
