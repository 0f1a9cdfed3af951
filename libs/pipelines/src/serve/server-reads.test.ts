// What makes a server one that is left out: that nothing of it has succeeded for a while, not how often what was asked before failed since.

import { expect, it } from '@jest/globals'
import { TidemarkError, type ErrorCode } from '@tidemark/feature-schema/errors'
import { createSteppedClock } from '@tidemark/ports/stepped-clock'
import { Deadlines } from './deadlines.ts'
import { READ_HANGS_AFTER_MS, ServerReads, TRIED_EVERY_MS } from './server-reads.ts'

const failure = (code: ErrorCode): TidemarkError => new TidemarkError([{ code, message: 'No.', where: 'host:1', action: 'Look.' }])
const AWAY = failure('STORE_UNAVAILABLE')

function openReads() {
  const clock = createSteppedClock(0)
  const told: (ErrorCode | null)[] = []
  const reads = new ServerReads({ name: 'stores', clock, deadlines: new Deadlines(clock), onLeftOut: (_, problem) => void told.push(problem?.code ?? null) })
  return {
    told,
    /** Reads; what ends it. */
    begin() {
      const { promise, resolve, reject } = Promise.withResolvers<string>()
      Promise.resolve(reads.read(() => promise)).catch(() => undefined)
      return { succeed: () => resolve('read'), fail: (error: Error = AWAY) => reject(error) }
    },
    async pass(durationMs: number): Promise<void> {
      for (let passedMs = 0; passedMs < durationMs; passedMs += 5) {
        clock.step(5)
        await new Promise(setImmediate)
      }
    },
  }
}

it('is not away for what it refuses, or has damaged', async () => {
  const { told, begin, pass } = openReads()
  for (const code of ['STORE_DAMAGED', 'STORE_REFUSED', 'STORE_TOO_NEW'] as const) {
    for (let i = 0; i < 5; i++) {
      begin().fail(failure(code))
      await pass(READ_HANGS_AFTER_MS / 2)
    }
  }
  expect(told).toEqual([])
})

it('is not left out for reads that fail though others, begun later, succeeded', async () => {
  const { told, begin, pass } = openReads()
  const early = [begin(), begin(), begin()]
  await pass(READ_HANGS_AFTER_MS - 100)
  begin().succeed()
  await pass(200)
  for (const read of early) read.fail()
  await pass(50)
  expect(told).toEqual([])
})

it('counts a read once, that hangs first and fails then', async () => {
  const { told, begin, pass } = openReads()
  const hanging = [begin(), begin()]
  await pass(READ_HANGS_AFTER_MS + 10)
  for (const read of hanging) read.fail()
  await pass(50)
  expect(told).toEqual([])
  begin().fail()
  await pass(50)
  expect(told).toEqual(['STORE_UNAVAILABLE'])
  await pass(TRIED_EVERY_MS)
  begin().succeed()
  await pass(50)
  expect(told).toEqual(['STORE_UNAVAILABLE', null])
})
