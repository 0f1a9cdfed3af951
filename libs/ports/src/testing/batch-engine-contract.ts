// What every BatchEngine promises of panes and training rows. The in-memory engine runs it on records, DuckDB on each file format.
import { describe, expect, it } from '@jest/globals'
import { asOfCases } from './as-of-cases.ts'
import { clicks, groupPanes, measureOf, withoutGroup, type BatchEngineHarness } from './batch-engine-fixture.ts'
import { expectRows, type PlainRow } from './collect-streams.ts'
import { measureCases, recordsOf } from './measure-cases.ts'
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
    it.each(measureCases)('$title', async (one) => {
      await using harness = await createHarness()
      const input = await harness.inputOf(clicks, recordsOf(one))
      const { rowsOf } = await groupPanes(harness, input, [one.measure])
      expectRows(withoutGroup(rowsOf(0, 0)), one.rows)
    })

    it('every measure beside every other', async () => {
      await using harness = await createHarness()
      const records = measureCases.flatMap((one, i) => recordsOf(one).map((record) => ({ ...record, user: `user ${i}` })))
      const input = await harness.inputOf(clicks, records)
      const { rowsOf } = await groupPanes(harness, input, measureCases.map(({ measure }) => measure))
      for (const [i, one] of measureCases.entries()) {
        const own = rowsOf(0, i).filter(({ entity }) => entity === `user ${i}`)
        expectRows(withoutGroup(own).map(withoutOffset), one.rows.map(withoutOffset))
      }
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

/** In one file with other cases, a record has another offset. */
function withoutOffset({ offset: _, ...rest }: PlainRow): PlainRow {
  return rest
}
