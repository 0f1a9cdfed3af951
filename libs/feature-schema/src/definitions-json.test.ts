import { describe, expect, it } from '@jest/globals'
import { count, last, sum } from './aggregations.ts'
import { collectDefinitions } from './collect-definitions.ts'
import { definitionsContentHash, serviceContentHash, sourceContentHash, viewContentHash } from './content-hash.ts'
import type { Definitions, FeatureViewDefinition } from './definition.ts'
import { parseDefinitions, serializeDefinitions } from './definitions-json.ts'
import { all, eventSource, featureService, featureView, int64, string, timestamp } from './dsl.ts'
import { TidemarkError } from './errors.ts'

const payments = eventSource('payments', {
  fields: { at: timestamp(), card: string().tags('pii'), cents: int64().between(0, 1_000_000).nullable().describe('Euro cents') },
  eventTime: 'at',
  owner: 'risk',
})
const cards = featureView('cards', {
  source: payments,
  entity: { card: 'card' },
  where: 'cents > 0',
  derive: { euros: int64('cents / 100') },
  features: {
    payments: count().over('1h', 'lifetime').describe('How often'),
    spent: sum('euros').over('7d').default(9_007_199_254_740_993n).groupBy('card'),
    latest: last('cents').over('24h').default(null),
  },
  maxAge: '90d',
})
const fraud = featureService('fraud', { features: [all(cards)] })
const written = collectDefinitions([fraud])

function problemsOf(text: string): TidemarkError['problems'] {
  try {
    parseDefinitions(text)
  } catch (error) {
    if (error instanceof TidemarkError) return error.problems
    throw error
  }
  throw new Error('nothing was refused')
}

/** The JSON of `written` with a change to it. */
function changed(change: (json: Record<string, never>) => void): string {
  const json = JSON.parse(serializeDefinitions(written)) as Record<string, never>
  change(json)
  return JSON.stringify(json)
}

