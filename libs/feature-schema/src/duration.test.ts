import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { formatDuration, parseDurationMs, parseDurationOrZeroMs } from './duration.ts'
import { defaultResolutionMs, RESOLUTION_STEPS_MS, windowDefinition } from './window.ts'

describe('durations', () => {
  it.each([
    ['250ms', 250],
    ['1s', 1_000],
    ['5m', 300_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000],
    ['2w', 1_209_600_000],
  ])('%s', (text, ms) => {
    expect(parseDurationMs(text)).toBe(ms)
  })

  it.each(['', '1', 'h', '0h', '1.5h', '-1h', '1 h', '1H', '01h', '1y', '1e3s', '9999999999s'])('refuse %j', (text) => {
    expect(parseDurationMs(text)).toBeNull()
  })

  it.each([['0', 0], ['0ms', 0], ['0s', 0], ['0d', 0], ['5m', 300_000], ['00', null], ['-0', null], ['', null]])('or zero, where it is allowed: %j', (text, ms) => {
    expect(parseDurationOrZeroMs(text)).toBe(ms)
  })

  it('are written in their largest unit, and read back', () => {
    expect([604_800_000, 5_400_000, 1_500].map(formatDuration)).toEqual(['7d', '90m', '1500ms'])
    fc.assert(fc.property(fc.integer({ min: 1, max: 1e8 }), (ms) => expect(parseDurationMs(formatDuration(ms))).toBe(ms)))
  })
})

describe('default resolutions', () => {
  it.each([
    ['1m', '1s'],
    ['5m', '5s'],
    ['15m', '15s'],
    ['1h', '1m'],
    ['6h', '5m'],
    ['24h', '15m'],
    ['7d', '2h'],
    ['30d', '12h'],
    ['60d', '1d'],
    ['365d', '1d'],
  ] as const)('of %s: %s', (window, resolution) => {
    expect(windowDefinition(window).resolutionMs).toBe(parseDurationMs(resolution))
  })

  it('are a sixtieth of the window at most, and the largest step that is', () => {
    fc.assert(
      fc.property(fc.integer({ min: 60_000, max: 1e11 }), (lengthMs) => {
        const resolutionMs = defaultResolutionMs(lengthMs)!
        expect(resolutionMs * 60).toBeLessThanOrEqual(lengthMs)
        expect(RESOLUTION_STEPS_MS.filter((stepMs) => stepMs > resolutionMs && stepMs * 60 <= lengthMs)).toEqual([])
      }),
    )
  })

  it('never clash: each step is a multiple of the one before', () => {
    for (const [i, stepMs] of RESOLUTION_STEPS_MS.entries()) expect(stepMs % (RESOLUTION_STEPS_MS[i - 1] ?? 1)).toBe(0)
  })

  it('are none under a minute', () => {
    expect(defaultResolutionMs(59_999)).toBeNull()
    expect(windowDefinition('30s').resolutionMs).toBeNaN()
    expect(windowDefinition({ window: '30s', resolution: 'exact' })).toEqual({ name: '30s', lengthMs: 30_000, resolutionMs: 1 })
  })

  it('of lifetime: none is needed', () => {
    expect(windowDefinition('lifetime')).toEqual({ name: 'lifetime', lengthMs: null, resolutionMs: null })
  })
})
