// What a replay asks: the rows' questions, each as a request of its view would have it, in the order of their times.

import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import { bucketOf, encodeEntityKey, entityHash, type KeyType } from '@tidemark/feature-schema/entity-key'
import type { Value } from '@tidemark/feature-schema/value'
import type { RowsInput } from '@tidemark/ports/batch-engine'
import type { RecordReader } from '@tidemark/ports/record-reader'

/** One row of one view. */
export interface Question {
  readonly row: number
  readonly atMs: number
  readonly entity: Readonly<Record<string, unknown>>
  /** That the view has the entity in. */
  readonly bucket: number
}

export interface Questions {
  readonly rowCount: number
  readonly unreadableTimeCount: number
  /** By time; rows whose keys cannot be read are left out. */
  readonly ofView: ReadonlyMap<ViewPlan, readonly Question[]>
}

/** What one view is asked at one time. */
export interface AskedAtOnce {
  readonly plan: ViewPlan
  readonly questions: readonly Question[]
}

/** Throws INPUT_UNREADABLE or UNKNOWN_NAME. */
export async function readQuestions(reader: RecordReader, plans: readonly ViewPlan[], rows: RowsInput, rowKeys: Readonly<Record<string, string>>): Promise<Questions> {
  const keys = [...new Map(plans.flatMap((plan) => plan.keys).map((each) => [each.key, each])).values()]
  const ofView = new Map<ViewPlan, Question[]>(plans.map((plan) => [plan, []]))
  let [rowCount, unreadableTimeCount] = [0, 0]
  for await (const { rowCount: count, columns } of reader.readQuestions(rows, { keys, rowKeys })) {
    for (let i = 0; i < count; i++, rowCount++) {
      const atMs = columns['timeMs']![i] as number | null
      if (atMs === null) {
        unreadableTimeCount++
        continue
      }
      const values = new Map(keys.map(({ key }, k) => [key, columns[`key_${k}`]![i] ?? null]))
      for (const [plan, questions] of ofView) {
        const own = plan.keys.map(({ key }) => values.get(key) ?? null)
        if (!own.includes(null)) questions.push(questionOf(plan, own, rowCount, atMs))
      }
    }
  }
  for (const questions of ofView.values()) questions.sort((a, b) => a.atMs - b.atMs || a.row - b.row)
  return { rowCount, unreadableTimeCount, ofView }
}

function questionOf({ keys, view }: ViewPlan, values: readonly Value[], row: number, atMs: number): Question {
  const entity = encodeEntityKey(values, keys.map(({ type }) => type as KeyType))
  return { row, atMs, entity: Object.fromEntries(keys.map(({ key }, i) => [key, asJson(values[i]!)])), bucket: bucketOf(entityHash(entity), view.bucketCount) }
}

/** As a request would have it. */
function asJson(value: Value): unknown {
  return typeof value === 'bigint' ? String(value) : value
}

/** The questions by their times, in order, those of one time at once. */
export function* byTime({ ofView }: Questions): Generator<{ readonly atMs: number; readonly asked: readonly AskedAtOnce[] }> {
  const left = Array.from(ofView, ([plan, questions]) => ({ plan, questions, at: 0 }))
  for (;;) {
    const atMs = Math.min(...left.map(({ questions, at }) => questions[at]?.atMs ?? Infinity))
    if (atMs === Infinity) return
    const asked = left.map((view) => {
      const first = view.at
      while (view.questions[view.at]?.atMs === atMs) view.at++
      return { plan: view.plan, questions: view.questions.slice(first, view.at) }
    })
    yield { atMs, asked: asked.filter(({ questions }) => questions.length > 0) }
  }
}
