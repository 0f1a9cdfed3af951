// Runs asynchronous work one port call at a time, so that a history can put anything between two of them, stop for ever at any, or go on
// much later. Work makes its port calls one after another, never two at once.

export class Turns {
  private waiting: (() => void) | null = null
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
            this.waiting = resolve
            this.paused()
          })
          return Reflect.apply(member, target, args)
        }
      },
    })
  }

  /** Lets the work do its next port call and go on to the one after it; begins it where none runs. Throws what it throws. */
  async advance(begin: () => Promise<unknown>): Promise<void> {
    const paused = new Promise<void>((resolve) => (this.paused = resolve))
    if (this.waiting !== null) {
      const go = this.waiting
      this.waiting = null
      go()
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
