// Questions are asked when they are due, not when others are answered.
import { describe, expect, it } from '@jest/globals'
import { askSteadily, NotAsked } from './steady-asking.ts'

describe('asking steadily', () => {
  it('asks on while nobody answers, counts each from when it was due, and waits for what was asked', async () => {
    const controller = new AbortController()
    const duesMs: number[] = []
    let answer: () => void = () => undefined
    const answered = new Promise<void>((resolve) => (answer = resolve))
    let isOver = false
    const asking = askSteadily({
      ratePerSecond: 1_000, signal: controller.signal,
      onFailure: (error) => {
        throw error
      },
      next: () => (dueAtMs) => {
        duesMs.push(dueAtMs)
        if (duesMs.length === 20) controller.abort()
        return answered
      },
    }).then(() => void (isOver = true))
    while (!controller.signal.aborted) await new Promise(setImmediate)
    await new Promise(setImmediate)
    expect(isOver).toBe(false)
    answer()
    await asking
    expect(duesMs.map((dueMs, i) => Math.round(dueMs - duesMs[0]! - i))).toEqual(duesMs.map(() => 0))
  })

  it('tells what fails, and who was left out because too many wait', async () => {
    const controller = new AbortController()
    const failures: unknown[] = []
    let answer: () => void = () => undefined
    const answered = new Promise<void>((resolve) => (answer = resolve))
    let askedCount = 0
    await askSteadily({
      ratePerSecond: 100_000, signal: controller.signal,
      next: () => () => (askedCount++ === 0 ? Promise.reject(new Error('refused')) : answered),
      onFailure: (error) => {
        failures.push(error)
        if (failures.length < 4) return
        controller.abort()
        answer()
      },
    })
    expect(failures.slice(0, 4).map((error) => (error instanceof NotAsked ? 'not asked' : (error as Error).message))).toEqual(['refused', 'not asked', 'not asked', 'not asked'])
    expect(askedCount).toBe(257)
  })
})
