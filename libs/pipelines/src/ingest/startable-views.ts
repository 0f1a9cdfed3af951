// Which view versions a processor folds. One that is applied while epochs of its source are sealed has all of them to be back-filled from the archive: until
// its first generation is published it is left, and begins after that generation's cut. So no log is replayed that the archive has, nor one whose beginning
// retention has removed; and the views that are served are not held up by it.

import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import type { RegisterStore } from '@tidemark/ports/register-store'
import { readSealRegister } from '../log/change-seal-register.ts'
import { viewId } from '../names.ts'
import { readPointer } from '../pointer.ts'
import { isWhole } from '../serve/whole-views.ts'

export class StartableViews {
  private readonly registers: RegisterStore
  private readonly started = new Set<string>()

  constructor(registers: RegisterStore) {
    this.registers = registers
  }

  /** Those that may be folded; once so, for good. */
  async of(plans: readonly ViewPlan[]): Promise<ViewPlan[]> {
    for (const plan of plans) {
      const id = viewId(plan.view)
      if (!this.started.has(id) && (await this.mayStart(plan, id))) this.started.add(id)
    }
    return plans.filter(({ view }) => this.started.has(viewId(view)))
  }

  /** Those that are whole: the others may have the log behind them to read, which those that are served must not wait for. */
  async wholeOf(plans: readonly ViewPlan[]): Promise<ViewPlan[]> {
    const areWhole = await Promise.all(plans.map(({ view }) => isWhole(this.registers, viewId(view))))
    return plans.filter((_, i) => areWhole[i])
  }

  private async mayStart({ source }: ViewPlan, id: string): Promise<boolean> {
    if ((await readSealRegister(this.registers, source)).register.sealedThrough === null) return true
    return (await readPointer(this.registers, id)).pointer.n > 0 || isWhole(this.registers, id)
  }
}
