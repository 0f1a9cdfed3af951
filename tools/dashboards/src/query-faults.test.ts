// Queries are read by Prometheus' own grammar, and held to the list of metrics: each kind of mistake is found.
import { describe, expect, it } from '@jest/globals'
import { readQuery } from './prom-query.ts'
import { faultsOfQuery } from './query-faults.ts'

describe('a query', () => {
  it('is read: its metrics, their labels, what is grouped by', () => {
    expect(readQuery('sum by (namespace, le) (rate(tidemark_freshness_seconds_bucket{source="$source"}[$__rate_interval])) > 1')).toEqual({
      selectors: [{ metric: 'tidemark_freshness_seconds_bucket', matchers: [{ label: 'source', operator: '=', value: 'x' }], rangeFunction: 'rate' }],
      groupedBy: ['namespace', 'le'],
    })
  })

  it('passes where all of it is told', () => {
    expect(faultsOfQuery('sum by (namespace, source) (rate(tidemark_speed_events_total{source=~"$source"}[5m])) unless tidemark_speed_partitions offset 5m')).toEqual([])
    expect(faultsOfQuery('max by (alertname, view) (ALERTS{alertstate="firing"})')).toEqual([])
  })

  it.each([
    ['sum(tidemark_imagined_total)', 'nobody tells tidemark_imagined_total'],
    ['rate(tidemark_freshness_seconds[5m])', 'nobody tells tidemark_freshness_seconds'],
    ['tidemark_ready_bucket', 'nobody tells tidemark_ready_bucket'],
    ['tidemark_ready{partition="1"}', 'tidemark_ready has no label partition'],
    ['sum by (partition) (tidemark_ready)', 'no metric of it has the label partition'],
    ['rate(tidemark_speed_lag_records[5m])', 'rate of tidemark_speed_lag_records, which also falls'],
  ])('is found out: %s', (query, fault) => {
    expect(faultsOfQuery(query)).toEqual([fault])
  })

  it('is refused where it is none', () => {
    expect(() => faultsOfQuery('sum by (source) rate(tidemark_speed_events_total[5m)')).toThrow('No query, at character')
  })
})
