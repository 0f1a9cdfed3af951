// Runs a property whose judge waits for engines. Seeds are 1, 2, …; a failing one is shrunk and printed. TIDEMARK_SEED replays one
// seed, TIDEMARK_RUNS searches longer.
import type { Property } from '@tidemark/aggregation/testing/property'
import { seededRandom } from '@tidemark/aggregation/testing/random'

export interface AsyncProperty<Case> extends Omit<Property<Case>, 'judge'> {
  /** null: holds; else what is wrong. A throw is a failure too. */
  readonly judge: (example: Case) => Promise<string | null>
}

/** How long a property may take; a longer search has no end. */
export const CASES_TIMEOUT_MS = process.env['TIDEMARK_RUNS'] === undefined ? 120_000 : 86_400_000

/** Judges every case and throws the first failure, shrunk. */
export async function checkCases<Case>(property: AsyncProperty<Case>): Promise<void> {
  const replayed = Number(process.env['TIDEMARK_SEED'] ?? 0)
  const runs = Number(process.env['TIDEMARK_RUNS'] ?? property.runs)
  const failure = replayed > 0 ? await findFailure(property, replayed, replayed) : await findFailure(property, 1, runs)
  if (failure === null) return
  const { example, wrong } = await shrinkCase(property, failure)
  const text = JSON.stringify(example, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value), 1)
  throw new Error(`TIDEMARK_SEED=${failure.seed} replays this:\n${wrong}\n${text}`)
}

/** The first seed that fails, or null. */
export async function findFailure<Case>(property: AsyncProperty<Case>, first = 1, last = property.runs): Promise<{ seed: number; example: Case; wrong: string } | null> {
  for (let seed = first; seed <= last; seed++) {
    const example = property.generate(seededRandom(seed))
    const wrong = await judgeSafely(property, example)
    if (wrong !== null) return { seed, example, wrong }
  }
  return null
}

/** The same failure, in as small a case as a greedy search finds. */
async function shrinkCase<Case>(property: AsyncProperty<Case>, failure: { example: Case; wrong: string }): Promise<{ example: Case; wrong: string }> {
  for (const example of property.shrink?.(failure.example) ?? []) {
    const wrong = await judgeSafely(property, example)
    if (wrong !== null) return shrinkCase(property, { example, wrong })
  }
  return failure
}

async function judgeSafely<Case>(property: AsyncProperty<Case>, example: Case): Promise<string | null> {
  try {
    return await property.judge(example)
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error)
  }
}
