// What runs where, in plain figures, for people: each live view version, how whole and how far it is, who reads it; and the processes that were heard of
// lately, with the revision of the definitions that each works with.

import type { WaitingClock } from '@tidemark/ports/clock'
import type { RegisterStore } from '@tidemark/ports/register-store'
import type { SpeedViewStore } from '@tidemark/ports/speed-view-store'
import { isSameVersion, readApplied, versionText } from '../definitions/applied-register.ts'
import { LivePlans, readLive } from '../definitions/live-definitions.ts'
import { readMembers, type Member } from '../definitions/members.ts'
import { viewId } from '../names.ts'
import { cutOf, readPointer } from '../pointer.ts'
import type { Degradation } from './feature-answer.ts'
import { FreshnessReader, judgeFreshness } from './freshness.ts'
import { isWhole, readHowFar } from './whole-views.ts'

export interface LiveView {
  /** `card_spending@2` */
  readonly view: string
  /** `payments@1` */
  readonly source: string
  readonly isWhole: boolean
  /** What it lacks of being whole; null: nothing. */
  readonly howFar: string | null
  /** null: none is published. */
  readonly generation: number | null
  /** The first append time that the generation does not contain; null: there is none. */
  readonly cutEndMs: number | null
  /** Everything that the log took longer ago is in its state; null: not known. */
  readonly lagMs: number | null
  readonly degraded: readonly Pick<Degradation, 'code' | 'message'>[]
  /** The service versions that read it. */
  readonly services: readonly string[]
}

export interface LiveMember extends Member {
  readonly service: string
  /** Whether it works with what was applied last. */
  readonly isCurrent: boolean
}

export interface LiveDescription {
  readonly revision: number
  readonly appliedAtMs: number
  readonly by: string
  readonly views: readonly LiveView[]
  readonly services: readonly { readonly service: string; readonly views: readonly string[] }[]
  readonly members: readonly LiveMember[]
}

export interface DescribePorts {
  readonly registers: RegisterStore
  readonly speedViews: SpeedViewStore
  readonly clock: Pick<WaitingClock, 'nowMs' | 'steadyMs'>
}

/** null: nothing was applied yet. Throws what the stores throw. */
export async function describeLive({ registers, speedViews, clock }: DescribePorts): Promise<LiveDescription | null> {
  const { applied } = await readApplied(registers)
  if (applied === null) return null
  const live = await readLive(registers, applied)
  const freshness = new FreshnessReader(speedViews, clock)
  const views: LiveView[] = []
  for (const plan of new LivePlans().of(live.views)) {
    const { view, source } = plan
    const id = viewId(view)
    const { pointer } = await readPointer(registers, id)
    const isFound = await isWhole(registers, id)
    const howFar = isFound ? null : ((await readHowFar(registers, speedViews, plan)).howFar ?? 'No process of the serving layer has looked since it has all of it.')
    const cut = cutOf(pointer, pointer.n)
    const { lagMs, degraded } = judgeFreshness(view.name, await freshness.heartbeats(id), cut, clock)
    views.push({
      view: id, source: versionText(source), isWhole: isFound, howFar, lagMs, degraded: degraded.map(({ code, message }) => ({ code, message })),
      generation: pointer.n === 0 ? null : pointer.n, cutEndMs: pointer.n === 0 ? null : (cut + 1) * source.epochLengthMs,
      services: applied.services.filter((service) => service.views.some((pinned) => isSameVersion(pinned, view))).map(versionText),
    })
  }
  const members = [...await readMembers(registers, clock.nowMs())].flatMap(([service, all]) => all.map((member): LiveMember => ({ service, ...member, isCurrent: member.revision === applied.revision })))
  const { revision, appliedAtMs, by } = applied
  return { revision, appliedAtMs, by, views, services: applied.services.map((service) => ({ service: versionText(service), views: service.views.map(versionText) })), members }
}
