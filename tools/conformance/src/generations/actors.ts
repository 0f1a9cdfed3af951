// Actors that take turns: each runs up to its next call of a port and stands still there until it gets a turn, or for ever. So whoever
// gives the turns draws the interleaving, and what happens between two calls of a port happens at once.

import { TidemarkError } from '@tidemark/feature-schema/errors'

export type ActorState = 'running' | 'parked' | 'over'

/** 'request': the port never hears of the call; 'answer': it does, and the caller never knows. */
export type Loss = 'request' | 'answer' | null

export class Actor {
  readonly name: string
  state: ActorState = 'running'
  /** What it threw, where it did. */
  error: unknown = null
  private resume: (() => void) | null = null
  private stopped = (): void => undefined

  constructor(name: string) {
    this.name = name
  }

  /** Starts it; resolves when it stands still before its first call. */
  async start(run: () => Promise<void>): Promise<this> {
    const standsStill = this.untilStopped()
    void run().then(
      () => this.end(null),
      (error: unknown) => this.end(error),
    )
    await standsStill
    return this
  }

  /** Stands still until the next turn. One call at a time: an actor has no calls side by side. */
  turn(): Promise<void> {
    if (this.resume !== null) throw new Error(`${this.name} calls two ports at once.`)
    const { promise, resolve } = Promise.withResolvers<undefined>()
    this.resume = () => resolve(undefined)
    this.state = 'parked'
    this.stopped()
    return promise
  }

  /** Lets it go on to its next call. */
  async go(): Promise<void> {
    const { resume } = this
    if (resume === null) return
    this.resume = null
    this.state = 'running'
    const standsStill = this.untilStopped()
    resume()
    await standsStill
  }

  private end(error: unknown): void {
    this.state = 'over'
    this.error = error
    this.stopped()
  }

  private untilStopped(): Promise<undefined> {
    const { promise, resolve } = Promise.withResolvers<undefined>()
    this.stopped = () => resolve(undefined)
    return promise
  }

  /** A port each of whose calls waits for a turn, and may then be lost. */
  guard<Port extends object>(port: Port, drawLoss: () => Loss = () => null): Port {
    return new Proxy(port, {
      get: (target, name): unknown => {
        const member: unknown = Reflect.get(target, name)
        if (typeof member !== 'function' || typeof name === 'symbol') return member
        if (name === 'list') return (...given: unknown[]) => this.listed(() => Reflect.apply(member, target, given) as AsyncIterable<unknown>)
        return async (...given: unknown[]): Promise<unknown> => {
          await this.turn()
          const loss = drawLoss()
          if (loss === 'request') throw lost(name)
          const answer: unknown = await Reflect.apply(member, target, given)
          if (loss === 'answer') throw lost(name)
          return answer
        }
      },
    })
  }

  private async *listed(list: () => AsyncIterable<unknown>): AsyncGenerator<unknown> {
    await this.turn()
    yield* list()
  }
}

function lost(call: string): TidemarkError {
  return new TidemarkError([{ code: 'STORE_UNAVAILABLE', message: 'The call was lost.', where: call, action: 'Try again.' }])
}
