// The limits of windows and parameters: each accepts its own value, and refuses the next one.

import { describe, expect, it } from '@jest/globals'
import { count } from './aggregations.ts'
import { checkDefinitions } from './check-definitions.ts'
import { collectDefinitions } from './collect-definitions.ts'
import type { AggregationDefinition } from './definition.ts'
import { eventSource, featureView, int32, string, timestamp } from './dsl.ts'

const DAY_MS = 86_400_000

const flights = eventSource('flights', { fields: { date: timestamp(), origin: string(), delay: int32() }, eventTime: 'date' })
const airports = featureView('airports', { source: flights, entity: { airport: 'origin' }, features: { a: count().over('7d') } })
const sound = collectDefinitions([airports])
const [plain] = airports.definition.aggregations

/** Places and messages of what is wrong with the view, once its aggregation is changed. */
function problemsOf(change: Partial<AggregationDefinition>): string[] {
  const views = [{ ...airports.definition, aggregations: [{ ...plain!, ...change }] }]
  return checkDefinitions({ ...sound, views }).map(({ where, message }) => `${where}: ${message}`)
}

describe('windows', () => {
  it.each([
    ['1s', 1_000, 1_000],
    ['3660d', 3_660 * DAY_MS, DAY_MS],
    ['59s', 59_000, 59_000],
    ['1m', 60_000, 60_000],
    ['4096s', 4_096_000, 1_000],
    ['7d', 7 * DAY_MS, 1],
  ])('are accepted: %s of %s ms at %s ms', (name, lengthMs, resolutionMs) => {
    expect(problemsOf({ windows: [{ name, lengthMs, resolutionMs }] })).toEqual([])
  })

  it.each([
    ['999ms', 999, 1, 'The window is out of bounds.'],
    ['3661d', 3_661 * DAY_MS, DAY_MS, 'The window is out of bounds.'],
    ['4097s', 4_097_000, 1_000, 'At the resolution 1s it has more than 4096 panes.'],
  ])('are refused: %s of %s ms at %s ms', (name, lengthMs, resolutionMs, message) => {
    expect(problemsOf({ windows: [{ name, lengthMs, resolutionMs }] })).toEqual([`view airports, aggregation a, window ${name}: ${message}`])
  })
})

describe('parameters', () => {
  it.each<Partial<AggregationDefinition>>([
    { op: 'topK', k: 1 }, { op: 'topK', k: 100 },
    { op: 'histogram', valuesMax: 1 }, { op: 'histogram', valuesMax: 10_000 },
    { groupBy: 'origin', groupsMax: 1 }, { groupBy: 'origin', groupsMax: 1_000 },
    { op: 'quantile', quantile: 0, error: 0.001 }, { op: 'quantile', quantile: 1, error: 0.1 },
    { op: 'approxUniqueCount', error: 0.008125 }, { op: 'approxUniqueCount', error: 0.26 },
  ])('are accepted: %j', (parameters) => {
    expect(problemsOf({ of: 'delay', ...parameters })).toEqual([])
  })

  it.each<[string, number, Partial<AggregationDefinition>]>([
    ['k', 0, { op: 'topK', k: 0 }], ['valuesMax', 10_001, { op: 'histogram', valuesMax: 10_001 }], ['groupsMax', 0, { groupBy: 'origin', groupsMax: 0 }],
    ['quantile', -0.001, { op: 'quantile', quantile: -0.001 }], ['quantile', 1.001, { op: 'quantile', quantile: 1.001 }],
    ['error', 0.1001, { op: 'quantile', quantile: 0.5, error: 0.1001 }], ['error', 0.2601, { op: 'approxUniqueCount', error: 0.2601 }],
  ])('are refused: %s of %p', (parameter, value, parameters) => {
    expect(problemsOf({ of: 'delay', ...parameters })).toEqual([`view airports, aggregation a, ${parameter}: It is ${value}.`])
  })
})
