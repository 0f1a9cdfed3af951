// Each rule of the protocol is broken once, in the real pipelines, and found: by its schedule, which the right rules pass, and, where that is
// soon, by random histories. The table of what found what is printed.

import { afterAll, describe, expect, it } from '@jest/globals'
import { BUGS } from './bugs.ts'
import { findFailure } from './search.ts'

/** The rules that the protocol's model has, by what breaks them. */
const MODEL_BUGS = [
  'no-fence', 'no-revision', 'counter-revision', 'no-gap-rule', 'first-record-as-a', 'lazy-gap', 'trust-commits', 'no-idle-check', 'epoch-not-running-max',
  'fence-without-epoch', 'barrier-early', 'partitions-listed-early', 'no-opening-epoch', 'reset-unnoticed', 'reset-checked-once', 'proof-not-kept', 'cut-off-by-one',
  'drop-too-early', 'no-repin', 'floor-may-fall', 'no-void', 'void-without-cas', 'write-set-late', 'void-unread', 'late-rows-live', 'purge-without-lease',
  'clean-without-lease', 'sweep-without-lease', 'sweep-unfenced',
]

/** Where a search begins that finds the bug at once; it goes on where the pipelines' calls, and so the interleavings, are others by then. */
const SEEDS: Readonly<Record<string, number>> = {
  'no-fence': 2, 'undecided-not-waited-for': 2, 'no-revision': 2, 'first-record-as-a': 2, 'lazy-gap': 2, 'epoch-not-running-max': 2, 'cut-off-by-one': 2, 'trust-commits': 3, 'floor-may-fall': 3,
  'no-idle-check': 3, 'number-used-twice': 3, 'no-gap-rule': 8, 'drop-too-early': 9, 'reset-unnoticed': 15, 'periods-by-the-clock': 44, 'ahead-unnoticed': 138,
  'register-not-read-after-poll': 28, 'sweep-unfenced': 38, 'void-without-cas': 38, 'reset-checked-once': 87,
}
const HISTORIES_MAX = 150

const table: string[] = []
// The whole table at once, where it is read.
afterAll(() => console.log(table.join('\n')))

describe('laws 3, 5, 6, 7: deliberate bugs', () => {
  it('has each of the model', () => {
    expect(MODEL_BUGS.filter((name) => !(name in BUGS))).toEqual([])
    expect(Object.keys(SEEDS).filter((name) => !(name in BUGS))).toEqual([])
  })

  it.each(Object.entries(BUGS))('%s: its schedule shows it, and nothing where the rule is kept', async (name, { schedules }) => {
    expect(schedules.length).toBeGreaterThan(0)
    for (const schedule of schedules) {
      expect(await schedule(false)).toBeNull()
      const wrong = await schedule(true).catch((error: unknown) => (error as Error).message)
      expect(wrong).not.toBeNull()
      table.push(`${name.padEnd(28)} schedule    ${wrong!.split('\n')[0]!}`)
    }
  })

  it.each(Object.entries(SEEDS))('%s: a random history shows it', async (bug, from) => {
    const failure = await findFailure({ from, count: HISTORIES_MAX, bug })
    expect(failure).not.toBeNull()
    table.push(`${bug.padEnd(28)} seed ${String(failure!.seed).padEnd(6)} ${failure!.wrong.split('\n')[0]!}`)
  }, 300_000)
})
