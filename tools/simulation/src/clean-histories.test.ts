// Laws 3 to 7 and 10, whole: no random history of the real pipelines gives a wrong answer, loses an event or a dead letter, or raises an alarm
// without a reason. TIDEMARK_RUNS says how many; TIDEMARK_SEED replays one.

import { expect, it } from '@jest/globals'
import { emptyTally } from './history.ts'
import { describeFailure, findFailure } from './search.ts'

const seed = Number(process.env.TIDEMARK_SEED ?? 0)
const count = seed > 0 ? 1 : Number(process.env.TIDEMARK_RUNS ?? 200)
/** On a machine that does other things too. */
const HISTORY_TIME_MAX_MS = 6_000

it(`gives no wrong answer in ${count} histories`, async () => {
  const tally = emptyTally()
  const failure = await findFailure({ from: Math.max(1, seed), count, bug: 'none', tally })
  if (failure !== null) throw new Error(describeFailure(failure))
  if (seed > 0) return
  // Histories in which nothing happens prove nothing.
  expect(tally.judgedCount).toBeGreaterThan(20 * count)
  expect(tally.recordCount).toBeGreaterThan(100 * count)
  expect(tally.generationCount).toBeGreaterThan(4 * count)
  expect(tally.simulatedMs).toBeGreaterThan(6 * 3_600_000 * count)
}, 60_000 + count * HISTORY_TIME_MAX_MS)

it('replays a history from its seed', async () => {
  const [first, second] = [emptyTally(), emptyTally()]
  await findFailure({ from: 3, count: 2, bug: 'none', tally: first })
  await findFailure({ from: 3, count: 2, bug: 'none', tally: second })
  expect(second).toEqual(first)
}, 60_000)
