import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { count } from './aggregations.ts'
import { eventSource, featureView, int32, int64, string, timestamp } from './dsl.ts'
import { bucketOf, decodeEntityKey, encodeEntityKey, entityHash, type KeyType } from './entity-key.ts'
import { entityKeysOf, readEntity } from './entity-request.ts'
import { canonicalInt64, INT64_MAX, INT64_MIN, type Value } from './value.ts'

const keyValue = fc.oneof(
  fc.string({ unit: 'binary' }).map((value): [KeyType, Value] => ['string', value]),
  fc.boolean().map((value): [KeyType, Value] => ['boolean', value]),
  fc.integer().map((value): [KeyType, Value] => ['int32', value]),
  fc.bigInt(INT64_MIN, INT64_MAX).map((value): [KeyType, Value] => ['int64', canonicalInt64(value)]),
  fc.integer({ min: -9e12, max: 9e12 }).map((value): [KeyType, Value] => ['timestamp', value]),
)
const encode = (keys: readonly [KeyType, Value][]): Uint8Array =>
  encodeEntityKey(
    keys.map(([, value]) => value),
    keys.map(([type]) => type),
  )

describe('entity keys as bytes', () => {
  it('are pinned: buckets and stored rows are found by them', () => {
    const entity = encode([['string', 'żółw'], ['int64', -12n], ['boolean', true], ['timestamp', 0]])
    expect(Buffer.from(entity).toString()).toBe('s7:żółwi3:-12b4:truet1:0')
    expect(entityHash(encode([['string', 'JFK']]))).toBe(0x97ba8d18aae3306an)
  })

  it('come back as the values that they were made of', () => {
    fc.assert(
      fc.property(fc.array(keyValue, { minLength: 1, maxLength: 4 }), (keys) => {
        expect(decodeEntityKey(encode(keys))).toEqual(keys.map(([, value]) => value))
      }),
    )
  })

  it('differ where the values do, wherever one ends and the next begins', () => {
    const texts = fc.array(fc.string({ unit: fc.constantFrom('s', '1', ':', 'i') }), { minLength: 1, maxLength: 3 })
    fc.assert(
      fc.property(texts, texts, (a, b) => {
        const [left, right] = [a, b].map((values) => Buffer.from(encode(values.map((value) => ['string', value]))).toString())
        expect(left === right).toBe(JSON.stringify(a) === JSON.stringify(b))
      }),
    )
  })

  it.each(['s', 's3:ab', 's:ab', 'x1:a', 's-1:', '3:abc'])('are refused when they are %j', (text) => {
    expect(() => decodeEntityKey(Buffer.from(text))).toThrow('not an entity key')
  })

  it('spread over the buckets', () => {
    expect(bucketOf(0xffff_ffff_ffff_fffen, 64)).toBe(62)
    expect(bucketOf(5n, 1)).toBe(0)
    const entities = Array.from({ length: 6_400 }, (_, i) => encode([['int32', i]]))
    const counts = new Map<number, number>()
    for (const entity of entities) counts.set(bucketOf(entityHash(entity), 64), (counts.get(bucketOf(entityHash(entity), 64)) ?? 0) + 1)
    expect(counts.size).toBe(64)
    expect(Math.max(...counts.values())).toBeLessThan(160)
  })
})

describe('a requested entity', () => {
  const flights = eventSource('flights', { fields: { at: timestamp(), origin: string(), carrier: int64(), gate: int32() }, eventTime: 'at' })
  const view = featureView('gates', {
    source: flights,
    entity: { airport: 'origin', carrier: 'carrier', bay: 'bay' },
    derive: { bay: int32('gate % 10') },
    features: { departures: count().over('1h') },
  })
  const keys = entityKeysOf(view.definition, flights.definition)

  it('has the types of its columns', () => {
    expect(keys).toEqual([
      { key: 'airport', column: 'origin', type: 'string' },
      { key: 'carrier', column: 'carrier', type: 'int64' },
      { key: 'bay', column: 'bay', type: 'int32' },
    ])
  })

  it('is read in join-key order, in canonical form, other keys ignored', () => {
    expect(readEntity(keys, { bay: 2, other: 1, carrier: '9007199254740993', airport: 'JFK' }, 'entity 0')).toEqual({
      values: ['JFK', 9_007_199_254_740_993n, 2],
    })
  })

  it('is refused with every key that is missing, NULL or of another type', () => {
    const result = readEntity(keys, { Airport: 'JFK', carrier: null, bay: '2' }, 'entity 3 of view gates')
    expect('problems' in result && result.problems).toEqual([
      {
        code: 'ENTITY_INVALID',
        message: 'Join key airport: expected string, found nothing.',
        where: 'entity 3 of view gates, key airport',
        action: 'Give airport as string; there is Airport, is that it?',
      },
      {
        code: 'ENTITY_INVALID',
        message: 'Join key carrier: expected int64 (an integer; beyond 2^53 as a string), found null.',
        where: 'entity 3 of view gates, key carrier',
        action: 'Give carrier as int64 (an integer; beyond 2^53 as a string).',
      },
      {
        code: 'ENTITY_INVALID',
        message: 'Join key bay: expected int32 (an integer from -2147483648 to 2147483647), found "2".',
        where: 'entity 3 of view gates, key bay',
        action: 'Give bay as int32 (an integer from -2147483648 to 2147483647).',
      },
    ])
  })
})
