// What is live, as it changes: a service looks at the register every now and then and takes up what is new, without a restart. What cannot be read, or
// means nothing to this release, leaves it with what it took up before.

import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { WaitingClock } from '@tidemark/ports/clock'
import type { RegisterStore } from '@tidemark/ports/register-store'
import type { OnAlarm } from '../alarm.ts'
import { every, type Loop } from '../lambda/run-together.ts'
import { readApplied, type AppliedDefinitions } from './applied-register.ts'
import { LivePlans, readLive } from './live-definitions.ts'
import { liveCatalog, type FeatureCatalog } from '../serve/feature-catalog.ts'

/** How often it is looked whether something was applied, where nothing else is said. */
export const DEFINITIONS_EVERY_DEFAULT_MS = 2_000

export interface TakenDefinitions {
  readonly revision: number
  readonly catalog: FeatureCatalog
}

/** Takes up what is live. 'again': some of it is to wait, and it is asked with the same at the next look. Where it throws, likewise. */
export type TakeDefinitions = (live: TakenDefinitions) => Promise<'done' | 'again'>

export interface DefinitionsFeedOptions {
  readonly registers: RegisterStore
  readonly clock: WaitingClock
  readonly everyMs: number
  readonly take: TakeDefinitions
  readonly onAlarm: OnAlarm
}

export class DefinitionsFeed {
  readonly loop: Loop
  private readonly options: DefinitionsFeedOptions
  private readonly plans = new LivePlans()
  private live: TakenDefinitions | null = null
  private isDone = false
  private taken = 0
  /** A revision that was found unreadable, so that it is told once. */
  private refused = 0

  constructor(options: DefinitionsFeedOptions) {
    this.options = options
    this.loop = every(options.everyMs, options.clock, () => this.look())
  }

  /** What is taken up; 0: nothing yet. */
  get revision(): number {
    return this.taken
  }

  /** Takes up what is live, the first time. false: nothing was applied yet. Throws what reading throws, and what taking up does. */
  async begin(): Promise<boolean> {
    const { applied } = await readApplied(this.options.registers)
    if (applied === null) return false
    await this.takeUp(await this.read(applied))
    return true
  }

  /** Takes up what is new; one round of `loop`. */
  async look(): Promise<void> {
    const { registers, onAlarm } = this.options
    const { applied } = await readApplied(registers)
    if (applied !== null && applied.revision !== this.live?.revision && applied.revision !== this.refused) {
      try {
        this.live = await this.read(applied)
        this.isDone = false
      } catch (error) {
        if (!(error instanceof TidemarkError) || error.code === 'STORE_UNAVAILABLE') throw error
        this.refused = applied.revision
        const { code, message, where } = error.problems[0]!
        onAlarm({ code, message: `Revision ${applied.revision} of the definitions is not taken up: ${message}`, where })
      }
    }
    if (this.live !== null && !this.isDone) await this.takeUp(this.live)
  }

  private async read(applied: AppliedDefinitions): Promise<TakenDefinitions> {
    const { views, services, revision } = await readLive(this.options.registers, applied)
    return { revision, catalog: liveCatalog(this.plans.of(views), services) }
  }

  private async takeUp(live: TakenDefinitions): Promise<void> {
    this.live = live
    this.isDone = (await this.options.take(live)) === 'done'
    this.taken = live.revision
  }
}
