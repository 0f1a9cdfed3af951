import { describe, expect, it } from '@jest/globals'
import { approxUniqueCount, count, histogram, last, lastK, max, mean, min, quantile, ratio, sum, timeSinceLast, topK, uniqueCount } from './aggregations.ts'
import { checkDefinitions, requireSound } from './check-definitions.ts'
import { collectDefinitions } from './collect-definitions.ts'
import type { AggregationDefinition, Definitions, FeatureServiceDefinition, FeatureViewDefinition, SourceDefinition } from './definition.ts'
import { all, boolean, double, entity, eventSource, featureService, featureView, int32, int64, string, timestamp } from './dsl.ts'
import { TidemarkError } from './errors.ts'

const flights = eventSource('flights', {
  fields: {
    date: timestamp(),
    landed: timestamp().nullable(),
    origin: string(),
    destination: string(),
    delay: int32().nullable(),
    fare: double(),
    diverted: boolean(),
  },
  eventTime: 'date',
})
const airports = featureView('airports', {
  source: flights,
  entity: { airport: 'origin' },
  where: 'not diverted',
  derive: { late: int32('delay > 15 ? 1 : 0'), share: double('late / 2') },
  features: {
    departures: count().over('1h', '24h', '7d', 'lifetime').default(0),
    late_share: mean('late').over('24h').default(0.5),
    delay_p95: quantile('delay', 0.95).over({ window: '10s', resolution: 'exact' }),
    where_to: approxUniqueCount('destination').where('fare > 10').groupBy('origin').over('30d'),
    last_landed: max('landed').over('7d').default(0),
    newest: lastK('destination', 100).over('7d'),
    fares: ratio('fare', 'share + 1').over('7d'),
    gap: timeSinceLast().over('7d').default(null),
  },
})
const service = featureService('delay_model', { features: [all(airports)] })
const sound = collectDefinitions([service])

/** Places and messages of what is wrong with the sound definitions after a change to their view. */
function problemsOfView(change: Partial<FeatureViewDefinition>): string[] {
  return problemsOf({ ...sound, views: [{ ...airports.definition, ...change }], services: [] })
}
function problemsOfSource(change: Partial<SourceDefinition>): string[] {
  return problemsOf({ ...sound, sources: [{ ...flights.definition, ...change }] })
}
function problemsOfAggregation(aggregation: Partial<AggregationDefinition>): string[] {
  const plain = { name: 'a', op: 'count', of: null, windows: [{ name: '7d', lengthMs: 604_800_000, resolutionMs: 7_200_000 }] } as const
  return problemsOfView({ aggregations: [{ ...plain, ...aggregation }] })
}
function problemsOfService(features: FeatureServiceDefinition['features']): string[] {
  return problemsOf({ ...sound, services: [{ ...service.definition, features }] })
}
function problemsOf(definitions: Definitions): string[] {
  return checkDefinitions(definitions).map(({ where, message }) => `${where}: ${message}`)
}

const inView = 'view airports'
const inA = `${inView}, aggregation a`

describe('sound definitions', () => {
  it('pass', () => {
    expect(checkDefinitions(sound)).toEqual([])
    expect(requireSound(sound)).toBe(sound)
  })

  it('may have an entity key that can be NULL: such events are skipped for that view alone', () => {
    const landings = featureView('landings', { source: flights, entity: { day: 'landed' }, features: { n: count().over('1h') } })
    expect(checkDefinitions(collectDefinitions([landings]))).toEqual([])
  })
})

