import { describe, expect, it } from '@jest/globals'
import { approxUniqueCount, count, mean, quantile, ratio, sum, timeSinceLast, topK } from './aggregations.ts'
import { checkDefinitions } from './check-definitions.ts'
import { collectDefinitions } from './collect-definitions.ts'
import { all, batchTable, boolean, double, entity, eventSource, featureService, featureView, int32, int64, string, timestamp } from './dsl.ts'

const flights = eventSource('flights', {
  fields: { date: timestamp(), origin: string(), destination: string(), delay: int32().nullable(), distance: int32() },
  eventTime: 'date',
})
const airportDelays = featureView('airport_delays', {
  source: flights,
  entity: { airport: 'origin' },
  where: 'distance > 0',
  derive: { late: int32('delay > 15 ? 1 : 0') },
  features: {
    departures: count().over('1h', '24h', '7d', 'lifetime'),
    late_share: mean('late').over('24h'),
    delay_p95: quantile('delay', 0.95).over('7d'),
  },
})
const routes = featureView('routes', {
  source: flights,
  entity: entity('route', 'origin', 'destination'),
  features: { worst: topK('delay', 3).over({ window: '7d', resolution: '1h' }, { window: '10s', resolution: 'exact' }) },
  maxAge: '30d',
  buckets: 8,
})

describe('the definition of DESIGN.md, in spirit', () => {
  it('becomes a plain definition', () => {
    expect(flights.definition).toEqual({
      kind: 'event',
      name: 'flights',
      version: 1,
      fields: [
        { name: 'date', type: 'timestamp', nullable: false },
        { name: 'origin', type: 'string', nullable: false },
        { name: 'destination', type: 'string', nullable: false },
        { name: 'delay', type: 'int32', nullable: true },
        { name: 'distance', type: 'int32', nullable: false },
      ],
      eventTime: 'date',
      epochLengthMs: 3_600_000,
      skewMaxMs: 30_000,
      delayMs: 0,
    })
    expect(airportDelays.definition).toEqual({
      name: 'airport_delays',
      version: 1,
      source: 'flights',
      sourceVersion: 1,
      entity: [{ key: 'airport', column: 'origin' }],
      where: 'distance > 0',
      derive: [{ name: 'late', type: 'int32', expression: 'delay > 15 ? 1 : 0' }],
      aggregations: [
        {
          name: 'departures',
          op: 'count',
          of: null,
          windows: [
            { name: '1h', lengthMs: 3_600_000, resolutionMs: 60_000 },
            { name: '24h', lengthMs: 86_400_000, resolutionMs: 900_000 },
            { name: '7d', lengthMs: 604_800_000, resolutionMs: 7_200_000 },
            { name: 'lifetime', lengthMs: null, resolutionMs: null },
          ],
        },
        { name: 'late_share', op: 'mean', of: 'late', windows: [{ name: '24h', lengthMs: 86_400_000, resolutionMs: 900_000 }] },
        {
          name: 'delay_p95',
          op: 'quantile',
          of: 'delay',
          quantile: 0.95,
          error: 0.01,
          windows: [{ name: '7d', lengthMs: 604_800_000, resolutionMs: 7_200_000 }],
        },
      ],
      bucketCount: 64,
    })
  })

  it('has its features as properties', () => {
    expect(airportDelays.departures_1h.feature).toBe('departures_1h')
    expect(airportDelays.feature('late_share_24h').view.definition).toBe(airportDelays.definition)
  })
})

