// What a run of the demo measured, embedded or on servers, in the same words, so that one can be held against the other.

export interface DemoFigures {
  /** Values that were held to the oracle, and those of them that differ from it. */
  readonly comparedCount: number
  readonly differingCount: number
  /** Flights a second. */
  readonly rates: {
    /** While the archive followed. */
    readonly log: number
    readonly archive: number
    readonly firstGeneration: number
    readonly stream: number
  }
  /** Of requests for one entity. */
  readonly latencies: { readonly whileStreaming: Percentiles; readonly atRest: Percentiles }
  readonly costs: readonly ProcessCost[]
  /** Of all processes, the most that each had, pages of mapped files included, before the oracle was asked. */
  readonly peakBytes: number
  /** From the start to the verdict. */
  readonly seconds: number
}

export interface Percentiles {
  readonly p50Ms: number
  readonly p99Ms: number
}

/** What a process used in a phase, through which so many flights went. */
export interface ProcessCost {
  /** TOGETHER: all of them. */
  readonly process: string
  readonly phase: string
  readonly flightCount: number
  readonly cpuMs: number
}

export const TOGETHER = 'together'

export function usPerFlight({ cpuMs, flightCount }: ProcessCost): number {
  return (cpuMs * 1_000) / flightCount
}

export function perSecond(count: number, ms: number): number {
  return (count / ms) * 1_000
}

/** The median and the 99th of a hundred. Throws where there is no value. */
export function percentilesOf(valuesMs: readonly number[]): Percentiles {
  if (valuesMs.length === 0) throw new RangeError('percentilesOf: no values, expected at least one')
  const sorted = valuesMs.toSorted((a, b) => a - b)
  const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))]!
  return { p50Ms: at(0.5), p99Ms: at(0.99) }
}
