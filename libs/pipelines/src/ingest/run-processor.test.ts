import { describe, expect, it } from '@jest/globals'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { Alarm } from '../alarm.ts'
import type { StepReport } from './processor.ts'
import { runProcessor } from './run-processor.ts'

const UNAVAILABLE = 'STORE_UNAVAILABLE'
const NO_REGISTRY = 'SCHEMA_REGISTRY_MISSING'
type Outcome = StepReport['did'] | typeof UNAVAILABLE | typeof NO_REGISTRY

const reportOf = (did: StepReport['did']): StepReport => ({ did, writeCount: 0, refusedCount: 0, foldedCount: 0, recordCount: 0, deadLetterCount: 0, rewoundCount: 0, foldMs: 0 })

/** How long it waited and what it told of, where its steps had these outcomes. */
async function runOf(outcomes: readonly Outcome[]): Promise<{ waitsMs: number[]; alarms: Alarm[] }> {
  const waitsMs: number[] = []
  const alarms: Alarm[] = []
  const ended = new AbortController()
  const left = [...outcomes]
  const step = async (): Promise<StepReport> => {
    const outcome = left.shift()!
    if (outcome === UNAVAILABLE || outcome === NO_REGISTRY) throw new TidemarkError([{ code: outcome, message: 'It does not answer.', where: 'schema registry', action: 'Wait.' }])
    return reportOf(outcome)
  }
  const wait = async (durationMs: number): Promise<void> => {
    waitsMs.push(durationMs)
    if (left.length === 0) ended.abort()
  }
  await runProcessor({ processor: { step }, clock: { nowMs: () => 0, steadyMs: () => 0, wait }, signal: ended.signal, onAlarm: (alarm) => alarms.push(alarm) })
  return { waitsMs, alarms }
}

describe('a run of a processor', () => {
  it('waits longer each time a store does not answer, up to ten seconds, and tells of it once', async () => {
    const { waitsMs, alarms } = await runOf(Array.from({ length: 9 }, () => UNAVAILABLE))
    expect(waitsMs).toEqual([100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000])
    expect(alarms.map(({ code }) => code)).toEqual(['STORE_UNAVAILABLE'])
  })

  it('does so too where it is taken up again each time and only the records cannot be read', async () => {
    const { waitsMs, alarms } = await runOf([UNAVAILABLE, 'took-up', 'checked', UNAVAILABLE, 'took-up', 'checked', UNAVAILABLE])
    expect(waitsMs).toEqual([100, 200, 400])
    expect(alarms).toHaveLength(1)
  })

  it('waits for somebody who looks up a schema, where it has no registry itself', async () => {
    const { waitsMs, alarms } = await runOf([NO_REGISTRY, 'took-up', NO_REGISTRY])
    expect(waitsMs).toEqual([100, 200])
    expect(alarms.map(({ code }) => code)).toEqual([NO_REGISTRY])
  })

  it.each(['folded', 'searched', 'idle'] as const)('begins anew once a step %s', async (did) => {
    const { waitsMs, alarms } = await runOf([UNAVAILABLE, UNAVAILABLE, did, UNAVAILABLE])
    expect(waitsMs.filter((waitMs) => waitMs >= 100)).toEqual([100, 200, 100])
    expect(alarms).toHaveLength(2)
  })

  it('throws what no waiting mends', async () => {
    const step = (): Promise<StepReport> => Promise.reject(new TypeError('a bug'))
    const run = runProcessor({ processor: { step }, clock: { nowMs: () => 0, steadyMs: () => 0, wait: () => Promise.resolve() }, signal: new AbortController().signal, onAlarm: () => undefined })
    await expect(run).rejects.toThrow('a bug')
  })
})
