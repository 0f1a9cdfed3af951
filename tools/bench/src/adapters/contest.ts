// The same work through an adapter and by its bare client, in turns: what it costs this process of processor time, for each operation. The time that
// passes would be the server's and the machine's.

import type { Figure } from '../benchmark.ts'
import { compare, figureOf, judge, median, takeTurns } from '../measure.ts'

const RUNS = 9
const OVERHEAD_MAX = 0.15

export interface Contest {
  /** `redis: fenced write of 25 chunks`. */
  readonly name: string
  /** What the adapter is held against. */
  readonly bareName: string
  /** Of each call of `ours` and `bare`. */
  readonly operationCount: number
  ours(): Promise<void>
  bare(): Promise<void>
  /** What a call needs that is not measured. */
  prepare?(): Promise<void>
}

export interface Contests extends AsyncDisposable {
  readonly contests: readonly Contest[]
}

export async function measureContest({ name, bareName, operationCount, ours, bare, prepare }: Contest): Promise<Figure> {
  const cpuUs = (work: () => Promise<void>) => async (): Promise<number> => {
    await prepare?.()
    const before = process.cpuUsage()
    await work()
    const { user, system } = process.cpuUsage(before)
    return (user + system) / operationCount
  }
  const measured = await takeTurns(RUNS, { ours: cpuUs(ours), bare: cpuUs(bare) })
  const figure = compare(figureOf(name, 'µs of CPU', measured.ours), { name: bareName, value: median(measured.bare) })
  return judge(figure, `at most ${1 + OVERHEAD_MAX} ×`, ({ ratio }) => ratio <= 1 + OVERHEAD_MAX)
}
