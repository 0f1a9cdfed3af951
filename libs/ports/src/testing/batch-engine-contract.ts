// What every BatchEngine promises of panes and training rows. The in-memory engine runs it on records, DuckDB on each file format.
import { beforeAll, describe, expect, it } from '@jest/globals'
import { asOfCases } from './as-of-cases.ts'
import { clicks, groupPanes, measureOf, withoutGroup, type BatchEngineHarness } from './batch-engine-fixture.ts'
import { expectRows } from './collect-streams.ts'
import { measureCases, measureRecords, titlesOfMeasures } from './measure-cases.ts'
import { inputCases } from './input-cases.ts'
import { paneCases } from './pane-cases.ts'

/** All that a BatchEngine promises. */
export function batchEngineContract(name: string, createHarness: () => Promise<BatchEngineHarness>): void {
  groupPanesContract(name, createHarness)
  groupAsOfContract(name, createHarness)
}

/** What groupPanes promises. */
export function groupPanesContract(name: string, createHarness: () => Promise<BatchEngineHarness>): void {
  describe(`BatchEngine: ${name}, measures of a pane`, () => {
    let answer: Awaited<ReturnType<typeof groupPanes>>

    beforeAll(async () => {
      await using harness = await createHarness()
      answer = await groupPanes(harness, await harness.inputOf(clicks, measureRecords), measureCases.map(({ measure }) => measure))
    })

    it.each(measureCases)('$title', ({ title, rows }) => {
      const own = answer.rowsOf(0, titlesOfMeasures.indexOf(title)).filter(({ entity }) => entity === title)
      expectRows(withoutGroup(own), rows)
    })

    it('values stop at one beyond the limit', async () => {
      await using harness = await createHarness()
      const records = [1, 2, 3, 4, 5].map((amount) => ({ at: 1, user: 'ann', amount }))
      const measure = measureOf({ kind: 'values', limit: 2 }, { of: 'amount' })
      const { rowsOf } = await groupPanes(harness, await harness.inputOf(clicks, records), [measure])
      expect(rowsOf(0, 0)).toHaveLength(3)
    })
  })

  describe(`BatchEngine: ${name}, panes`, () => paneCases(createHarness))
  describe(`BatchEngine: ${name}, input`, () => inputCases(createHarness))
}

/** What groupAsOf promises. */
export function groupAsOfContract(name: string, createHarness: () => Promise<BatchEngineHarness>): void {
  describe(`BatchEngine: ${name}, training rows`, () => asOfCases(createHarness))
}
