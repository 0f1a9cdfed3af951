import { describe, expect, it } from '@jest/globals'
import { TOGETHER, type DemoFigures, type ProcessCost } from '@tidemark/example-flights/demo-figures'
import { figuresOf } from './real-demo.bench.ts'

const cost = (process: string, phase: string, flightCount: number, cpuMs: number): ProcessCost => ({ process, phase, flightCount, cpuMs })

const EMBEDDED: DemoFigures = {
  comparedCount: 100, differingCount: 0, peakBytes: 2 ** 30, seconds: 50,
  rates: { log: 400, archive: 300, firstGeneration: 200, stream: 100 },
  latencies: { whileStreaming: { p50Ms: 0.1, p99Ms: 1 }, atRest: { p50Ms: 0.05, p99Ms: 0.5 } },
  costs: [cost(TOGETHER, 'history', 1_000, 10), cost(TOGETHER, 'June', 500, 20)],
}
const REAL: DemoFigures = {
  comparedCount: 200, differingCount: 0, peakBytes: 3 * 2 ** 30, seconds: 200,
  rates: { log: 200, archive: 150, firstGeneration: 20, stream: 50 },
  latencies: { whileStreaming: { p50Ms: 5, p99Ms: 50 }, atRest: { p50Ms: 2, p99Ms: 20 } },
  costs: [
    ...['history', 'June', 'the rush'].map((phase) => cost('kafka', phase, 100, 6)),
    ...['history', 'June', 'the rush'].map((phase) => cost(TOGETHER, phase, 100, 8)),
  ],
}

describe('the figures of both demos', () => {
  const figures = new Map(figuresOf(EMBEDDED, REAL).map((figure) => [figure.name, figure]))

  it('hold the real one against the embedded one', () => {
    expect(figures.get('through the stream')).toEqual({ name: 'through the stream', unit: 'flights/s', value: 50, min: 50, max: 50, runs: 1, against: { name: 'the embedded demo', value: 100 }, ratio: 0.5 })
    expect(figures.get('answers while flights stream, p99')).toMatchObject({ value: 50, against: { value: 1 }, ratio: 50 })
    expect(figures.get('answers at rest, p50')).toMatchObject({ value: 2, against: { value: 0.05 }, ratio: 40 })
    expect(figures.get('peak memory of all processes')).toMatchObject({ unit: 'MiB', value: 3_072, ratio: 3 })
  })

  it('say what a process costs for each flight, and its part of all', () => {
    expect(figures.get('CPU of kafka, June')).toMatchObject({ unit: 'µs/flight', value: 60, against: { name: 'all processes', value: 80 }, ratio: 0.75 })
  })

  it('hold what all cost together against the one process, the rush against the June that it is a part of', () => {
    expect(figures.get('CPU of all processes, history')).toMatchObject({ value: 80, against: { name: 'the embedded demo, history', value: 10 }, ratio: 8 })
    expect(figures.get('CPU of all processes, the rush')).toMatchObject({ value: 80, against: { name: 'the embedded demo, June', value: 40 }, ratio: 2 })
  })

  it('are refused where a phase has nothing beside it', () => {
    expect(() => figuresOf({ ...EMBEDDED, costs: [] }, REAL)).toThrow('history')
  })
})
