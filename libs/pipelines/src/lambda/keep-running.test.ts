// A loop that meets trouble of a store begins again; anything else ends it.
import { describe, expect, it } from '@jest/globals'
import { TidemarkError, type ErrorCode } from '@tidemark/feature-schema/errors'
import type { Alarm } from '../alarm.ts'
import { keepRunning } from './keep-running.ts'

const trouble = (code: ErrorCode): TidemarkError => new TidemarkError([{ code, message: 'It is so.', where: 'store', action: 'Wait.' }])

function run(loop: (attempt: number, controller: AbortController, pass: (durationMs: number) => void) => Promise<void>): { ended: Promise<void>; waits: number[]; alarms: Alarm[] } {
  const controller = new AbortController()
  const [waits, alarms]: [number[], Alarm[]] = [[], []]
  let [attempt, nowMs] = [0, 0]
  const clock = {
    nowMs: () => nowMs,
    steadyMs: () => nowMs,
    wait: (durationMs: number) => {
      waits.push(durationMs)
      nowMs += durationMs
      return Promise.resolve()
    },
  }
  return { ended: keepRunning(() => loop(++attempt, controller, (durationMs) => void (nowMs += durationMs)), clock, controller.signal, (alarm) => void alarms.push(alarm)), waits, alarms }
}

describe('keepRunning', () => {
  it('waits longer each time, up to a limit, and raises one alarm', async () => {
    const { ended, waits, alarms } = run((attempt) => (attempt <= 9 ? Promise.reject(trouble('STORE_FULL')) : Promise.resolve()))
    await ended
    expect(waits).toEqual([200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000, 10_000])
    expect(alarms).toEqual([{ code: 'STORE_FULL', message: 'It is so.', where: 'store' }])
  })

  it('raises one alarm though each attempt takes long to fail, and another one after it went well for a while', async () => {
    const { ended, waits, alarms } = run((attempt, _, pass) => {
      pass(attempt === 4 ? 61_000 : 15_000)
      return attempt <= 4 ? Promise.reject(trouble('STORE_UNAVAILABLE')) : Promise.resolve()
    })
    await ended
    expect([waits, alarms]).toEqual([[200, 200, 200, 200], [expect.anything(), expect.anything()]])
  })

  it('goes on once an engine has room again for what it puts aside', async () => {
    const { ended, waits, alarms } = run((attempt) => (attempt === 1 ? Promise.reject(trouble('OUTPUT_FAILED')) : Promise.resolve()))
    await ended
    expect([waits, alarms.map(({ code }) => code)]).toEqual([[200], ['OUTPUT_FAILED']])
  })

  it('throws what does not pass, bugs too', async () => {
    await expect(run(() => Promise.reject(trouble('STORE_DAMAGED'))).ended).rejects.toMatchObject({ code: 'STORE_DAMAGED' })
    await expect(run(() => Promise.reject(new Error('a bug'))).ended).rejects.toThrow('a bug')
  })

  it('ends with the signal, whose reason is no failure, and with trouble that it cut short', async () => {
    await run((_, controller) => {
      controller.abort(new Error('enough'))
      return Promise.reject(controller.signal.reason)
    }).ended
    const { ended, waits } = run((_, controller) => {
      controller.abort(new Error('enough'))
      return Promise.reject(trouble('STORE_UNAVAILABLE'))
    })
    await ended
    expect(waits).toHaveLength(1)
  })
})
