// A result that is at hand, or a promise of it. What reads from this process's own memory or mapped files has it at hand, and a promise for each
// step costs a small request more than the reading. A failure is always a promise that is rejected: who calls handles it in one place.

export type Soon<T> = T | Promise<T>

/** What an action gives, also where it throws. */
export function soon<T>(action: () => Soon<T>): Soon<T> {
  try {
    return action()
  } catch (error) {
    return Promise.reject(error)
  }
}

/** What `use` makes of a result, once it is there. Throws what `use` throws where the result is at hand. */
export function after<T, R>(result: Soon<T>, use: (value: T) => Soon<R>): Soon<R> {
  return result instanceof Promise ? result.then(use) : use(result)
}

/** Takes a step for each item, each after the one before. */
export function inTurn<T>(items: readonly T[], step: (item: T, i: number) => Soon<void>): Soon<void> {
  for (let i = 0; i < items.length; i++) {
    const taken = step(items[i]!, i)
    if (taken instanceof Promise) return taken.then(() => inTurnFrom(items, step, i + 1))
  }
}

async function inTurnFrom<T>(items: readonly T[], step: (item: T, i: number) => Soon<void>, from: number): Promise<void> {
  for (let i = from; i < items.length; i++) {
    const taken = step(items[i]!, i)
    if (taken instanceof Promise) await taken
  }
}
