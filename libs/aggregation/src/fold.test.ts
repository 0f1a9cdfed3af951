// A row made ready for a view: its derived columns, and whether the view's filter lets it count.

import { describe, expect, it } from '@jest/globals'
import type { FeatureViewDefinition } from '@tidemark/feature-schema/definition'
import type { Row } from '@tidemark/feature-schema/value'
import { prepareRow } from './fold.ts'
import { generateSource } from './testing/generate-definition.ts'
import { seededRandom } from './testing/random.ts'
import { planView, type ViewPlan } from './view-plan.ts'

const source = generateSource(seededRandom(1))

function planOf(more: Partial<FeatureViewDefinition>): ViewPlan {
  return planView({
    name: 'view', version: 1, source: source.name, sourceVersion: source.version, bucketCount: 64, derive: [], entity: [{ key: 'user', column: 'user' }],
    aggregations: [{ name: 'n', op: 'count', of: null, windows: [{ name: 'lifetime', lengthMs: null, resolutionMs: null }] }], ...more,
  }, source)
}

/** A row of the source's fields. */
function rowOf(small: number | null): Row {
  return source.fields.map(({ name }) => (name === 'small' ? small : null))
}

const derive: FeatureViewDefinition['derive'] = [
  { name: 'next', type: 'int32', expression: 'small + 1' }, { name: 'afterNext', type: 'int32', expression: 'next + 1' },
]

describe('prepareRow', () => {
  it('appends derived columns, each from those before it', () => {
    const row = rowOf(5)
    expect(prepareRow(planOf({ derive }), row)).toBe(true)
    expect(row).toEqual([...rowOf(5), 6, 7])
  })

  it('appends them once, and to one row for one view after another', () => {
    const row = rowOf(5)
    const [plan, other] = [planOf({ derive }), planOf({ derive: [{ name: 'half', type: 'double', expression: 'small / 2' }], where: 'half = 2.5' })]
    for (const each of [plan, plan, other, other]) expect(prepareRow(each, row)).toBe(true)
    expect(row).toEqual([...rowOf(5), 2.5])
    expect(prepareRow(planOf({}), row)).toBe(true)
    expect(row).toEqual(rowOf(5))
  })

  it('law 1: a row counts where the filter is true: not where it is false, and not where it is NULL', () => {
    const plan = planOf({ derive, where: 'next > 5' })
    expect([5, 4, null].map((small) => prepareRow(plan, rowOf(small)))).toEqual([true, false, false])
  })
})
