// What an aggregation is of no value, as docs/definitions.md says it, while the entity has an event.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import type { AggregationOp, FeatureViewDefinition } from '@tidemark/feature-schema/definition'
import { encodeState, NO_CHUNKS, openState, presentChunks } from './entity-state.ts'
import { foldEvent, prepareRow } from './fold.ts'
import { mergeAtCut } from './merge.ts'
import { ALL_OPS, generateSource } from './testing/generate-definition.ts'
import { seededRandom } from './testing/random.ts'
import { planView } from './view-plan.ts'

const source = generateSource(seededRandom(1))
const definitions = readFileSync(join(import.meta.dirname, '../../../docs/definitions.md'), 'utf8')

/** The value of no value, after an event that the aggregation's filter leaves out. */
function valueOfNone(op: AggregationOp, groupBy?: string): unknown {
  const view: FeatureViewDefinition = {
    name: 'view', version: 1, source: 'events', sourceVersion: 1, bucketCount: 64, derive: [], entity: [{ key: 'user', column: 'user' }],
    aggregations: [{
      name: 'f', op, of: op === 'timeSinceLast' ? null : 'small', where: 'small > 5', windows: [{ name: 'lifetime', lengthMs: null, resolutionMs: null }],
      ...(op === 'ratio' && { per: 'small' }), ...(op.endsWith('K') && { k: 2 }), ...(op === 'quantile' && { quantile: 0.5 }), ...(groupBy && { groupBy }),
    }],
  }
  const plan = planView(view, source)
  const state = openState(plan, NO_CHUNKS)
  const row = ['ann', null, 1, 3, null, null, 'a', null, null]
  prepareRow(plan, row)
  foldEvent(plan, state, { epoch: 0, partition: 0, offset: 0, eventTimeMs: 1, appendTimeMs: 1, row })
  return mergeAtCut(plan, null, presentChunks({ ...NO_CHUNKS, ...encodeState(plan, state) }), { cut: -Infinity, t: 2 }).values[0]
}

describe('no value', () => {
  const nothing = { status: 'NULL_VALUE', value: null }
  const zeros: readonly AggregationOp[] = ['count', 'uniqueCount', 'approxUniqueCount']

  it.each(ALL_OPS)('of %s is what the reference says, and with groupBy the empty map', (op) => {
    const empty = { status: 'PRESENT', value: {} }
    expect(valueOfNone(op)).toEqual(zeros.includes(op) ? { status: 'PRESENT', value: 0 } : op === 'histogram' ? empty : nothing)
    expect(valueOfNone(op, 'text')).toEqual(empty)
  })

  it('is said in the reference', () => {
    expect(definitions).toContain(`${zeros.slice(0, 2).map((op) => `\`${op}\``).join(', ')} and \`${zeros[2]}\` are 0, \`histogram\` and whatever has a \`.groupBy\` are the empty map`)
  })
})
