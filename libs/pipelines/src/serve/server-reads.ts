// Reads of one server. Once they hang or fail, and none of them succeeds, the server is left out: answers come at once, of what else there is, and
// nothing waits in line for it when it comes back. Now and then one read tries it.
//
// Libraries' breakers make promises and signals for each call, also for one that is at hand: the hot path reads in a microsecond what is in this process.

import { TidemarkError, type Problem } from '@tidemark/feature-schema/errors'
import type { Clock } from '@tidemark/ports/clock'
import { soon, type Soon } from '@tidemark/ports/soon'
import { Breaker } from './breaker.ts'
import type { Deadlines } from './deadlines.ts'

/** A read that has not ended after this hangs, and a server of which nothing has succeeded for so long is left out. What hangs may still end well. */
export const READ_HANGS_AFTER_MS = 1_000
/** Between two reads that try a server which is left out. */
export const TRIED_EVERY_MS = 1_000
/** How long such a read keeps its caller waiting. */
export const TRIED_FOR_MS = 50

/** What reads ask: what is behind `stores` are batch views and registers. */
export type ServerName = 'speedViews' | 'stores'

/** Told where a server is left out from now on, and why; null: it answers again. */
export type OnLeftOut = (server: ServerName, problem: Problem | null) => void

export interface ServerReadsOptions {
  readonly name: ServerName
  readonly clock: Clock
  readonly deadlines: Deadlines
  readonly onLeftOut?: OnLeftOut | undefined
}

export class ServerReads {
  private readonly name: ServerName
  private readonly deadlines: Deadlines
  private readonly onLeftOut: OnLeftOut
  private readonly breaker: Breaker
  private successCount = 0
  /** Ends the wait for each read that has hung for long. */
  private readonly hanging = new Set<(error: TidemarkError) => void>()

  constructor({ name, clock, deadlines, onLeftOut = () => undefined }: ServerReadsOptions) {
    this.name = name
    this.deadlines = deadlines
    this.onLeftOut = onLeftOut
    this.breaker = new Breaker(clock, { pauseMs: TRIED_EVERY_MS, silenceMinMs: READ_HANGS_AFTER_MS })
  }

  /** Throws what the call throws, and STORE_UNAVAILABLE at once where the server is left out. */
  read<T>(call: () => Soon<T>): Soon<T> {
    const isTrial = this.breaker.isOpen
    if (!this.breaker.admits()) return Promise.reject(new TidemarkError([this.unanswered('It has not answered lately, and is tried each second.')]))
    const reading = soon(call)
    if (reading instanceof Promise) return this.watch(reading, isTrial)
    this.succeeded()
    return reading
  }

  private watch<T>(reading: Promise<T>, isTrial: boolean): Promise<T> {
    const { deadlines, successCount } = this
    const beganAtMs = deadlines.aboutNowMs()
    const hangsAfterMs = isTrial ? TRIED_FOR_MS : READ_HANGS_AFTER_MS
    let isCounted = false
    const failed = (problem: Problem): void => {
      // It counts once; and where others have succeeded since it was begun, it says nothing of the server.
      if (isCounted || this.successCount !== successCount) return
      isCounted = true
      if (this.breaker.failed(beganAtMs)) this.leaveOut(problem)
    }
    const watched = reading.then((value) => {
      this.succeeded()
      return value
    }, (error: unknown) => {
      const problem = error instanceof TidemarkError ? error.problems[0]! : null
      if (problem?.code === 'STORE_UNAVAILABLE') failed(problem)
      else this.succeeded()
      throw error
    })
    return deadlines.until(watched, beganAtMs + hangsAfterMs, () => {
      const hangs = this.unanswered(`It did not answer within ${hangsAfterMs} ms.`)
      failed(hangs)
      return this.breaker.isOpen ? Promise.reject(new TidemarkError([hangs])) : this.untilLeftOut(watched)
    })
  }

  /** Who waits for the same read waits no longer than who asks anew. */
  private untilLeftOut<T>(watched: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.hanging.add(reject)
      watched.then(resolve, reject).finally(() => this.hanging.delete(reject))
    })
  }

  private leaveOut(problem: Problem): void {
    for (const end of this.hanging) end(new TidemarkError([problem]))
    this.onLeftOut(this.name, problem)
  }

  private succeeded(): void {
    this.successCount++
    if (this.breaker.succeeded()) this.onLeftOut(this.name, null)
  }

  private unanswered(message: string): Problem {
    return { code: 'STORE_UNAVAILABLE', message, where: this.name, action: 'Look at the server; reads go on by themselves once it answers.' }
  }
}
