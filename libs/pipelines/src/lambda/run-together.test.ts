// Loops side by side end together, and nothing of them is at work any more by then.
import { expect, it } from '@jest/globals'
import type { WaitingClock } from '@tidemark/ports/clock'
import { LoopGroups, runTogether, type Loop } from './run-together.ts'

const clock: WaitingClock = { nowMs: () => 0, steadyMs: () => 0, wait: () => Promise.resolve() }
const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await Promise.resolve()
}

/** Loops that drain for so many turns once they are told to end, and which of them have. */
function drainingLoops(...drains: readonly number[]): { readonly loops: Loop[]; readonly drained: Set<number> } {
  const drained = new Set<number>()
  const loops = drains.map((count): Loop => async (signal) => {
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
    await turns(count)
    drained.add(count)
  })
  return { loops, drained }
}

it('waits until every loop is drained, the slowest too', async () => {
  const { loops, drained } = drainingLoops(0, 1_000, 10)
  const ending = new AbortController()
  const running = runTogether(loops, { clock, signal: ending.signal, onAlarm: () => undefined })
  ending.abort()
  await running
  expect(drained).toEqual(new Set([0, 10, 1_000]))
})

it('ends the others where one fails for good, and throws that once they are drained', async () => {
  const { loops, drained } = drainingLoops(1_000)
  const failing: Loop = () => Promise.reject(new Error('a bug'))
  await expect(runTogether([failing, ...loops], { clock, signal: new AbortController().signal, onAlarm: () => undefined })).rejects.toThrow('a bug')
  expect(drained).toEqual(new Set([1_000]))
})

it('ends a group alone, and with all others, once what is at work of it is drained', async () => {
  const { loops: [slow, slower, slowest], drained } = drainingLoops(100, 1_000, 2_000)
  const groups = new LoopGroups({ clock, onAlarm: () => undefined })
  const first = groups.add([slow!])
  groups.add([slower!])
  const ending = new AbortController()
  const running = groups.loop(ending.signal)
  groups.add([slowest!])
  await first.end(new Error('it is no more'))
  expect(drained).toEqual(new Set([100]))
  ending.abort()
  await running
  expect(drained).toEqual(new Set([100, 1_000, 2_000]))
})
