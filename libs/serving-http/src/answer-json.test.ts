// The text of an answer, which is written piece by piece, says what JSON.stringify says of the same answer.
import { describe, expect, it } from '@jest/globals'
import type { FinalValue } from '@tidemark/aggregation/partial'
import type { FeatureAnswer, ServedValue } from '@tidemark/pipelines/serve/feature-answer'
import fc from 'fast-check'
import { Slices } from '@tidemark/pipelines/serve/sliced-work'
import { answerJson, entityJson } from './answer-json.ts'
import { piecesOf, textOf } from './large-answer.ts'

const scalar = fc.oneof(fc.double(), fc.constantFrom(-0, 5e-324, 2 ** 53, 1e21), fc.maxSafeInteger(), fc.bigInt(), fc.boolean(), fc.string({ unit: 'binary' }), fc.constant(null))
const value = fc.oneof(scalar, fc.array(scalar, { maxLength: 3 }), fc.dictionary(fc.string(), scalar, { maxKeys: 3 })) as fc.Arbitrary<FinalValue>
const served: fc.Arbitrary<ServedValue> = fc.record({
  status: fc.constantFrom('PRESENT', 'NULL_VALUE', 'NOT_FOUND', 'OUTSIDE_MAX_AGE', 'UNAVAILABLE'), value, reason: fc.constantFrom('overflow', 'deadline'), isDefault: fc.constant(true),
}, { requiredKeys: ['status', 'value'] })
const name = fc.record({ view: fc.string(), feature: fc.string() })
const lists = fc.array(name, { maxLength: 3 })

function answerWith(features: FeatureAnswer['features']): fc.Arbitrary<FeatureAnswer> {
  const { length } = features
  return fc.record({
    t: fc.maxSafeInteger(),
    features: fc.constant(features),
    tailsMs: fc.array(fc.option(fc.integer({ max: 2, min: 0 })), { minLength: length, maxLength: length }),
    entities: fc.array(fc.record({ values: fc.array(served, { minLength: length, maxLength: length }), explanation: fc.constant([]) }, { requiredKeys: ['values'] }), { maxLength: 2 }),
    views: fc.array(fc.record({ view: fc.string(), version: fc.nat(), generation: fc.option(fc.nat()), cut: fc.option(fc.integer()), lagMs: fc.option(fc.nat()) }), { maxLength: 2 }),
    degraded: fc.array(fc.record({ code: fc.constant('SPEED_LAGGING' as const), view: fc.string(), message: fc.string() }), { maxLength: 1 }),
  })
}

function expectedOf({ t, features, tailsMs, entities, views, degraded }: FeatureAnswer): unknown {
  return {
    t, features: features.map(({ view, feature }) => `${view}:${feature}`), tails: tailsMs,
    entities: entities.map(({ values, explanation }) => ({
      values: values.map((each) => each.value), statuses: values.map(({ status }) => status),
      ...(values.some(({ reason }) => reason) && { reasons: values.map(({ reason }) => reason ?? null) }),
      ...(values.some(({ isDefault }) => isDefault) && { isDefault: values.map(({ isDefault }) => isDefault ?? false) }),
      ...(explanation && { explanation }),
    })),
    views, degraded,
  }
}

const bigintsAsText = (_: string, inner: unknown): unknown => (typeof inner === 'bigint' ? String(inner) : inner)

describe('answerJson', () => {
  it('says what JSON.stringify says, of one answer after another to the same features, in however many slices', async () => {
    const answersInTurn = lists.chain((features) => fc.array(answerWith(features), { minLength: 1, maxLength: 4 }))
    await fc.assert(fc.asyncProperty(answersInTurn, fc.constantFrom(0, 5), async (answers, sliceMaxMs) => {
      const slices = new Slices({ nowMs: () => 0, steadyMs: () => 0 }, sliceMaxMs)
      for (const answer of answers) {
        const json = answerJson({ ...answer, entities: answer.entities.map(entityJson) })
        const expected = JSON.stringify(expectedOf(answer), bigintsAsText)
        expect(textOf(json)).toBe(expected)
        expect(Buffer.concat(await piecesOf(json, slices)).equals(Buffer.from(expected))).toBe(true)
      }
    }))
  })
})
