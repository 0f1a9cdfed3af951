// Before `tidemark dev` says that it is ready, its processors take over their partitions and catch up with the log: until then its answers would
// be degraded, and the policy `fail` would refuse them. A log with much to catch up with is not waited for to its end.
import type { WaitingClock } from '@tidemark/ports/clock'
import type { Degradation } from '@tidemark/pipelines/serve/feature-answer'
import type { DevSystem } from './dev-system.ts'

const LOOK_EVERY_MS = 50
/** It says what it waits for where it takes longer than this. */
const TELL_AFTER_MS = 2_000
export const WAIT_MAX_MS = 10_000

export interface FreshnessWait {
  readonly system: Pick<DevSystem, 'catalog'> & { readonly server: Pick<DevSystem['server'], 'answer'> }
  readonly clock: WaitingClock
  readonly signal: AbortSignal
  /** Told once what is waited for. */
  readonly onWait: (late: readonly Degradation[]) => void
}

/** What is still silent or behind when the wait ends: nothing, unless it took too long or was cut short. */
export async function untilFresh({ system, clock, signal, onWait }: FreshnessWait): Promise<readonly Degradation[]> {
  const fromMs = clock.nowMs()
  for (let isTold = false; ; await clock.wait(LOOK_EVERY_MS, signal)) {
    const late = await lateIn(system)
    const waitedMs = clock.nowMs() - fromMs
    if (late.length === 0 || waitedMs >= WAIT_MAX_MS || signal.aborted) return late
    if (isTold || waitedMs < TELL_AFTER_MS) continue
    isTold = true
    onWait(late)
  }
}

/** What of the views' answers waiting would mend. */
async function lateIn(system: FreshnessWait['system']): Promise<Degradation[]> {
  const plans = system.catalog().plans.filter(({ source }) => source.kind === 'event')
  const answers = await Promise.all(plans.map(async ({ view, features }) =>
    system.server.answer({ asked: { features: [{ view: view.name, feature: features[0]!.name }] }, entities: [], policy: 'degrade', deadlineMs: 1_000, explain: false })))
  return answers.flatMap(({ degraded }) => degraded.filter(({ code }) => code === 'SPEED_SILENT' || code === 'SPEED_LAGGING'))
}
