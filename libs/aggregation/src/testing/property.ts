// Runs a property over seeded cases. A failing seed is shrunk and printed; TIDEMARK_SEED replays one, TIDEMARK_RUNS searches longer.

import { types } from 'node:util'
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

/** Judges every case and throws the first failure, with the seed that replays it. Seeds are 1, 2, …: the same cases in each run. */
export function checkProperty<Case>(property: Property<Case>): void {
  const replayed = Number(process.env.TIDEMARK_SEED ?? 0)
  const runs = Number(process.env.TIDEMARK_RUNS ?? property.runs)
  const failure = replayed > 0 ? findFailure(property, replayed, replayed) : findFailure(property, 1, runs)
  if (failure === null) return
  const { seed, example, wrong } = shrinkFailure(property, failure)
  throw new Error(`TIDEMARK_SEED=${seed} replays this:\n${wrong}\n${show(example)}`)
}

/** The first seed from `first` to `last` that fails, or null. */
export function findFailure<Case>(property: Property<Case>, first = 1, last = property.runs): Failure<Case> | null {
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
    // Errors of the engine itself are of another realm than the test's.
    return types.isNativeError(error) ? (error.stack ?? error.message) : String(error)
  }
}

/** A line for each property of the case. */
function show(example: unknown): string {
  const lines = Object.entries(example as object).map(([name, value]) => `${name}: ${JSON.stringify(value, plainOf)}`)
  return lines.join('\n')
}

function plainOf(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`
  if (value instanceof Map) return [...value]
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value
}

/** `items` without its first half, its second, without each quarter, …, without each single one. */
export function* without<T>(items: readonly T[]): Iterable<T[]> {
  for (let size = Math.ceil(items.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let start = 0; start < items.length; start += size) yield [...items.slice(0, start), ...items.slice(start + size)]
  }
}
