import { describe, expect, it } from '@jest/globals'
import { usPerFlight } from '../demo-figures.ts'
import { costsOf, lookAtUsage, peakBytesOf, usageTable, type Phase, type Usage } from './process-usage.ts'

const usage = (cpuMs: Record<string, number>): Usage => new Map(Object.entries(cpuMs).map(([name, ms]) => [name, { cpuMs: ms, residentBytes: 0, peakBytes: 2 ** 20 }]))

/** The second process starts in the second phase. */
const [START, BETWEEN, END] = [usage({ kafka: 100 }), usage({ kafka: 150 }), usage({ kafka: 170, 'batch-layer': 80 })]
const PHASES: readonly Phase[] = [{ name: 'history', flightCount: 1_000, before: START, after: BETWEEN }, { name: 'June', flightCount: 200, before: BETWEEN, after: END }]

describe('what processes used', () => {
  it('is what it grew by in each phase, from nothing where a process started in it, and the sum of all', () => {
    expect(costsOf(PHASES)).toEqual([
      { process: 'kafka', phase: 'history', flightCount: 1_000, cpuMs: 50 },
      { process: 'kafka', phase: 'June', flightCount: 200, cpuMs: 20 },
      { process: 'batch-layer', phase: 'history', flightCount: 1_000, cpuMs: 0 },
      { process: 'batch-layer', phase: 'June', flightCount: 200, cpuMs: 80 },
      { process: 'together', phase: 'history', flightCount: 1_000, cpuMs: 50 },
      { process: 'together', phase: 'June', flightCount: 200, cpuMs: 100 },
    ])
    expect(costsOf(PHASES).map(usPerFlight)).toEqual([50, 100, 0, 400, 50, 500])
    expect(peakBytesOf(END)).toBe(2 * 2 ** 20)
  })

  it('is a row for each process in the table', () => {
    expect(usageTable(PHASES)).toMatch(/batch-layer.*0\.0 s, 0\.0 µs.*0\.1 s, 400\.0 µs.*1\.0 MiB/)
    expect(usageTable(PHASES)).toMatch(/together.*0\.1 s, 50\.0 µs.*0\.1 s, 500\.0 µs.*2\.0 MiB/)
  })

  it('leaves out who no longer runs, and has this process', () => {
    const now = lookAtUsage([['gone', undefined]])
    expect([...now.keys()]).toEqual(['this process'])
    expect(now.get('this process')!.cpuMs).toBeGreaterThan(0)
  })
})
