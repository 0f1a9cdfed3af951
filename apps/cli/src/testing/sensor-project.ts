// Definitions and events that the suites share: readings of sensors, with every kind of field.

/** A source of readings, a view of them by sensor and site, and one by site alone. */
export const SENSOR_DEFINITIONS = `
import { count, lastK, max, sum } from '@tidemark/feature-schema/aggregations'
import { all, boolean, eventSource, featureService, featureView, int32, int64, string, timestamp } from '@tidemark/feature-schema/dsl'

export const readings = eventSource('readings', {
  fields: {
    read_at: timestamp().between('2024-01-01', '2025-01-01'),
    sensor: int32().nullable(),
    site: string(),
    ticks: int64().nullable(),
    level: int32().between(0, 100).nullable(),
    is_live: boolean().nullable(),
  },
  eventTime: 'read_at',
})
export const sensorLevels = featureView('sensor_levels', {
  source: readings,
  entity: { sensor: 'sensor', site: 'site' },
  features: {
    readings: count().over('1h', 'lifetime'),
    ticks: sum('ticks').over('lifetime'),
    last_levels: lastK('level', 2).over('24h'),
  },
})
export const siteLevels = featureView('site_levels', {
  source: readings,
  entity: { site: 'site' },
  features: { level: max('level').over('24h'), newest: max('read_at').over('24h') },
})
export const levelModel = featureService('level_model', { features: [all(sensorLevels), siteLevels.level_24h] })
`

export interface Reading {
  readonly read_at?: unknown
  readonly sensor?: unknown
  readonly site?: unknown
  readonly ticks?: unknown
  readonly level?: unknown
}

export function ndjson(records: readonly (Reading | string)[]): string {
  return records.map((record) => `${typeof record === 'string' ? record : JSON.stringify(record)}\n`).join('')
}