describe('the rest of the language', () => {
  it('shares an entity, declares resolutions, maximum age and buckets', () => {
    expect(routes.definition).toMatchObject({
      entityName: 'route',
      entity: [
        { key: 'origin', column: 'origin' },
        { key: 'destination', column: 'destination' },
      ],
      aggregations: [
        {
          k: 3,
          windows: [
            { name: '7d', resolutionMs: 3_600_000 },
            { name: '10s', lengthMs: 10_000, resolutionMs: 1 },
          ],
        },
      ],
      maxAgeMs: 30 * 86_400_000,
      bucketCount: 8,
    })
  })

  it.each(['0', '0ms', '0s'] as const)('takes %s for no delay and no skew, and not for the length of an epoch', (zero) => {
    const source = eventSource('s', { fields: { at: timestamp() }, eventTime: 'at', delay: zero, skewMax: zero })
    expect(source.definition).toMatchObject({ delayMs: 0, skewMaxMs: 0 })
    expect(checkDefinitions(collectDefinitions([source]))).toEqual([])
    const broken = eventSource('s', { fields: { at: timestamp() }, eventTime: 'at', epochLength: '0s' })
    expect(checkDefinitions(collectDefinitions([broken]))).toMatchObject([{ where: 'source s, epochLength' }])
  })

  it('takes the format of a source\'s log; JSON goes without saying', () => {
    const source = (format?: 'json' | 'avro' | 'protobuf') => eventSource('s', { fields: { at: timestamp() }, eventTime: 'at', ...(format && { format }) })
    expect(source('avro').definition).toMatchObject({ format: 'avro' })
    expect(checkDefinitions(collectDefinitions([source('protobuf')]))).toEqual([])
    expect(source('json').definition).toEqual(source().definition)
  })

  it('takes the topic that a source\'s records are relayed from', () => {
    const source = eventSource('s', { fields: { at: timestamp() }, eventTime: 'at', relayFrom: 'shop.payments' })
    expect(source.definition).toMatchObject({ relayFrom: 'shop.payments' })
    expect(checkDefinitions(collectDefinitions([source]))).toEqual([])
  })

  it('bounds, describes and tags fields and aggregations, by copies', () => {
    const plain = int64()
    const bounded = plain.between(0, 10).nullable().tags('pii').owner('ops').describe('Euro cents')
    expect(plain.definition).toEqual({ type: 'int64', nullable: false })
    expect(bounded.definition).toEqual({ type: 'int64', nullable: true, min: 0, max: 10, tags: ['pii'], owner: 'ops', description: 'Euro cents' })
    expect(timestamp().between('2001-01-01', '2001-06-30T23:59:59Z').definition).toMatchObject({ min: 978_307_200_000, max: 993_945_599_000 })
    const share = ratio('late', 'distance').over('1h').where('ok').groupBy('origin', { groupsMax: 5 }).default(0).tags('a').owner('b').describe('c')
    expect(share.definition).toEqual({
      op: 'ratio',
      of: 'late',
      per: 'distance',
      where: 'ok',
      groupBy: 'origin',
      groupsMax: 5,
      default: 0,
      tags: ['a'],
      owner: 'b',
      description: 'c',
      windows: [{ name: '1h', lengthMs: 3_600_000, resolutionMs: 60_000 }],
    })
    expect(sum('a').over('1h').over('24h').definition.windows.map(({ name }) => name)).toEqual(['1h', '24h'])
  })

  it('makes batch tables and services over views of several sources', () => {
    const weather = batchTable('weather', {
      fields: { hour: timestamp(), airport: string(), wind: double(), storm: boolean(), loaded: timestamp() },
      eventTime: 'hour',
      availableTime: 'loaded',
      epochLength: '1d',
      skewMax: '5s',
      delay: '2h',
      version: 3,
      owner: 'met',
    })
    expect(weather.definition).toMatchObject({
      kind: 'batch-table',
      appendTime: 'loaded',
      epochLengthMs: 86_400_000,
      skewMaxMs: 5_000,
      delayMs: 7_200_000,
      version: 3,
      owner: 'met',
    })
    const winds = featureView('winds', {
      source: weather,
      entity: { airport: 'airport' },
      where: 'storm',
      features: { gusts: approxUniqueCount('airport', { error: 0.05 }).over('1h'), quiet: timeSinceLast().over('7d') },
    })
    const service = featureService('delay_model', {
      features: [winds.quiet_7d, all(airportDelays)],
      version: 2,
      description: 'What the delay model reads',
    })
    expect(service.definition).toEqual({
      name: 'delay_model',
      version: 2,
      description: 'What the delay model reads',
      features: [
        { view: 'winds', feature: 'quiet_7d' },
        ...['departures_1h', 'departures_24h', 'departures_7d', 'departures_lifetime', 'late_share_24h', 'delay_p95_7d'].map(
          (feature) => ({ view: 'airport_delays', feature }),
        ),
      ],
    })
    expect(collectDefinitions([1, null, service, airportDelays])).toEqual({
      formatVersion: 1,
      sources: [weather.definition, flights.definition],
      views: [winds.definition, airportDelays.definition],
      services: [service.definition],
    })
  })
})
