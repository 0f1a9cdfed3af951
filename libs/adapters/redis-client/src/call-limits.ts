// Every call has a deadline, and only so many wait at once: a server that hangs must not fill the memory of those who ask it.

import { unavailable } from './redis-errors.ts'

export interface CallLimits {
  readonly timeoutMs: number
  readonly callsInFlightMax: number
}

/** Runs calls that are named for messages. */
export type LimitCall = <T>(where: string, action: () => Promise<T>) => Promise<T>

/**
 * STORE_UNAVAILABLE where the deadline passes, and then nobody knows whether it was done; or where too many wait, and then it was not.
 * `onLate` is told of each that was too late.
 */
export function createCallLimits({ timeoutMs, callsInFlightMax }: CallLimits, onLate: () => void = () => undefined): LimitCall {
  let inFlightCount = 0
  return async (where, action) => {
    if (inFlightCount >= callsInFlightMax) throw unavailable(where, `${inFlightCount} calls wait for it already, and no more may.`)
    inFlightCount++
    try {
      return await inTime(action(), timeoutMs, () => {
        onLate()
        return unavailable(where, `It did not answer within ${timeoutMs} ms.`)
      })
    } finally {
      inFlightCount--
    }
  }
}

/** What it resolves to; throws what `lateError` gives where that takes longer. */
export async function inTime<T>(promise: Promise<T>, timeoutMs: number, lateError: () => Error): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(lateError()), timeoutMs)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
