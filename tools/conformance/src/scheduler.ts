// Whose turn it is. Actors call ports through guards, where each call waits until it is given a turn; what an actor does between two calls
// happens at once, because nothing in memory waits for anything else. So who draws the turns draws the interleaving, and a seed replays it.
//
// An actor can be killed where it waits: its calls never return. It can be left asleep, and goes on later as if nothing had happened. A call can
// be lost on its way to the port, or its answer on the way back.

import type { Random } from '@tidemark/aggregation/testing/random'
import { TidemarkError } from '@tidemark/feature-schema/errors'

/** 'lost-request': the port never hears of it; 'lost-answer': it does, and the caller never knows. */
export type Verdict = 'go' | 'lost-request' | 'lost-answer'

interface WaitingCall {
  readonly name: string
  /** null: at any time. */
  readonly isReady: (() => boolean) | null
  readonly go: (verdict: Verdict) => void
}

export interface Turn {
  readonly turn: number
  readonly actor: string
  readonly call: string
}

export interface ActorOptions {
  readonly name: string
  /** Turns in proportion to the other actors'. */
  readonly weight?: number
  /** Share of calls that are lost, half of them on the way back. */
  readonly lostShare?: number
}

/** Turns that are remembered, to be shown where something goes wrong. */
const TURNS_SHOWN_MAX = 80

export class Actor {
  readonly name: string
  readonly weight: number
  lostShare: number
  fate: 'alive' | 'killed' | 'ended' = 'alive'
  /** What it threw, where it did. */
  error: unknown = null
  asleepUntilTurn = 0
  waiting: WaitingCall[] = []

  constructor({ name, weight = 1, lostShare = 0 }: ActorOptions) {
    this.name = name
    this.weight = weight
    this.lostShare = lostShare
  }

  /** Its calls never return. */
  kill(): void {
    if (this.fate === 'alive') this.fate = 'killed'
    this.waiting = []
  }

  /** Waits for a turn, after `isReady` says that there is something to do. */
  turn(name: string, isReady: (() => boolean) | null = null): Promise<Verdict> {
    return new Promise((go) => {
      if (this.fate === 'alive') this.waiting.push({ name, isReady, go })
    })
  }

  /** Waits until there is something to do. */
  async pause(isReady: () => boolean): Promise<void> {
    await this.turn('pause', isReady)
  }

  /** A port each of whose calls waits for a turn, but for those that are named. */
  guard<Port extends object>(port: Port, atOnce: readonly (keyof Port)[] = []): Port {
    return new Proxy(port, {
      get: (target, name): unknown => {
        const member: unknown = Reflect.get(target, name)
        if (typeof member !== 'function' || typeof name === 'symbol') return member
        if (atOnce.includes(name as keyof Port)) return member.bind(target)
        if (name === 'scan' || name === 'list') return (...given: unknown[]) => this.iterate(name, () => Reflect.apply(member, target, given) as AsyncIterable<unknown>)
        return (...given: unknown[]) => this.call(name, () => Reflect.apply(member, target, given))
      },
    })
  }

  private async call(name: string, port: () => unknown): Promise<unknown> {
    const verdict = await this.turn(name)
    if (verdict === 'lost-request') throw lost(name)
    const answer = await port()
    if (verdict === 'lost-answer') throw lost(name)
    return answer
  }

  /** Registers list names at once; objects and entities come one by one. */
  private iterate(name: string, port: () => unknown): unknown {
    const call = (): Promise<unknown> => this.call(name, port)
    return {
      then: (resolve: (value: unknown) => void, reject: (error: unknown) => void) => call().then(resolve, reject),
      async *[Symbol.asyncIterator](): AsyncGenerator<unknown> {
        yield* (await call()) as AsyncIterable<unknown>
      },
    }
  }
}

function lost(name: string): TidemarkError {
  return new TidemarkError([{ code: 'STORE_UNAVAILABLE', message: 'The call was lost.', where: name, action: 'Try again.' }])
}

export class Scheduler {
  readonly random: Random
  readonly actors: Actor[] = []
  readonly shown: Turn[] = []
  turn = 0

  constructor(random: Random) {
    this.random = random
  }

  /** Starts an actor; it stands at its first call when this resolves. */
  async start(options: ActorOptions, live: (actor: Actor) => Promise<void>): Promise<Actor> {
    const actor = new Actor(options)
    this.actors.push(actor)
    const end = (error: unknown): void => {
      if (actor.fate === 'killed') return
      actor.fate = 'ended'
      actor.error = error
    }
    void live(actor).then(() => end(null), end)
    await settle()
    return actor
  }

  /** Gives one turn; false: nobody has anything to do. */
  async step(): Promise<boolean> {
    const ready = this.actors.filter((actor) => actor.asleepUntilTurn <= this.turn && actor.waiting.some(isReadyNow))
    let dice = this.random.next() * ready.reduce((sum, { weight }) => sum + weight, 0)
    const actor = ready.find(({ weight }) => (dice -= weight) < 0)
    if (actor === undefined) return false
    return this.go(actor)
  }

  /** Gives one turn to one actor; false: it has nothing to do. */
  async go(actor: Actor): Promise<boolean> {
    const ready = actor.waiting.filter(isReadyNow)
    if (ready.length === 0) return false
    await this.give(actor, this.random.pick(ready))
    return true
  }

  /** Gives turns to one actor alone, until it stands before a call that is asked for, or is over, or has nothing to do. */
  async runUntil(actor: Actor, isThere: (call: string) => boolean): Promise<boolean> {
    for (;;) {
      const ready = actor.waiting.filter(isReadyNow)
      if (ready.some(({ name }) => isThere(name))) return true
      if (ready.length === 0) return false
      await this.give(actor, ready[0]!)
    }
  }

  /** Shows something that no actor did among the turns. */
  note(actor: string, call: string): void {
    this.shown.push({ turn: this.turn, actor, call })
    if (this.shown.length > TURNS_SHOWN_MAX) this.shown.shift()
  }

  /** Takes those who are over out of the list. */
  takeEnded(): Actor[] {
    const ended: Actor[] = []
    for (let i = this.actors.length - 1; i >= 0; i--) {
      const actor = this.actors[i]!
      if (actor.fate === 'alive') continue
      this.actors.splice(i, 1)
      if (actor.fate === 'ended') ended.push(actor)
    }
    return ended
  }

  private async give(actor: Actor, call: WaitingCall): Promise<void> {
    actor.waiting.splice(actor.waiting.indexOf(call), 1)
    const verdict = this.draw(actor, call)
    this.turn++
    this.note(actor.name, verdict === 'go' ? call.name : `${call.name} (${verdict})`)
    call.go(verdict)
    await settle()
  }

  private draw({ lostShare }: Actor, { name }: WaitingCall): Verdict {
    if (lostShare === 0 || name === 'pause' || !this.random.chance(lostShare)) return 'go'
    return this.random.chance(0.5) ? 'lost-request' : 'lost-answer'
  }
}

function isReadyNow({ isReady }: WaitingCall): boolean {
  return isReady === null || isReady()
}

/** Until nothing goes on but what waits for a turn: microtasks are all that there is, and they come before this. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
