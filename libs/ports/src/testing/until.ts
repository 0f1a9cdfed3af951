// Waiting in suites on real servers: for a condition, with a deadline, so that a suite fails and never hangs.

/** A server that recovers on a busy machine. */
const LIMIT_MS = 60_000
const PAUSE_MS = 20

/** Asks until it holds; an error of it is the suite's. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, limitMs: number = LIMIT_MS): Promise<void> {
  for (const endMs = performance.now() + limitMs; !(await holds()); await pause()) {
    if (performance.now() > endMs) throw new Error(`After ${limitMs} ms it is still not so: ${what}.`)
  }
}

/** What the action gives once it no longer says STORE_UNAVAILABLE. */
export async function untilAvailable<T>(action: () => Promise<T>, limitMs: number = LIMIT_MS): Promise<T> {
  for (const endMs = performance.now() + limitMs; ; await pause()) {
    try {
      return await action()
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'STORE_UNAVAILABLE' || performance.now() > endMs) throw error
    }
  }
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, PAUSE_MS))

/** Calls again and again for so long, one call after the other; what each gave or threw, and the longest that one took. */
export async function callingFor<T>(durationMs: number, call: () => Promise<T>): Promise<{ readonly results: readonly PromiseSettledResult<T>[]; readonly longestMs: number }> {
  const results: PromiseSettledResult<T>[] = []
  let longestMs = 0
  for (const endMs = performance.now() + durationMs; performance.now() < endMs; await pause()) {
    const fromMs = performance.now()
    const [result] = await Promise.allSettled([call()])
    results.push(result)
    longestMs = Math.max(longestMs, performance.now() - fromMs)
  }
  return { results, longestMs }
}

/** An outage as people have them: long enough for connections to be given up and tried again many times. */
export const OUTAGE_MS = 10_000
