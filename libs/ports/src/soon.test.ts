import { describe, expect, it } from '@jest/globals'
import { after, inTurn, soon, type Soon } from './soon.ts'

describe('what is there soon', () => {
  it('is used at once where it is at hand, else later', async () => {
    expect(after(1, (value) => value + 1)).toBe(2)
    const later = after(Promise.resolve(1), (value) => value + 1)
    expect(later).toBeInstanceOf(Promise)
    expect(await later).toBe(2)
  })

  it('fails as a promise', async () => {
    expect(soon(() => 1)).toBe(1)
    await expect(soon(() => {
      throw new Error('at once')
    })).rejects.toThrow('at once')
    await expect(soon(() => Promise.reject(new Error('later')))).rejects.toThrow('later')
    expect(() => after(1, () => {
      throw new Error('in use')
    })).toThrow('in use')
  })

  it.each([[[]], [[0]], [[2]], [[0, 1, 2, 3]]])('takes steps in turn, those at %j later than at once', async (later) => {
    const log: string[] = []
    const step = (item: string, i: number): Soon<void> => {
      log.push(`begin ${item}`)
      return later.includes(i) ? Promise.resolve().then(() => void log.push(`end ${item}`)) : void log.push(`end ${item}`)
    }
    const done = inTurn(['a', 'b', 'c', 'd'], step)
    expect(done instanceof Promise).toBe(later.length > 0)
    await done
    expect(log).toEqual(['a', 'b', 'c', 'd'].flatMap((item) => [`begin ${item}`, `end ${item}`]))
  })

  it.each([0, 1])('takes no step after one that failed, at %d', async (failing) => {
    const taken: number[] = []
    const done = soon(() => inTurn([0, 1, 2], (item) => {
      taken.push(item)
      return item === failing ? Promise.reject(new Error('failed')) : item === 0 ? Promise.resolve() : undefined
    }))
    await expect(done).rejects.toThrow('failed')
    expect(taken).toEqual(failing === 0 ? [0] : [0, 1])
  })
})