describe('problems', () => {
  it('are all told at once, each with its place and what to do', () => {
    const problems = checkDefinitions({
      ...sound,
      views: [
        {
          ...airports.definition,
          bucketCount: 48,
          entity: [{ key: 'airport', column: 'orign' }],
          aggregations: [{ ...airports.definition.aggregations[1]!, of: 'origin' }],
        },
      ],
      services: [{ ...service.definition, features: [{ view: 'airport', feature: 'departures_1h' }] }],
    })
    expect(problems).toEqual([
      {
        code: 'DEFINITION_INVALID',
        where: 'view airports, entity key airport',
        message: 'There is no column orign.',
        action: 'Did you mean origin?',
      },
      {
        code: 'DEFINITION_INVALID',
        where: 'view airports, aggregation late_share, of',
        message: '"origin" is of type string.',
        action: 'Give one of these types: int32, int64, double.',
      },
      {
        code: 'DEFINITION_INVALID',
        where: 'view airports, buckets',
        message: 'It is 48.',
        action: 'Give a power of two from 1 to 4096.',
      },
      {
        code: 'DEFINITION_INVALID',
        where: 'service delay_model, feature airport.departures_1h',
        message: 'There is no view airport.',
        action: 'Did you mean airports?',
      },
    ])
  })

  it('are thrown together', () => {
    const broken = { ...sound, services: [{ ...service.definition, version: 0, features: [] }] }
    expect(() => requireSound(broken)).toThrow(TidemarkError)
    expect(() => requireSound(broken)).toThrow(/service delay_model, version: .*\n.*It has no features/)
  })

  it('are found in empty definitions', () => {
    expect(problemsOf(collectDefinitions([]))).toEqual(['definitions: There is nothing in them.'])
    expect(problemsOfView({ aggregations: [], entity: [] })).toEqual([
      'view airports, entity: It has no join key.',
      'view airports: It has no features.',
    ])
  })

  it('are found in expressions, with the place of the expression before that of the mistake', () => {
    const problems = checkDefinitions({
      ...sound,
      services: [],
      views: [
        {
          ...airports.definition,
          where: 'delay >',
          derive: [{ name: 'late', type: 'int32', expression: 'dely > 15 ? 1 : 0' }],
          aggregations: [{ ...airports.definition.aggregations[0]!, where: 'delay' }],
        },
      ],
    })
    expect(problems.map(({ code }) => code)).toEqual(['EXPRESSION_INVALID', 'EXPRESSION_INVALID', 'EXPRESSION_INVALID'])
    expect(problems[0]!.where).toMatch(/^view airports, derived column late, /)
    expect(problems[1]!.where).toMatch(/^view airports, where, /)
    expect(problems[2]!.where).toMatch(/^view airports, aggregation departures, where, /)
  })
})

describe('names', () => {
  it.each([
    ['1st', 'The name "1st" is not an identifier.'],
    ['', 'The name "" is not an identifier.'],
    ['per cent', 'The name "per cent" is not an identifier.'],
    ['żółw', 'The name "żółw" is not an identifier.'],
    ['a'.repeat(65), 'The name has 65 characters.'],
    ['NOT', 'The name NOT is reserved.'],
    ['constructor', 'The name constructor is reserved.'],
    ['__proto__', 'The name __proto__ is reserved.'],
  ])('are identifiers: not %j', (name, message) => {
    expect(problemsOfAggregation({ name })).toEqual([`${inView}, aggregation ${name}: ${message}`])
    expect(problemsOfView({ name })).toContain(`view ${name}: ${message}`)
    expect(problemsOfView({ entity: [{ key: name, column: 'origin' }] })).toEqual([`${inView}, entity key ${name}: ${message}`])
  })

  it('are each taken once, in either case', () => {
    const [first] = airports.definition.aggregations
    expect(problemsOfView({ aggregations: [first!, { ...first!, name: 'Departures' }] })).toEqual([
      `${inView}, aggregation Departures: The names departures and Departures differ only in case, by ${inView}, aggregation departures.`,
    ])
    expect(problemsOfView({ derive: [{ name: 'delay', type: 'int32', expression: '1' }], aggregations: [first!] })).toEqual([
      `${inView}, derived column delay: The name delay is taken, by field delay of source flights.`,
    ])
    expect(problemsOfSource({ fields: [...flights.definition.fields, flights.definition.fields[0]!] })).toContain(
      'source flights, field date: The name date is taken, by source flights, field date.',
    )
    expect(problemsOfSource({ fields: [...flights.definition.fields, { ...flights.definition.fields[1]!, name: 'DATE' }] })).toEqual(['source flights, field DATE: The names date and DATE differ only in case, by source flights, field date.'])
    expect(problemsOfView({ entity: ['origin', 'destination'].map((column) => ({ key: 'airport', column })) })).toEqual([
      `${inView}, entity key airport: The name airport is taken, by ${inView}, entity key airport.`,
    ])
    const twice: Definitions = { ...sound, sources: [...sound.sources, ...sound.sources], views: [...sound.views, ...sound.views], services: [...sound.services, ...sound.services] }
    expect(problemsOf(twice)).toEqual([
      'source flights: The name flights is taken, by source flights.',
      'view airports: The name airports is taken, by view airports.',
      'service delay_model: The name delay_model is taken, by service delay_model.',
    ])
  })

  it('of features are made of the window: two of one name are refused', () => {
    const view = featureView('v', {
      source: flights,
      entity: { airport: 'origin' },
      features: { n: count().over('7d', { window: '7d', resolution: '1d' }) },
    })
    expect(problemsOf(collectDefinitions([view]))).toEqual([
      'view v, aggregation n, window 7d: The name n_7d is taken, by view v, aggregation n, window 7d.',
    ])
  })
})

