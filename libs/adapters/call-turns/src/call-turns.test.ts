import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals'
import { createTurns, NoTurnError } from './call-turns.ts'

const LIMITS = { atOnceMax: 2, waitingMax: 3, stallMaxMs: 1_000 }

/** Calls that end when they are told to. */
function createCalls() {
  const begun: string[] = []
  const ends = new Map<string, (error?: Error) => void>()
  const call = (name: string) => (): Promise<string> => {
    begun.push(name)
    return new Promise((resolve, reject) => ends.set(name, (error) => (error === undefined ? resolve(name) : reject(error))))
  }
  return { begun, call, end: (name: string, error?: Error): void => ends.get(name)!(error) }
}

describe('load', () => {
  it('tells how many wait', async () => {
    const takeTurn = createTurns({ atOnceMax: 1, waitingMax: 2, stallMaxMs: 1_000 })
    const first = Promise.withResolvers<null>()
    const calls = [takeTurn(() => first.promise), takeTurn(() => Promise.resolve(null))]
    expect(takeTurn.load()).toEqual({ waitingCount: 1, atOnceMax: 1, silentMs: expect.any(Number) })
    first.resolve(null)
    await Promise.all(calls)
    expect(takeTurn.load().waitingCount).toBe(0)
  })
})

describe('calls in turn', () => {
  beforeEach(() => void jest.useFakeTimers())
  afterEach(() => void jest.useRealTimers())

  it('tell for how long none of them has succeeded', async () => {
    const take = createTurns(LIMITS)
    const { call, end } = createCalls()
    expect(take.load().silentMs).toBe(0)
    const [a, b] = ['a', 'b'].map((name) => take(call(name)))
    jest.advanceTimersByTime(500)
    expect(take.load().silentMs).toBe(500)
    end('a')
    await a
    jest.advanceTimersByTime(300)
    expect(take.load().silentMs).toBe(300)
    const c = take(call('c'))
    end('c', new Error('no'))
    await expect(c).rejects.toThrow('no')
    expect(take.load().silentMs).toBe(300)
    end('b')
    await b
    jest.advanceTimersByTime(300)
    expect(take.load().silentMs).toBe(0)
    void take(call('d'))
    expect(take.load().silentMs).toBe(0)
  })

  it('begin in their order, so many at once, however those before them ended', async () => {
    const take = createTurns(LIMITS)
    const { begun, call, end } = createCalls()
    const taken = ['a', 'b', 'c', 'd', 'e'].map((name) => take(call(name)))
    expect(begun).toEqual(['a', 'b'])
    end('b')
    expect(await taken[1]).toBe('b')
    expect(begun).toEqual(['a', 'b', 'c'])
    end('a', new Error('broken'))
    await expect(taken[0]).rejects.toThrow('broken')
    expect(begun).toEqual(['a', 'b', 'c', 'd'])
    end('c')
    end('d')
    expect(await Promise.all([taken[2], taken[3]])).toEqual(['c', 'd'])
    end('e')
    expect(await taken[4]).toBe('e')
    const last = [take(call('f')), take(call('g'))]
    expect(begun.slice(-2)).toEqual(['f', 'g'])
    end('f')
    end('g')
    await Promise.all(last)
  })

  it('are refused beyond as many as may wait', async () => {
    const take = createTurns(LIMITS)
    const { begun, call, end } = createCalls()
    const taken = Array.from({ length: 5 }, (_, i) => take(call(`${i}`)))
    await expect(take(call('too many'))).rejects.toThrow(NoTurnError)
    end('0')
    await taken[0]
    const again = take(call('again'))
    for (const name of ['1', '2', '3', '4', 'again']) {
      end(name)
      await jest.advanceTimersByTimeAsync(0)
    }
    expect(await again).toBe('again')
    expect(begun).not.toContain('too many')
  })

  it('that wait while none succeeds are refused in time and never begun', async () => {
    const take = createTurns(LIMITS)
    const { begun, call, end } = createCalls()
    const active = ['a', 'b'].map((name) => take(call(name)))
    const [first, second] = ['first', 'second'].map((name) => take(call(name)).catch((error: unknown) => error))
    await jest.advanceTimersByTimeAsync(LIMITS.stallMaxMs / 2)
    const later = take(call('later')).catch((error: unknown) => error)
    // A failure is no sign of life.
    end('a', new Error('no answer'))
    await expect(active[0]).rejects.toThrow('no answer')
    await jest.advanceTimersByTimeAsync(LIMITS.stallMaxMs / 2)
    expect(await second).toBeInstanceOf(NoTurnError)
    expect(begun).toEqual(['a', 'b', 'first'])
    await jest.advanceTimersByTimeAsync(LIMITS.stallMaxMs / 2)
    expect(await later).toBeInstanceOf(NoTurnError)
    end('b')
    await active[1]
    expect(begun).toEqual(['a', 'b', 'first'])
    const last = take(call('last'))
    for (const name of ['first', 'last']) end(name)
    expect(await Promise.all([first, last])).toEqual(['first', 'last'])
    expect(jest.getTimerCount()).toBe(0)
  })

  it('get their turn where the server works, however long that takes', async () => {
    const take = createTurns({ ...LIMITS, atOnceMax: 1 })
    const { call, end } = createCalls()
    const names = ['a', 'b', 'c', 'd']
    const taken = names.map((name) => take(call(name)))
    for (const name of names) {
      await jest.advanceTimersByTimeAsync(0.9 * LIMITS.stallMaxMs)
      end(name)
    }
    expect(await Promise.all(taken)).toEqual(names)
  })
})
