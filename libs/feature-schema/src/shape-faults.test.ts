// Types are stripped where a definitions file runs, so anything may be given to the DSL. Whatever it is, it is told, with everything else that is wrong.
import { describe, expect, it } from '@jest/globals'
import { count, firstK, histogram, quantile, ratio, sum, uniqueCount } from './aggregations.ts'
import { checkDefinitions } from './check-definitions.ts'
import { collectDefinitions } from './collect-definitions.ts'
import { parseDefinitions, serializeDefinitions } from './definitions-json.ts'
import { all, type AnyFeatureView, batchTable, entity, eventSource, featureService, featureView, int32, string, timestamp } from './dsl.ts'

/** A function of the DSL as JavaScript sees it. */
const untyped = (call: (...args: never[]) => unknown): ((...args: readonly unknown[]) => never) => call as never

const clicks = eventSource('clicks', { fields: { at: timestamp(), user: string(), amount: int32() }, eventTime: 'at' })
const view = (options: object): AnyFeatureView => untyped(featureView)('v', { source: clicks, entity: { user: 'user' }, features: { n: count().over('1h') }, ...options })
const problemsOf = (...values: readonly unknown[]): string[] => checkDefinitions(collectDefinitions(values)).map(({ where, message, action }) => `${where}: ${message} ${action}`)