describe('sources', () => {
  it('have an event time that is a timestamp and never NULL', () => {
    expect(problemsOfSource({ eventTime: 'dat' })).toEqual(['source flights, eventTime: There is no field dat.'])
    expect(problemsOfSource({ eventTime: 'origin' })).toEqual(['source flights, eventTime: The field origin is a string.'])
    expect(problemsOfSource({ eventTime: 'landed', appendTime: 'landed' })).toEqual([
      'source flights, eventTime: The field landed is a timestamp that may be NULL.',
      'source flights, appendTime: The field landed is a timestamp that may be NULL.',
    ])
    expect(problemsOfSource({ appendTime: 'a_column_of_files_only' })).toEqual([])
  })

  it('have bounds that make sense', () => {
    const fieldWith = (type: 'string' | 'double', bounds: { min?: number; max?: number }): string[] =>
      problemsOfSource({ fields: [...flights.definition.fields, { name: 'x', type, nullable: true, ...bounds }] })
    expect(fieldWith('double', { min: 0, max: 0 })).toEqual([])
    expect(fieldWith('double', { min: 1, max: 0 })).toEqual(['source flights, field x: No value is between 1 and 0.'])
    expect(fieldWith('string', { min: 1 })).toEqual(['source flights, field x: A string has no bounds.'])
    expect(fieldWith('double', { min: timestamp().between('soon', 'later').definition.min! })).toEqual([
      'source flights, field x: A bound is neither a number nor a time.',
    ])
  })

  it('have lengths of time and a version', () => {
    const late = eventSource('late', { fields: { at: timestamp() }, eventTime: 'at', epochLength: '0h', skewMax: '2d', delay: '-1h', version: 1.5 })
    expect(problemsOf(collectDefinitions([late]))).toEqual([
      'source late, version: It is 1.5.',
      'source late, epochLength: It is not a length of time.',
      'source late, skewMax (ms): It is 172800000.',
      'source late, delay: It is not a length of time.',
    ])
  })
})

describe('views', () => {
  it('name a source that there is, and its version', () => {
    expect(problemsOfView({ source: 'flihgts' })).toEqual([`${inView}, source: There is no source flihgts.`])
    expect(problemsOfView({ sourceVersion: 2 })).toEqual([
      `${inView}, sourceVersion: It was written for version 2 of source flights, which has version 1.`,
    ])
  })

  it('have an entity of columns with exact values', () => {
    expect(problemsOfView({ entity: [{ key: 'fare', column: 'fare' }] })).toEqual([`${inView}, entity key fare: The column fare is a double.`])
    expect(problemsOfView({ entity: [{ key: 'late', column: 'late' }] })).toEqual([])
  })

  it('derive columns from fields and the columns before', () => {
    const derive = (...names: string[]): string[] =>
      problemsOfView({
        derive: names.map((name) => ({ name, type: 'int64', expression: name === 'a' ? 'delay + 1' : 'a * 2' })),
        aggregations: [airports.definition.aggregations[0]!],
      })
    expect(derive('a', 'b')).toEqual([])
    expect(derive('b', 'a')).toHaveLength(1)
  })

  it('have lengths within bounds', () => {
    expect(problemsOfView({ maxAgeMs: Number.NaN })).toEqual([`${inView}, maxAge: It is not a length of time.`])
    expect(problemsOfView({ maxAgeMs: 0 })).toEqual([`${inView}, maxAge (ms): It is 0.`])
    for (const bucketCount of [0, 3, 0.5, 8192, Number.NaN]) {
      expect(problemsOfView({ bucketCount })).toEqual([`${inView}, buckets: It is ${bucketCount}.`])
    }
  })

  it('that share an entity agree on its keys', () => {
    const bookings = eventSource('bookings', { fields: { at: timestamp(), origin: int64() }, eventTime: 'at' })
    const features = { n: count().over('1h') }
    const port = entity('port', 'origin')
    const views = [
      featureView('a', { source: flights, entity: port, features }),
      featureView('b', { source: bookings, entity: port, features }),
    ]
    expect(problemsOf(collectDefinitions(views))).toEqual([
      'view b, entity: Entity port has the keys origin string in view a, and origin int64 here.',
    ])
    const model = featureService('model', { features: views.map(all) })
    const unnamed = collectDefinitions([model]).views.map(({ entityName: _, ...view }) => view)
    expect(problemsOf({ ...collectDefinitions([model]), views: unnamed })).toEqual([
      'service model: Join key origin is string in view a and int64 in view b.',
    ])
  })
})

