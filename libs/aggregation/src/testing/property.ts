// Runs a property over seeded cases. A failing seed is shrunk and printed; TIDEMARK_SEED replays one, TIDEMARK_RUNS searches longer.

import { seededRandom, type Random } from './random.ts'

export interface Property<Case> {
  /** Cases tried where TIDEMARK_RUNS says nothing. */
  readonly runs: number
  readonly generate: (random: Random) => Case
  /** null: holds; else what is wrong. A throw is a failure too. */
  readonly judge: (example: Case) => string | null
  /** Smaller cases to try in the place of a failing one, the smallest first. */
  readonly shrink?: (example: Case) => Iterable<Case>
}

export interface Failure<Case> {
  readonly seed: number
  readonly example: Case
  readonly wrong: string
}

/** Judges every case and throws the first failure, with the seed that replays it. */
export function checkProperty<Case>(property: Property<Case>): void {
  const failure = findFailure(property)
  if (failure === null) return
  const { seed, example, wrong } = shrinkFailure(property, failure)
  throw new Error(`TIDEMARK_SEED=${seed} replays this:\n${wrong}\n${JSON.stringify(example, bigintsAsText, 1)}`)
}

/** The first seed that fails, or null. Seeds are 1, 2, …: the same cases in each run. */
export function findFailure<Case>(property: Property<Case>): Failure<Case> | null {
  const replayed = Number(process.env.TIDEMARK_SEED ?? 0)
  const [first, last] = replayed > 0 ? [replayed, replayed] : [1, Number(process.env.TIDEMARK_RUNS ?? property.runs)]
  for (let seed = first; seed <= last; seed++) {
    const example = property.generate(seededRandom(seed))
    const wrong = judgeSafely(property, example)
    if (wrong !== null) return { seed, example, wrong }
  }
  return null
}

/** The same failure, in as small a case as a greedy search finds. */
function shrinkFailure<Case>(property: Property<Case>, failure: Failure<Case>): Failure<Case> {
  let smallest = failure
  for (let isSmaller = true; isSmaller; ) {
    isSmaller = false
    for (const example of property.shrink?.(smallest.example) ?? []) {
      const wrong = judgeSafely(property, example)
      if (wrong === null) continue
      smallest = { ...smallest, example, wrong }
      isSmaller = true
      break
    }
  }
  return smallest
}

function judgeSafely<Case>(property: Property<Case>, example: Case): string | null {
  try {
    return property.judge(example)
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error)
  }
}

function bigintsAsText(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}n` : value
}

/** `items` without its first half, its second, without each quarter, …, without each single one. */
export function* without<T>(items: readonly T[]): Iterable<T[]> {
  for (let size = Math.ceil(items.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let start = 0; start < items.length; start += size) yield [...items.slice(0, start), ...items.slice(start + size)]
  }
}
