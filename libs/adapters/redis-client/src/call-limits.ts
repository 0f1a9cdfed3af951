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
  return (where, action) => new Promise((resolve, reject) => {
    if (inFlightCount >= callsInFlightMax) throw unavailable(where, `${inFlightCount} calls wait for it already, and no more may.`)
    const late = (): Error => {
      onLate()
      return unavailable(where, `It did not answer within ${timeoutMs} ms.`)
    }
    const promise = action()
    inFlightCount++
    settleInTime(promise, timeoutMs, late, (value) => {
      inFlightCount--
      resolve(value)
    }, (error) => {
      inFlightCount--
      reject(error)
    })
  })
}

/** What it resolves to; throws what `lateError` gives where that takes longer. */
export function inTime<T>(promise: Promise<T>, timeoutMs: number, lateError: () => Error): Promise<T> {
  return new Promise((resolve, reject) => settleInTime(promise, timeoutMs, lateError, resolve, reject))
}

/** Calls one of them, once. */
function settleInTime<T>(promise: Promise<T>, timeoutMs: number, lateError: () => Error, resolve: (value: T) => void, reject: (error: unknown) => void): void {
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    reject(lateError())
  }, timeoutMs)
  promise.then((value) => {
    if (isLate) return
    clearTimeout(timer)
    resolve(value)
  }, (error: unknown) => {
    if (isLate) return
    clearTimeout(timer)
    reject(error)
  })
}