describe('aggregations', () => {
  it.each([
    ['sum', sum('delay' as string)], ['min', min('delay' as string)], ['uniqueCount', uniqueCount('delay' as string)],
    ['topK', topK('delay' as string, 3)], ['last', last('delay' as string)],
  ] as const)('%s passes over an int32', (_, { definition }) => {
    expect(problemsOfAggregation({ ...definition, windows: count().over('1h').definition.windows })).toEqual([])
  })

  it.each([
    ['sum', 'origin', 'string'], ['mean', 'date', 'timestamp'], ['variance', 'diverted', 'boolean'], ['min', 'diverted', 'boolean'],
    ['topK', 'diverted', 'boolean'], ['approxUniqueCount', 'fare', 'double'], ['uniqueCount', 'fare / 2', 'double'],
    ['histogram', 'fare', 'double'], ['quantile', "upper(origin)", 'string'],
  ] as const)('%s of %s is refused', (op, of, type) => {
    const parameters = { ...(op === 'topK' && { k: 1 }), ...(op === 'quantile' && { quantile: 0.5 }) }
    expect(problemsOfAggregation({ op, of, ...parameters })).toEqual([`${inA}, of: "${of}" is of type ${type}.`])
  })

  it('have an argument where they need one', () => {
    expect(problemsOfAggregation({ op: 'sum' })).toEqual([`${inA}: sum needs an argument.`])
    expect(problemsOfAggregation({ op: 'timeSinceLast', of: 'delay' })).toEqual([`${inA}: timeSinceLast takes no argument.`])
    expect(problemsOfAggregation({ of: 'diverted' })).toEqual([])
    expect(problemsOfAggregation({ op: 'last', of: 'null' })).toHaveLength(1)
  })

  it('group by exact values', () => {
    expect(problemsOfAggregation({ groupBy: 'fare' })).toEqual([`${inA}, groupBy: "fare" is of type double.`])
    expect(problemsOfAggregation({ groupsMax: 5 })).toEqual([`${inA}, groupsMax: There is no groupBy that it could bound.`])
    expect(problemsOfAggregation({ groupBy: 'origin', groupsMax: 1_001 })).toEqual([`${inA}, groupsMax: It is 1001.`])
  })

  it('have the parameters that they take, within limits', () => {
    expect(problemsOfAggregation({ op: 'topK', of: 'delay' })).toEqual([`${inA}: topK needs k.`])
    expect(problemsOfAggregation({ op: 'topK', of: 'delay', k: 101 })).toEqual([`${inA}, k: It is 101.`])
    expect(problemsOfAggregation({ op: 'topK', of: 'delay', k: 0.5 })).toEqual([`${inA}, k: It is 0.5.`])
    expect(problemsOfAggregation({ op: 'sum', of: 'delay', k: 3 })).toEqual([`${inA}, k: sum does not take k.`])
    expect(problemsOfAggregation({ op: 'quantile', of: 'delay', quantile: 95 })).toEqual([`${inA}, quantile: It is 95.`])
    expect(problemsOfAggregation({ op: 'quantile', of: 'delay', quantile: 0.5, error: 0 })).toEqual([`${inA}, error: It is 0.`])
    expect(problemsOfAggregation({ op: 'approxUniqueCount', of: 'delay', error: 0.001 })).toEqual([`${inA}, error: It is 0.001.`])
    expect(problemsOfAggregation({ ...histogram('delay', { valuesMax: 1e9 }).over('1h').definition })).toEqual([`${inA}, valuesMax: It is 1000000000.`])
    expect(problemsOfAggregation({ op: 'ratio', of: 'delay' })).toEqual([`${inA}: ratio needs per.`])
    expect(problemsOfAggregation({ op: 'ratio', of: 'delay', per: 'origin' })).toEqual([`${inA}, per: "origin" is of type string.`])
  })

  it('have a default of the type of their value', () => {
    const wrong = (type: string, found: string): string[] => [`${inA}, default: The value is of type ${type}, the default is ${found}.`]
    expect(problemsOfAggregation({ default: 'none' })).toEqual(wrong('int64', '"none"'))
    expect(problemsOfAggregation({ default: 0.5 })).toEqual(wrong('int64', '0.5'))
    expect(problemsOfAggregation({ default: '5' })).toEqual(wrong('int64', '"5"'))
    expect(problemsOfAggregation({ op: 'sum', of: 'delay', default: 9_007_199_254_740_993n })).toEqual([])
    expect(problemsOfAggregation({ op: 'sum', of: 'fare', default: 0.5 })).toEqual([])
    expect(problemsOfAggregation({ op: 'max', of: 'landed', default: '2001-01-01' })).toEqual(wrong('timestamp', '"2001-01-01"'))
    expect(problemsOfAggregation({ op: 'last', of: 'origin', default: 'JFK' })).toEqual([])
    expect(problemsOfAggregation({ op: 'topK', of: 'delay', k: 1, default: 0 })).toEqual([
      `${inA}, default: The value is a list, which has no default but NULL.`,
    ])
    expect(problemsOfAggregation({ groupBy: 'origin', default: 0 })).toEqual([
      `${inA}, default: The value is a map, which has no default but NULL.`,
    ])
  })
})

