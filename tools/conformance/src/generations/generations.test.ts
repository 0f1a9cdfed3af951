// Law 5: what a reader finds with a pinned pointer is what the events up to its cut give, whoever runs, dies, comes late, rolls back or
// cleans up meanwhile. Random interleavings at every call of a port; TIDEMARK_SEED replays one, TIDEMARK_RUNS searches longer.

import { describe, expect, it } from '@jest/globals'
import type { Random } from '@tidemark/aggregation/testing/random'
import { GENERATION_BUGS } from './generation-bugs.ts'
import type { WorldHistory } from './generation-world.ts'
import { generatedHistory, plainHistory } from './histories.ts'
import { emptyTally, simulateGenerations, type SimulationOptions, type Tally, type Wrong } from './simulate-generations.ts'

const plain = (random: Random): WorldHistory => plainHistory(random, 14)

async function search(runs: number, options: SimulationOptions, tally?: Tally): Promise<(Wrong & { readonly seed: number }) | null> {
  const replayed = Number(process.env['TIDEMARK_SEED'] ?? 0)
  const last = Number(process.env['TIDEMARK_RUNS'] ?? runs)
  for (let seed = replayed || 1; seed <= (replayed || last); seed++) {
    const wrong = await simulateGenerations(seed, options, tally)
    if (wrong !== null) return { seed, ...wrong }
  }
  return null
}

const OFTEN_ENOUGH: readonly (keyof Tally)[] = ['readCount', 'publishedCount', 'lostCount', 'blockedCount', 'rollbackCount', 'killedCount', 'purgedCount', 'cleanedCount']

describe('generations under random interleavings', () => {
  it.each([['a plain view', plain, 25], ['generated definitions', generatedHistory, 20]] as const)('are read as they are, of %s', async (_, history, runs) => {
    const tally = emptyTally()
    expect(await search(runs, { history }, tally)).toBeNull()
    if (process.env['TIDEMARK_SEED'] === undefined) for (const name of OFTEN_ENOUGH) expect([name, tally[name] > 5]).toEqual([name, true])
  }, 600_000)

  // The others take a directed schedule: generation-schedules.test.ts.
  it.each([
    ['cut-off-by-one', 10], ['floor-may-fall', 20], ['no-void', 10], ['void-without-cas', 10], ['write-set-late', 10],
    ['publish-without-cas', 60], ['number-used-twice', 10],
  ])('show that a rule is broken: %s', async (bug, runs) => {
    const wrong = await search(runs, { history: plain, ...GENERATION_BUGS[bug]! })
    expect(wrong).not.toBeNull()
    console.log(`${bug}: seed ${wrong!.seed}, turn ${wrong!.turn}: ${wrong!.wrong.split('\n')[0]!}`)
  }, 600_000)
})
