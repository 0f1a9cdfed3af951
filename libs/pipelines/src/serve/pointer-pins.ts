// Pins: what a view's pointer said a moment ago. A request pins one pointer per view version and uses it throughout (law 5). A pin may be
// used for a limited time, from before it was read: what it names is kept longer than that.

import type { RegisterStore } from '@tidemark/ports/register-store'
import type { Clock } from '@tidemark/ports/clock'
import { momentOf, passedMs, type Moment } from '@tidemark/ports/moment'
import { cutOf, readPointer } from '../pointer.ts'

export interface Pin {
  /** The generation that is read; 0: none. */
  readonly n: number
  /** The last epoch that it contains; -Infinity: none. */
  readonly cut: number
  /** When it was asked for: the pointer was at least as new as that. */
  readonly since: Moment
}

/** A pin that is younger is given to the next request too. */
export const PIN_SHARED_MAX_MS = 500

/** What of a register store is asked of it here. */
export type PointerSide = Pick<RegisterStore, 'read'>

interface PointerRead {
  readonly since: Moment
  readonly pin: Promise<Pin>
}

export class PointerPins {
  private readonly registers: PointerSide
  private readonly clock: Clock
  private readonly pins = new Map<string, Pin>()
  private readonly reads = new Map<string, PointerRead>()

  constructor(registers: PointerSide, clock: Clock) {
    this.registers = registers
    this.clock = clock
  }

  /** The pin at hand where it is young, else the pointer as it is now. */
  pin(view: string): Pin | Promise<Pin> {
    const pin = this.pins.get(view)
    return pin !== undefined && passedMs(this.clock, pin.since) < PIN_SHARED_MAX_MS ? pin : this.read(view)
  }

  /** The last one that was read, however old it is. */
  last(view: string): Pin | undefined {
    return this.pins.get(view)
  }

  /** The pointer as it is now, for someone who knows that his pin is too old. */
  async renew(view: string): Promise<Pin> {
    // A read that is under way may have begun before the caller found out.
    await this.reads.get(view)?.pin.catch(() => undefined)
    return this.read(view)
  }

  private read(view: string): Promise<Pin> {
    const underWay = this.reads.get(view)
    // One that hangs keeps nobody from another.
    if (underWay !== undefined && passedMs(this.clock, underWay.since) < PIN_SHARED_MAX_MS) return underWay.pin
    const since = momentOf(this.clock)
    const reading: PointerRead = {
      since,
      pin: this.readNow(view, since).finally(() => {
        if (this.reads.get(view) === reading) this.reads.delete(view)
      }),
    }
    this.reads.set(view, reading)
    return reading.pin
  }

  private async readNow(view: string, since: Moment): Promise<Pin> {
    const { pointer } = await readPointer(this.registers, view)
    const pin = { n: pointer.n, cut: cutOf(pointer, pointer.n), since }
    const last = this.pins.get(view)
    if (last === undefined || last.since.steadyMs <= since.steadyMs) this.pins.set(view, pin)
    return pin
  }
}