describe('windows', () => {
  const problemsOver = (...windows: AggregationDefinition['windows']): string[] => problemsOfAggregation({ windows })
  const day = 86_400_000

  it('are there', () => {
    expect(problemsOver()).toEqual([`${inA}: It has no windows.`])
  })

  it.each([
    ['soon', Number.NaN, Number.NaN, '"soon" is not a window.'],
    ['1h', day, 60_000, 'The window named 1h is 86400000 ms long.'],
    ['500ms', 500, 1, 'The window is out of bounds.'],
    ['4000d', 4_000 * day, day, 'The window is out of bounds.'],
    ['30s', 30_000, Number.NaN, 'A window under a minute has no default resolution.'],
    ['1h', 3_600_000, Number.NaN, 'The resolution is not a length of time.'],
    ['1h', 3_600_000, null, 'The resolution is not a length of time.'],
    ['1h', 3_600_000, 0.5, 'The resolution is not a length of time.'],
    ['1h', 3_600_000, 7_200_000, 'The resolution 2h is longer than the window.'],
    ['7d', 7 * day, 1_000, 'At the resolution 1s it has more than 4096 panes.'],
    ['lifetime', null, 1_000, 'A lifetime window has no resolution.'],
    ['lifetime', day, 1_000, 'The window named lifetime is 86400000 ms long.'],
  ])('are refused: %s of %s ms at %s ms', (name, lengthMs, resolutionMs, message) => {
    expect(problemsOver({ name, lengthMs, resolutionMs })).toEqual([`${inA}, window ${name}: ${message}`])
  })

  it('have resolutions that are multiples of each other over the whole view; the two that clash are named', () => {
    const view = featureView('v', {
      source: flights,
      entity: { airport: 'origin' },
      features: {
        a: count().over('1h', { window: '7d', resolution: '2h' }),
        b: sum('delay').over({ window: '30d', resolution: '3h' }, 'lifetime'),
      },
    })
    expect(checkDefinitions(collectDefinitions([view]))).toEqual([
      {
        code: 'DEFINITION_INVALID',
        where: 'view v',
        message: 'The resolutions of a over 7d (resolution 2h) and b over 30d (resolution 3h) clash: neither is a multiple of the other.',
        action: 'Declare another resolution for one of the two, for example 4h instead of 3h.',
      },
    ])
  })
})

describe('services', () => {
  it('name views and features that there are, each once', () => {
    expect(problemsOfService([{ view: 'airports', feature: 'departures_2h' }])).toEqual([
      'service delay_model, feature airports.departures_2h: View airports has no feature departures_2h.',
    ])
    const feature = { view: 'airports', feature: 'departures_1h' }
    expect(problemsOfService([feature, feature])).toEqual([
      'service delay_model, feature airports.departures_1h: The name airports.departures_1h is taken, by service delay_model, feature airports.departures_1h.',
    ])
  })
})