describe('slips of a definition', () => {
  it('are told all at once, each with its place and what to do', () => {
    const source = untyped(eventSource)('clicks', { fields: { at: 'timestamp', user: string, amount: int32().owner(5 as never) }, eventTime: 'at', evenTime: 'at', tags: 'pii' })
    const v: Readonly<Record<string, unknown>> = untyped(featureView)('v', {
      source, entity: 'user', where: 5, wher: 'true', derive: { y: 'amount + 1', z: 7 }, buckets: '64', owner: 5,
      features: { a: 'count', b: count, c: sum(undefined as never).over('1h'), d: uniqueCount('user', { valueMax: 3 } as never).over('1h'), e: quantile('amount', '0.5' as never).over(['1h', '2h'] as never) },
    })
    const service = untyped(featureService)('f', { features: [v, v['a_1h'], 'v.c_1h', v['c_1h']] })
    expect(problemsOf(service)).toEqual([
      'source clicks, option evenTime: There is no such option. Did you mean eventTime?',
      'source clicks, field at: Expected a field, found "timestamp". Write at: timestamp().',
      'source clicks, field user: Expected a field, found a function that is not called. Write one of boolean(), int32(), int64(), double(), string(), timestamp().',
      "source clicks, tags: Expected a list of texts, found \"pii\". Write tags: ['pii'].",
      'source clicks, field amount, owner: Expected a text, found 5. Write a text.',
      'view v, option wher: There is no such option. Did you mean where?',
      "view v, entity: Expected join keys with their columns, found \"user\". Write entity: { user: 'user' }.",
      "view v, derived column z: Expected an expression with its type, found 7. Write it as a text: z: int32('delay > 15 ? 1 : 0').",
      "view v, aggregation a: Expected an aggregation, found \"count\". Write one with its windows: a: count().over('24h').",
      "view v, aggregation b: Expected an aggregation, found a function that is not called. Write one with its windows: b: count().over('24h').",
      'view v, owner: Expected a text, found 5. Write a text.',
      'view v, derived column y: It does not say which type it has. Write y: int32("amount + 1").',
      "view v, where: Expected a text, found 5. Write the expression as a text: 'amount > 0'.",
      'view v, aggregation c: sum needs an argument. Give the column or expression that it is over: int32, int64, double.',
      'view v, aggregation d, option valueMax: There is no such option. Did you mean valuesMax?',
      'view v, aggregation e, quantile: It is "0.5". Give a number from 0 to 1.',
      'view v, aggregation e, window 1h,2h: an array is not a window. Write a whole number and a unit: 5m, 24h, 7d, 2w; or lifetime.',
      'view v, buckets: It is "64". Give a power of two from 1 to 4096.',
      'service f, feature #1: Expected a feature of a view, found a view. Write all(…) around the view, or name one of its features.',
      'service f, feature #2: Expected a feature of a view, found nothing. Write one as a property of its view, airportDelays.departures_1h; or all(airportDelays).',
      'service f, feature #3: Expected a feature of a view, found "v.c_1h". Write one as a property of its view, airportDelays.departures_1h; or all(airportDelays).',
    ])
  })

  it('of a source\'s format are told', () => {
    const formatted = (define: typeof eventSource | typeof batchTable, format: unknown): string[] => problemsOf(untyped(define)('s', { fields: { at: timestamp() }, eventTime: 'at', format }))
    expect(formatted(eventSource, 'Avro')).toEqual(['source s, format: There is no format Avro. Did you mean avro?'])
    expect(formatted(eventSource, 5)).toEqual(['source s, format: Expected a text, found 5. Write one of json, avro, protobuf.'])
    expect(formatted(batchTable, 'avro')[0]).toContain('source s, option format: There is no such option.')
    const parsed = { ...batchTable('s', { fields: { at: timestamp() }, eventTime: 'at' }).definition, format: 'avro' as const }
    expect(checkDefinitions({ formatVersion: 1, sources: [parsed], views: [], services: [] })).toMatchObject([{ where: 'source s, format', message: 'A batch table has no log.' }])
  })

  it('of the topic that a source is relayed from are told', () => {
    const relayed = (relayFrom: unknown): string[] => problemsOf(untyped(eventSource)('s', { fields: { at: timestamp() }, eventTime: 'at', relayFrom }))
    for (const name of ['a b', '', '.', '..', 'é', 'x'.repeat(250)]) expect(relayed(name)).toEqual([`source s, relayFrom: No topic is called ${JSON.stringify(name)}. Write its whole name: letters, digits, ., _ and -, at most 249.`])
    expect(relayed(['a'])).toEqual(["source s, relayFrom: Expected a text, found an array. Write the topic's name: 'payments'."])
    expect(relayed('x'.repeat(249))).toEqual([])
  })

  it('do not hide what can be judged without them', () => {
    expect(problemsOf(view({ derive: { next: 'amount + 1' }, where: 'next > amuont' }))).toEqual([
      'view v, derived column next: It does not say which type it has. Write next: int64("amount + 1").', 'view v, where, character 8: There is no column amuont. Did you mean amount?',
    ])
    expect(problemsOf(clicks, view({ source: 'clicks', where: 'usr' }))).toEqual([
      'view v, source: Expected a source, found "clicks". Give what eventSource(…) or batchTable(…) returned, not its name.', 'view v, where, character 1: There is no column usr. Did you mean user?',
    ])
    // Nothing is said of columns that the slip left out.
    expect(problemsOf(view({ derive: ['late'], where: 'late' }))).toEqual(["view v, derive: Expected columns by name, found an array. Write derive: { late: int32('delay > 15 ? 1 : 0') }."])
    expect(problemsOf(untyped(eventSource)('s', { eventTime: 'at' }))).toEqual(['source s, fields: Expected fields by name, found nothing. Write fields: { at: timestamp(), user: string() }.'])
  })

  const junk = [undefined, null, 5, Number.NaN, '', 'x', true, 7n, [], ['x'], ['1h'], {}, { x: 5 }, { definition: {} }, () => 1, clicks, int32(), int32('1'), count(), count().over('1h'), entity('e', 'user'), view({})]
  const options = (make: (options: object) => unknown, ...names: readonly string[]): [string, (given: unknown) => unknown][] => names.map((name) => [name, (given) => make({ [name]: given })])
  const source = (given: object): unknown => untyped(eventSource)('s', { fields: { at: timestamp(), x: int32() }, eventTime: 'at', ...given })
  const aggregation = (make: (given: unknown) => unknown) => (given: unknown): unknown => view({ features: { n: make(given) } })
  const service = (given: object): unknown => untyped(featureService)('f', { features: [all(view({}))], ...given })

  it.each<[string, (given: unknown) => unknown]>([
    ['source', (given) => untyped(eventSource)(given, given)], ['table', (given) => untyped(batchTable)('t', given)], ['view name', (given) => untyped(featureView)(given, { source: clicks })], ['view options', (given) => untyped(featureView)('v', given)],
    ['service', (given) => untyped(featureService)(given, given)], ['all', (given) => untyped(featureService)('f', { features: [all(given as never)] })],
    ...options(source, 'fields', 'eventTime', 'appendTime', 'epochLength', 'skewMax', 'delay', 'version', 'owner', 'description', 'tags', 'x'),
    ['a field', (given) => source({ fields: { at: timestamp(), x: given } })], ['bounds', (given) => source({ fields: { at: timestamp(), x: int32().between(given as never, 5) } })],
    ['an owner', (given) => source({ fields: { at: timestamp().owner(given as never).describe(given as never).tags(given as never) } })],
    ...options(view, 'source', 'entity', 'where', 'derive', 'features', 'maxAge', 'buckets', 'version', 'owner', 'description', 'tags', 'x'),
    ['a key', (given) => view({ entity: { user: given } })], ['a shared key', (given) => view({ entity: entity(given as never, given as never) })], ['a derived column', (given) => view({ derive: { y: given } })], ['an expression', (given) => view({ derive: { y: int32(given as never) } })],
    ['an aggregation', (given) => view({ features: { n: given } })],
    ...options(service, 'features', 'version', 'owner', 'description', 'tags', 'x'), ['a feature', (given) => service({ features: [given, [given]] })],
    ['of', aggregation((given) => sum(given as never).over('1h'))], ['k', aggregation((given) => firstK('amount', given as never).over('1h'))], ['q', aggregation((given) => quantile('amount', given as never).over('1h'))],
    ['parameters', aggregation((given) => quantile('amount', 0.5, given as never).over('1h'))], ['values', aggregation((given) => histogram('amount', { valuesMax: given as never }).over('1h'))], ['per', aggregation((given) => ratio('amount', given as never).over('1h'))],
    ['over', aggregation((given) => count().over(given as never))], ['resolution', aggregation((given) => count().over({ window: '1h', resolution: given as never }))], ['condition', aggregation((given) => count().over('1h').where(given as never))],
    ['group', aggregation((given) => count().over('1h').groupBy(given as never, given as never))], ['groups', aggregation((given) => count().over('1h').groupBy('amount', { groupsMax: given as never }))],
    ['default', aggregation((given) => count().over('1h').default(given as never))], ['described', aggregation((given) => count().over('1h').describe(given as never).tags(given as never))],
  ])('are never thrown, nor taken as sound where the JSON would not be: %s', (_, make) => {
    for (const given of junk) {
      const definitions = collectDefinitions([make(given)])
      const problems = checkDefinitions(definitions)
      for (const { where, message, action } of problems) expect([where, message, action].every((text) => text.length > 0)).toBe(true)
      if (problems.length === 0) expect(parseDefinitions(serializeDefinitions(definitions))).toEqual(definitions)
    }
  })
})
