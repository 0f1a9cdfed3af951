// Laws 3, 5 and 6 over random histories of the stream processor: TIDEMARK_SEED replays one, TIDEMARK_RUNS searches longer. What random
// search finds late, the schedules find at once.

import { describe, expect, it } from '@jest/globals'
import { INGEST_RULES, type IngestRules } from '@tidemark/pipelines/ingest/ingest-rules'
import { runHistory } from './ingest-history.ts'
import { wrongRules } from './ingest-wrong-rules.ts'

const RUNS = 30
const FOUND_BY_CHANCE = ['no-fence', 'no-revision', 'first-record-as-a', 'lazy-gap', 'trust-commits', 'drop-too-early']

/** The first seed whose history goes wrong. */
async function findFailure(rules: IngestRules, first: number, last: number, heldCountMax = 0): Promise<{ readonly seed: number; readonly wrong: string } | null> {
  for (let seed = first; seed <= last; seed++) {
    const wrong = await runHistory(seed, rules, heldCountMax).catch((error: unknown) => String((error as Error).stack))
    if (wrong !== null) return { seed, wrong }
  }
  return null
}

describe('laws 3, 5, 6: random histories of the stream processor', () => {
  it.each([0, 5, 20])('leave what the log says, whatever happens, with up to %s records held back', async (heldCountMax) => {
    const replayed = Number(process.env.TIDEMARK_SEED ?? 0)
    const failure = await findFailure(INGEST_RULES, replayed || 1, replayed || Number(process.env.TIDEMARK_RUNS ?? RUNS), heldCountMax)
    if (failure !== null) throw new Error(`TIDEMARK_SEED=${failure.seed} replays this: ${failure.wrong}`)
  }, 600_000)

  it.each(FOUND_BY_CHANCE)('find %s', async (bug) => {
    expect(await findFailure(wrongRules(bug), 1, RUNS)).not.toBeNull()
  }, 60_000)
})
