// Calls to a server in turn. A server that hangs must not fill the memory of those who ask it, nor keep them waiting for the time-outs of all
// who came before: once no call has succeeded for so long, those that wait are refused, and nothing of them is done. Whoever waits for a
// server that works, however long its work takes, gets his turn.
//
// Libraries' bulkheads bound how many wait, and not for how long.

export interface TurnLimits {
  readonly atOnceMax: number
  readonly waitingMax: number
  /** How long a call waits while none succeeds; what it takes once it has begun is its own. */
  readonly stallMaxMs: number
}

/** The call was not begun. */
export class NoTurnError extends Error {}

export interface TakeTurn {
  <T>(call: () => Promise<T>): Promise<T>
  /** As it is. */
  load(): TurnLoad
}

export interface TurnLoad {
  readonly waitingCount: number
  readonly atOnceMax: number
  /** For how long calls have been under way without one that succeeded; 0: none is under way. */
  readonly silentMs: number
}

interface Waiting {
  readonly sinceMs: number
  begin(): void
  refuse(error: NoTurnError): void
}

/** In the order in which they come. Throws NoTurnError, and whatever a call throws. */
export function createTurns({ atOnceMax, waitingMax, stallMaxMs }: TurnLimits): TakeTurn {
  let activeCount = 0
  let busySinceMs = -Infinity
  let succeededAtMs = -Infinity
  const waiting = new Queue<Waiting>()
  let timer: ReturnType<typeof setTimeout> | null = null

  const run = async <T>(call: () => Promise<T>): Promise<T> => {
    if (activeCount++ === 0) busySinceMs = performance.now()
    try {
      const result = await call()
      succeededAtMs = performance.now()
      return result
    } finally {
      activeCount--
      waiting.shift()?.begin()
    }
  }

  /** Looks at the oldest again when it will have waited for so long. */
  const refuseStalled = (): void => {
    timer = null
    for (let oldest = waiting.first; oldest !== undefined; oldest = waiting.first) {
      const leftMs = Math.max(oldest.sinceMs, succeededAtMs) + stallMaxMs - performance.now()
      if (leftMs > 0) return void (timer = setTimeout(refuseStalled, leftMs))
      waiting.shift()!.refuse(new NoTurnError(`No other call has succeeded for ${stallMaxMs} ms, and this one was not begun.`))
    }
  }

  const wait = <T>(call: () => Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      waiting.push({ sinceMs: performance.now(), begin: () => void run(call).then(resolve, reject), refuse: reject })
      timer ??= setTimeout(refuseStalled, stallMaxMs)
    })

  const takeTurn = async <T>(call: () => Promise<T>): Promise<T> => {
    if (activeCount < atOnceMax) return run(call)
    if (waiting.size >= waitingMax) throw new NoTurnError(`${waiting.size} calls wait already, and no more may.`)
    return wait(call)
  }
  const load = (): TurnLoad => {
    const silentMs = activeCount === 0 ? 0 : performance.now() - Math.max(busySinceMs, succeededAtMs)
    return { waitingCount: waiting.size, atOnceMax, silentMs }
  }
  return Object.assign(takeTurn, { load })
}

/** First in, first out, at the same cost however many there are. */
class Queue<T> {
  private items: T[] = []
  private from = 0

  get size(): number {
    return this.items.length - this.from
  }

  get first(): T | undefined {
    return this.items[this.from]
  }

  push(item: T): void {
    this.items.push(item)
  }

  shift(): T | undefined {
    if (this.size === 0) return undefined
    const item = this.items[this.from++]!
    // What was taken is let go once it is half of all.
    if (2 * this.from >= this.items.length) {
      this.items = this.items.slice(this.from)
      this.from = 0
    }
    return item
  }
}
