// The parts of a layer, one for each source of events, as definitions change: begun for a source that is new, told of other views, ended for one that no
// view reads any more.

import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import { canonicalJson } from '@tidemark/feature-schema/canonical-json'
import type { WaitingClock } from '@tidemark/ports/clock'
import type { OnAlarm } from '../alarm.ts'
import type { EventSource } from './event-sources.ts'
import { runTogether, type Loop } from './run-together.ts'

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
  readonly ending: AbortController
  work: Promise<void>
}

export class SourceParts implements AsyncDisposable {
  /** Runs the parts that there are, and those that come; throws what one of them does for good, once the others have ended. */
  readonly loop: Loop
  private readonly options: SourcePartsOptions
  private readonly running = new Map<string, Running>()
  /** Runs a part's loops; null: not yet. */
  private run: ((running: Running) => Promise<void>) | null = null

  constructor(options: SourcePartsOptions) {
    this.options = options
    this.loop = (signal) => this.runAll(signal)
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
      const running: Running = { definition: definitions.get(name)!, part: await this.options.begin(each), plans, ending: new AbortController(), work: Promise.resolve() }
      this.running.set(name, running)
      if (this.run !== null) running.work = this.run(running)
    }
  }

  private async end(name: string): Promise<void> {
    const { ending, work, part } = this.running.get(name)!
    ending.abort(new Error(`source ${name} is no more`))
    await work
    this.running.delete(name)
    await part[Symbol.asyncDispose]()
  }

  private async runAll(signal: AbortSignal): Promise<void> {
    const { clock, onAlarm } = this.options
    const failed = new AbortController()
    const ended = AbortSignal.any([signal, failed.signal])
    const isEnded = new Promise<void>((resolve) => (ended.aborted ? resolve() : ended.addEventListener('abort', () => resolve(), { once: true })))
    this.run = ({ part: { loops }, ending }) =>
      runTogether(loops, { clock, signal: AbortSignal.any([ended, ending.signal]), onAlarm }).catch((error: unknown) => failed.abort(error))
    for (const running of this.running.values()) running.work = this.run(running)
    await isEnded
    this.run = null
    await Promise.all([...this.running.values()].map(({ work }) => work))
    if (failed.signal.aborted) throw failed.signal.reason
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of this.sources) await this.end(name)
  }
}
