// What a benchmark is. A file `NAME.bench.ts` exports one as `benchmark`; `npm run bench -- NAME` runs it and writes its report.

export interface Benchmark {
  /** One line: the question that its figures answer. */
  question: string
  run(): Promise<BenchmarkOutcome>
}

export interface BenchmarkOutcome {
  /** What was fed in: the data and its size, so that somebody else can repeat it. */
  input: string
  figures: Figure[]
}

/** One measured value: the median of its runs, with the extremes. */
export interface Figure {
  name: string
  unit: string
  value: number
  min: number
  max: number
  runs: number
  /** What it is compared with, measured in the same sitting. */
  against?: { name: string; value: number }
  /** value / against.value */
  ratio?: number
  /** What the ratio, or else the value, is asked to reach, in words. */
  bar?: string
  met?: boolean
}

/** What `bench-results/NAME.json` holds. */
export interface BenchmarkReport extends BenchmarkOutcome {
  name: string
  /** ISO 8601, UTC. */
  date: string
  machine: Machine
}

export interface Machine {
  processor: string
  coreCount: number
  memoryMiB: number
  system: string
  node: string
}
