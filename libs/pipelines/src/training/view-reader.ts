// Reads one view's answer row by row, and finalises each row's features as serving does.
import type { FeatureValue } from '@tidemark/aggregation/feature-value'
import type { AsOfResult } from '@tidemark/ports/batch-engine'
import { ColumnCursor } from '../column-cursor.ts'
import { PartialStream, type GroupPartials } from '../partial-stream.ts'
import type { AsOfPlan } from './as-of-plan.ts'
import { finaliseRow } from './finalise-row.ts'

/** What a row says of itself: NULL where it cannot be read. */
export interface RowPlace {
  readonly timeMs: number | null
  readonly hasKeys: boolean
}

export class ViewReader {
  private readonly asOf: AsOfPlan
  private readonly rows: ColumnCursor
  private readonly streams: readonly PartialStream[]
  private readonly keyNames: readonly string[]

  constructor(asOf: AsOfPlan, result: AsOfResult) {
    this.asOf = asOf
    this.rows = new ColumnCursor(result.rows)
    this.streams = result.streams.map((stream) => new PartialStream(stream, asOf.asked[stream.ladder]!, 'row'))
    this.keyNames = asOf.plan.keys.map((_, i) => `key_${i}`)
  }

  /** The next row's features, in the plan's order; null where it has no time or no entity. Rows are read in ascending order, each once. */
  async next(row: number): Promise<{ readonly place: RowPlace; readonly values: readonly FeatureValue[] | null }> {
    const { rows, asOf } = this
    if (rows.isBehind && !(await rows.load())) throw new Error(`the engine gave ${row} rows, one more was expected`)
    const timeMs = rows.value('timeMs') as number | null
    const hasKeys = this.keyNames.every((name) => rows.value(name) !== null)
    rows.index++
    const windows = asOf.asked.map((): GroupPartials => [])
    for (const stream of this.streams) await stream.addRowsOf(row, () => windows[stream.ladder]!)
    return { place: { timeMs, hasKeys }, values: timeMs === null || !hasKeys ? null : finaliseRow(asOf, windows, timeMs) }
  }

  /** Ends the streams early. */
  async close(): Promise<void> {
    await Promise.all([this.rows.close(), ...this.streams.map((stream) => stream.close())])
  }
}
