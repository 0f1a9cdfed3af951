// From runs to figures. Medians, because one run that meets a busy machine must not decide; contestants take turns, because a
// machine that slows down half-way must slow both.
import type { Figure } from './benchmark.ts'

/** The middle of `values`, or the mean of the two in the middle. Throws where there is none. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('median: no values, expected at least one')
  const sorted = values.toSorted((a, b) => a - b)
  const upper = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[upper]! : (sorted[upper - 1]! + sorted[upper]!) / 2
}

/** The figure of `values`, one a run. */
export function figureOf(name: string, unit: string, values: readonly number[]): Figure {
  return { name, unit, value: median(values), min: Math.min(...values), max: Math.max(...values), runs: values.length }
}

/** `figure` beside what it is compared with, and their ratio. */
export function compare(figure: Figure, against: { name: string; value: number }): Figure & { ratio: number } {
  return { ...figure, against: { name: against.name, value: against.value }, ratio: figure.value / against.value }
}

/** `figure` with what it should reach, such as `ratio >= 2`, and whether it did. */
export function judge<F extends Figure>(figure: F, bar: string, holds: (figure: F) => boolean): F {
  return { ...figure, bar, met: holds(figure) }
}

/** Milliseconds that one call of `work` takes. */
export async function timeMs(work: () => unknown): Promise<number> {
  const startedAtMs = performance.now()
  await work()
  return performance.now() - startedAtMs
}

/**
 * Runs every contestant `runCount` times in turns, after one turn that does not count, and returns what each run measured
 * (a contestant returns its own measurement: a rate, a time, several of them). The order is reversed every other turn.
 */
export async function takeTurns<Name extends string, Measured = number>(
  runCount: number,
  contestants: Record<Name, () => Promise<Measured>>,
): Promise<Record<Name, Measured[]>> {
  const names = Object.keys(contestants) as Name[]
  const values = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, Measured[]>
  for (const name of names) await contestants[name]()
  for (let turn = 0; turn < runCount; turn++) {
    for (const name of turn % 2 === 0 ? names : names.toReversed()) values[name].push(await contestants[name]())
  }
  return values
}
