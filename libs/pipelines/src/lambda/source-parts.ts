// The parts of a layer, one for each source of events, as definitions change: begun for a source that is new, told of other views, ended for one that no
// view reads any more.

import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import { canonicalJson } from '@tidemark/feature-schema/canonical-json'
import type { WaitingClock } from '@tidemark/ports/clock'
import type { OnAlarm } from '../alarm.ts'
import type { EventSource } from './event-sources.ts'
import { LoopGroups, type Loop, type LoopGroup } from './run-together.ts'

/** What a layer does for a source; disposing gives back what it has taken, once its loops have ended. */
export interface SourcePart extends AsyncDisposable {
  readonly loops: readonly Loop[]
  /** Other views from then on; those that stay have the same plan. */
  setViews?(plans: readonly ViewPlan[]): void
}

export interface SourcePartsOptions {
  readonly begin: (source: EventSource) => Promise<SourcePart>
  readonly clock: WaitingClock
  readonly onAlarm: OnAlarm
}

interface Running {
  /** Another schema, or other topics, need another part. */
  readonly definition: string
  readonly part: SourcePart
  plans: readonly ViewPlan[]
  readonly group: LoopGroup
}

export class SourceParts implements AsyncDisposable {
  /** Runs the parts that there are, and those that come; throws what one of them does for good, once the others have ended. */
  readonly loop: Loop
  private readonly options: SourcePartsOptions
  private readonly running = new Map<string, Running>()
  private readonly groups: LoopGroups

  constructor(options: SourcePartsOptions) {
    this.options = options
    this.groups = new LoopGroups(options)
    this.loop = this.groups.loop
  }

  /** By name. */
  get sources(): string[] {
    return [...this.running.keys()]
  }

  /** Not before the last call has ended. Throws what beginning a part throws; what was begun before stays. */
  async take(sources: readonly EventSource[]): Promise<void> {
    const definitions = new Map(sources.map(({ source }) => [source.name, canonicalJson(source)]))
    for (const [name, { definition }] of this.running) if (definitions.get(name) !== definition) await this.end(name)
    for (const each of sources) {
      const { source: { name }, plans } = each
      const known = this.running.get(name)
      if (known !== undefined) {
        // A part that is told begins some of its work again.
        const isSame = plans.length === known.plans.length && plans.every((plan) => known.plans.includes(plan))
        if (!isSame) known.part.setViews?.(plans)
        known.plans = plans
        continue
      }
      const part = await this.options.begin(each)
      this.running.set(name, { definition: definitions.get(name)!, part, plans, group: this.groups.add(part.loops) })
    }
  }

  private async end(name: string): Promise<void> {
    const { group, part } = this.running.get(name)!
    await group.end(new Error(`source ${name} is no more`))
    this.running.delete(name)
    await part[Symbol.asyncDispose]()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of this.sources) await this.end(name)
  }
}
