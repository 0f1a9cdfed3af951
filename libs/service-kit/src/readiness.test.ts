// What /readyz says, and when.
import { describe, expect, it } from '@jest/globals'
import { Readiness } from './readiness.ts'

const away = { code: 'STORE_UNAVAILABLE', message: 'It is away.' } as const

describe('Readiness', () => {
  it('says what it waits for, and for how long', () => {
    let nowMs = 1_000
    const readiness = new Readiness(() => nowMs)
    readiness.waits('log', { message: 'It has not answered yet.' })
    nowMs = 3_500
    readiness.waits('log', away)
    expect(readiness.read()).toEqual({ status: 'waiting', isReady: false, waitsFor: [{ name: 'log', ...away, forMs: 2_500 }] })
    readiness.answers('log')
    expect(readiness.read()).toEqual({ status: 'waiting', isReady: false, waitsFor: [] })
    readiness.started()
    expect(readiness.read()).toEqual({ status: 'ready', isReady: true, waitsFor: [] })
  })

  it('stays ready without a server only where it answers all the same', () => {
    const readiness = new Readiness(() => 0)
    readiness.started()
    readiness.waits('log', away)
    expect(readiness.read()).toMatchObject({ status: 'waiting', isReady: false })
    readiness.answersWithout = true
    expect(readiness.read()).toMatchObject({ status: 'degraded', isReady: true })
  })

  it('is over once it drains', () => {
    const readiness = new Readiness(() => 0)
    readiness.drains()
    readiness.started()
    expect(readiness.read()).toMatchObject({ status: 'draining', isReady: false })
    expect(readiness.isDraining).toBe(true)
  })
})
