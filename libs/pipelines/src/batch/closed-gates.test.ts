import { describe, expect, it } from '@jest/globals'
import { TidemarkError, type ErrorCode } from '@tidemark/feature-schema/errors'
import { createClosedGates } from './closed-gates.ts'
import type { DueEvent } from './run-due.ts'

function failed(view: string, message: string, code: ErrorCode = 'GATE_CLOSED'): DueEvent {
  return { view, attempt: 1, kind: 'failed', error: new TidemarkError([{ code, message, where: `view ${view}`, action: 'Look at it.' }]), retryAtMs: null }
}

const waiting: DueEvent = { view: 'a@1', kind: 'waiting', untilMs: 0 }
const done = { view: 'a@1', attempt: 1, kind: 'done', result: {} } as DueEvent

describe('closed gates', () => {
  it('are the same again until the reason is another one, or a run ends otherwise', () => {
    const isAgain = createClosedGates()
    const told = [failed('a@1', '2 of 4'), failed('a@1', '2 of 4'), waiting, failed('a@1', '2 of 4'), failed('a@1', '3 of 5'), failed('a@1', '2 of 4'), done, failed('a@1', '2 of 4')]
    expect(told.map(isAgain)).toEqual([false, true, false, true, false, false, false, false])
  })

  it('are each view\'s own, and no other failure is one', () => {
    const isAgain = createClosedGates()
    expect([failed('a@1', 'x'), failed('b@1', 'x'), failed('b@1', 'x', 'STORE_DAMAGED'), failed('b@1', 'x', 'STORE_DAMAGED'), failed('b@1', 'x'), failed('a@1', 'x')].map(isAgain)).toEqual([false, false, false, false, false, true])
  })
})
