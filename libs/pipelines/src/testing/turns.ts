// Runs asynchronous work one port call at a time, so that a history can put anything between two of them, stop for ever at any, or go on
// much later. Of calls that are made at once each has a turn of its own, in the order in which they were made.

export class Turns {
  private readonly waiting: (() => void)[] = []
  private paused: () => void = () => undefined
  private failure: unknown = null
  isRunning = false

  /** The port, each call of which waits for its turn first. */
  gated<T extends object>(port: T): T {
    return new Proxy(port, {
      get: (target, name, receiver) => {
        const member: unknown = Reflect.get(target, name, receiver)
        if (typeof member !== 'function') return member
        return async (...args: unknown[]): Promise<unknown> => {
          await new Promise<void>((resolve) => {
            this.waiting.push(resolve)
            this.paused()
          })
          return Reflect.apply(member, target, args)
        }
      },
    })
  }

  /** Lets the work do its next port call and go on until it waits for the one after it; begins it where none runs. Throws what it throws. */
  async advance(begin: () => Promise<unknown>): Promise<void> {
    const paused = new Promise<void>((resolve) => (this.paused = resolve))
    const go = this.waiting.shift()
    if (go !== undefined) {
      go()
      // What was made at once with it waits already, or is left over of work that has failed.
      if (this.waiting.length > 0 || !this.isRunning) setImmediate(this.paused)
    } else {
      this.isRunning = true
      begin().catch((error: unknown) => (this.failure = error)).finally(() => {
        this.isRunning = false
        this.paused()
      })
    }
    await paused
    if (this.failure === null) return
    const failure = this.failure
    this.failure = null
    throw failure
  }

  /** Lets the work come to its end. */
  async finish(): Promise<void> {
    while (this.isRunning) await this.advance(() => Promise.resolve())
  }
}
