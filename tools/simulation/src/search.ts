// Searches histories, seed after seed.

import { BUGS } from './bugs.ts'
import { runHistory, type Failure, type Tally } from './history.ts'
import { NO_CHANGES, rulesWith, type Rules } from './rules.ts'

export interface Search {
  readonly from: number
  readonly count: number
  /** 'none' or a name of BUGS. */
  readonly bug: string
  readonly tally?: Tally
  readonly onHistory?: (seed: number) => void
}

/** The first history that goes wrong; null: none does. */
export async function findFailure({ from, count, bug, tally, onHistory }: Search): Promise<Failure | null> {
  const rules = rulesOf(bug)
  for (let seed = from; seed < from + count; seed++) {
    const failure = await runHistory(seed, rules, tally)
    onHistory?.(seed)
    if (failure !== null) return failure
  }
  return null
}

/** Throws a plain error for a bug that there is not. */
export function rulesOf(bug: string): Rules {
  if (bug === 'none') return NO_CHANGES
  const found = BUGS[bug]
  if (found === undefined) throw new Error(`There is no bug ${bug}; there are ${Object.keys(BUGS).join(', ')}.`)
  return rulesWith(found.changes)
}

/** What went wrong, with the last turns before it and how to have it again. */
export function describeFailure({ seed, turn, wrong, shown }: Failure, bug = 'none'): string {
  const turns = shown.map((one) => `  ${String(one.turn).padStart(6)} ${one.actor}: ${one.call}`)
  const again = `npm run simulate -- --from ${seed} --seeds 1${bug === 'none' ? '' : ` --bug ${bug}`}`
  return [...turns, `Seed ${seed}, ${turn === 'end' ? 'at the calm end' : `turn ${turn}`}: ${wrong}`, `Again: ${again}`].join('\n')
}