/** The same JSON with the properties of every object in reverse. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).reverse().map(([name, property]) => [name, reversed(property)]))
}

describe('definitions as JSON', () => {
  it('come back as they were, with the same hash', () => {
    const read = parseDefinitions(serializeDefinitions(written))
    expect(read).toEqual(written)
    expect(definitionsContentHash(read)).toBe(definitionsContentHash(written))
  })

  it('hash alike in any order of properties', () => {
    const text = JSON.stringify(reversed(JSON.parse(serializeDefinitions(written))))
    expect(text).not.toBe(JSON.stringify(JSON.parse(serializeDefinitions(written))))
    expect(definitionsContentHash(parseDefinitions(text))).toBe(definitionsContentHash(written))
  })

  it('refuse a newer format version, and say what to do', () => {
    const [problem, ...others] = problemsOf(`{ "formatVersion": 2, "streams": [] }`)
    expect(others).toEqual([])
    expect(problem).toEqual({
      code: 'DEFINITION_TOO_NEW',
      message: 'The definitions have format version 2; this release reads up to 1.',
      where: 'formatVersion',
      action: 'Read them with the release that wrote them, or a later one; or write them again with this release from their source.',
    })
  })

  it('say every problem of the form at once, each with its place', () => {
    const text = changed(({ sources, views }: Record<string, [Record<string, unknown>]>) => {
      Object.assign(sources![0], { colour: 'red', delayMs: 'none' })
      const [first, second] = views![0].aggregations as [Record<string, unknown>, Record<string, unknown>]
      first.op = 'average'
      second.default = { int64: '9223372036854775808' }
      delete views![0].bucketCount
    })
    expect(problemsOf(text).map(({ where, code }) => `${code} ${where}`).sort()).toEqual([
      'DEFINITION_INVALID source payments',
      'DEFINITION_INVALID source payments, delayMs',
      'DEFINITION_INVALID view cards, aggregation payments, op',
      'DEFINITION_INVALID view cards, aggregation spent, default',
      'DEFINITION_INVALID view cards, bucketCount',
    ])
    expect(problemsOf(text).map(({ message }) => message)).toContain('There is a property `colour`, which means nothing here.')
  })

  it('keep the format of a source, and refuse one that there is not', () => {
    const avro: Definitions = { ...written, sources: [{ ...payments.definition, format: 'avro' }] }
    expect(parseDefinitions(serializeDefinitions(avro))).toEqual(avro)
    expect(problemsOf(changed(({ sources }: Record<string, [Record<string, unknown>]>) => void (sources![0].format = 'xml')))).toMatchObject([{ where: 'source payments, format' }])
  })

  it.each(['', '{', 'null', '[]', '7', '{"formatVersion":0,"sources":[],"views":[],"services":[]}'])('refuse %j', (text) => {
    expect(problemsOf(text)[0]!.code).toBe('DEFINITION_INVALID')
  })

  it('are not written unchecked', () => {
    const broken: Definitions = { ...written, sources: [{ ...payments.definition, epochLengthMs: Number.NaN }] }
    expect(() => serializeDefinitions(broken)).toThrow('NaN has no JSON form')
  })
})

describe('the content hash', () => {
  const hash = viewContentHash(cards.definition, payments.definition)

  it('is pinned: a stored view is found by it', () => {
    expect(sourceContentHash(payments.definition)).toMatchInlineSnapshot(`"1dfa02e0dafdc04a8cbefae0eb47116b7cf66ff2daf9516fbc7fe0382918d4d3"`)
    expect(hash).toMatchInlineSnapshot(`"a535a192edaf492eaa1e5618b9984766284e3a428b24695b2e17e52ca79ebe5f"`)
    expect(serviceContentHash(fraud.definition)).toMatchInlineSnapshot(`"9aa4056a2d4c2f0f28ac881546dce041791d8bc3a7a5be52f97be071d487e68d"`)
  })

  it('leaves out what is for people', () => {
    const [first, ...rest] = cards.definition.aggregations
    const renamed: FeatureViewDefinition = {
      ...cards.definition,
      owner: 'someone',
      tags: ['a'],
      entityName: 'card',
      aggregations: [{ ...first!, description: 'Otherwise' }, ...rest],
    }
    expect(viewContentHash(renamed, { ...payments.definition, description: 'All of them' })).toBe(hash)
  })

  it('of a source has the format of its log, where it is not JSON', () => {
    expect(sourceContentHash({ ...payments.definition, format: 'json' })).toBe(sourceContentHash(payments.definition))
    const hashes = [payments.definition, { ...payments.definition, format: 'avro' as const }, { ...payments.definition, format: 'protobuf' as const }].map(sourceContentHash)
    expect(new Set(hashes).size).toBe(3)
    expect(viewContentHash(cards.definition, { ...payments.definition, format: 'avro' })).not.toBe(hash)
  })

  it('leaves out where a source\'s records come from', () => {
    const relayed = { ...payments.definition, relayFrom: 'shop.payments' }
    expect(sourceContentHash(relayed)).toBe(sourceContentHash(payments.definition))
    expect(parseDefinitions(serializeDefinitions({ ...written, sources: [relayed] })).sources).toEqual([relayed])
  })

  it('writes out defaults: naming one changes nothing', () => {
    const terse = cards.definition.aggregations.map(({ groupsMax: _, ...aggregation }) => aggregation)
    expect(viewContentHash({ ...cards.definition, aggregations: terse }, payments.definition)).toBe(hash)
  })

  it.each<[string, Partial<FeatureViewDefinition>]>([
    ['filter', { where: 'cents > 1' }],
    ['derived column', { derive: [] }],
    ['maximum age', { maxAgeMs: 1 }],
    ['buckets', { bucketCount: 8 }],
    ['aggregations', { aggregations: cards.definition.aggregations.toReversed() }],
  ])('changes with the %s', (_, change) => {
    expect(viewContentHash({ ...cards.definition, ...change }, payments.definition)).not.toBe(hash)
  })

  it("changes with the source's schema", () => {
    const [first, ...rest] = payments.definition.fields
    const source = { ...payments.definition, fields: [{ ...first!, nullable: true }, ...rest] }
    expect(viewContentHash(cards.definition, source)).not.toBe(hash)
  })
})
