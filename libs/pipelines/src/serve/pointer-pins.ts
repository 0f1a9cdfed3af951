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

export class PointerPins {
  private readonly registers: RegisterStore
  private readonly clock: Clock
  private readonly pins = new Map<string, Pin>()
  private readonly reads = new Map<string, Promise<Pin>>()

  constructor(registers: RegisterStore, clock: Clock) {
    this.registers = registers
    this.clock = clock
  }

  /** The pin at hand where it is young, else the pointer as it is now. */
  pin(view: string): Pin | Promise<Pin> {
    const pin = this.pins.get(view)
    return pin !== undefined && passedMs(this.clock, pin.since) < PIN_SHARED_MAX_MS ? pin : this.read(view)
  }

  /** The pointer as it is now, for someone who knows that his pin is too old. */
  async renew(view: string): Promise<Pin> {
    // A read that is under way may have begun before the caller found out.
    await this.reads.get(view)?.catch(() => undefined)
    return this.read(view)
  }

  private read(view: string): Promise<Pin> {
    let reading = this.reads.get(view)
    if (reading === undefined) {
      reading = this.readNow(view).finally(() => this.reads.delete(view))
      this.reads.set(view, reading)
    }
    return reading
  }

  private async readNow(view: string): Promise<Pin> {
    const since = momentOf(this.clock)
    const { pointer } = await readPointer(this.registers, view)
    const pin = { n: pointer.n, cut: cutOf(pointer, pointer.n), since }
    this.pins.set(view, pin)
    return pin
  }
}
