// Simulated histories a minute: whole histories of the real pipelines on the stores and the engine in memory, each answer judged. Counted
// by the time of one core, since a history waits for nothing.

import { emptyTally, runHistory } from '@tidemark/simulation/history'
import type { Benchmark, BenchmarkOutcome } from './benchmark.ts'
import { figureOf, judge } from './measure.ts'

const RUN_COUNT = Number(process.env.RUNS ?? 5)
const HISTORY_COUNT = Number(process.env.HISTORIES ?? 60)
const BAR_PER_MIN = 300

export const benchmark: Benchmark = {
  question: 'How many simulated histories a minute does one core run and judge?',
  run,
}

async function run(): Promise<BenchmarkOutcome> {
  const tally = emptyTally()
  const perMin: number[] = []
  await runHistory(0)
  for (let turn = 0; turn < RUN_COUNT; turn++) {
    const before = process.cpuUsage()
    for (let i = 1; i <= HISTORY_COUNT; i++) {
      const failure = await runHistory(turn * HISTORY_COUNT + i, undefined, tally)
      if (failure !== null) throw new Error(`Seed ${failure.seed}: ${failure.wrong}`)
    }
    const { user, system } = process.cpuUsage(before)
    perMin.push((HISTORY_COUNT * 60_000_000) / (user + system))
  }
  const mean = (count: number): string => (count / (RUN_COUNT * HISTORY_COUNT)).toFixed(0)
  return {
    input: `seeds 1 to ${RUN_COUNT * HISTORY_COUNT}, each on average ${mean(tally.turnCount)} calls of ports, ${mean(tally.recordCount)} records, ${mean(tally.judgedCount)} answers judged and ${mean(tally.simulatedMs / 3_600_000)} simulated hours`,
    figures: [judge(figureOf('simulated histories', 'histories/min', perMin), `>= ${BAR_PER_MIN} histories/min`, ({ value }) => value >= BAR_PER_MIN)],
  }
}
