// Numbers that are counted, and told when somebody asks.
import { describe, expect, it } from '@jest/globals'
import { Histogram, Metrics } from './metrics.ts'

describe('Histogram', () => {
  it('counts a value in the bucket whose bound it does not pass', () => {
    const histogram = new Histogram([1, 2, 5])
    for (const value of [0, 1, 1.5, 2, 5, 5.1, 100]) histogram.record(value)
    expect(histogram.counts).toEqual([2, 2, 1, 2])
    expect(histogram.sum).toBeCloseTo(114.6)
  })
})

describe('Metrics', () => {
  it('gives the same counter for the same labels, in whatever order they are', () => {
    const metrics = new Metrics()
    metrics.counter('tidemark_batch_runs_total', { view: 'v', result: 'a' }).value += 2
    metrics.counter('tidemark_batch_runs_total', { result: 'a', view: 'v' }).value += 3
    metrics.counter('tidemark_batch_runs_total', { view: 'v', result: 'b' }).value++
    expect(metrics.read()).toMatchObject([{ name: 'tidemark_batch_runs_total', kind: 'counter', series: [{ labels: { view: 'v', result: 'a' }, value: 5 }, { labels: { view: 'v', result: 'b' }, value: 1 }] }])
  })

  it('asks what is told when it is read, and leaves out what is not known', () => {
    const metrics = new Metrics()
    let lag: number | null = 7
    const forget = metrics.whenRead((tell) => tell('tidemark_archive_lag_records', { source: 'payments', partition: '0' }, lag))
    expect(metrics.read()).toMatchObject([{ series: [{ value: 7 }] }])
    lag = null
    expect(metrics.read()).toEqual([])
    lag = 8
    forget()
    expect(metrics.read()).toEqual([])
  })
})
