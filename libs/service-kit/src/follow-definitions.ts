// How a service follows the definitions that are applied: it waits until there are some, takes them up, looks for others every now and then, and says which
// it works with.

import { TidemarkError } from '@tidemark/feature-schema/errors'
import { DefinitionsFeed, type TakeDefinitions } from '@tidemark/pipelines/definitions/definitions-feed'
import { MEMBER_EVERY_MS, noteMember, removeMember, type Member } from '@tidemark/pipelines/definitions/members'
import type { Loop } from '@tidemark/pipelines/lambda/run-together'
import type { WaitingClock } from '@tidemark/ports/clock'
import type { RegisterStore } from '@tidemark/ports/register-store'
import type { CommonSettings } from './common-settings.ts'
import { untilAnswered } from './open-servers.ts'
import { RELEASE } from './release.ts'
import type { ServiceContext } from './run-service.ts'

export interface FollowedDefinitions {
  /** Take up what is applied from here on, and say that this process is there. */
  readonly loops: readonly Loop[]
  /** What is taken up. */
  readonly revision: number
}

/** Resolves once what was applied is taken up. Throws what `take` throws that waiting does not mend, and the signal's reason. */
export async function followDefinitions(registers: RegisterStore, { definitionsEveryMs: everyMs, member }: CommonSettings, take: TakeDefinitions, context: ServiceContext): Promise<FollowedDefinitions> {
  const { service, log, clock, onAlarm, metrics } = context
  const startedAtMs = clock.nowMs()
  const feed = new DefinitionsFeed({
    registers, clock, everyMs, onAlarm,
    take: async (live) => {
      const done = await take(live)
      if (live.revision !== feed.revision) log.info({ revision: live.revision }, 'definitions taken up')
      return done
    },
  })
  metrics.whenRead((tell) => tell('tidemark_definitions_revision', {}, feed.revision))
  await untilAnswered('definitions', async () => {
    if (!(await feed.begin())) throw NOT_APPLIED
  }, context, everyMs)
  const presence = presenceLoop({ registers, service, clock, everyMs, self: () => ({ member, release: RELEASE, startedAtMs, revision: feed.revision }) })
  return { loops: [feed.loop, presence], revision: feed.revision }
}

interface Presence {
  readonly registers: RegisterStore
  readonly service: string
  readonly clock: WaitingClock
  readonly everyMs: number
  readonly self: () => Omit<Member, 'seenAtMs'>
}

/** Says that the process is there, at once where it has taken something up; and that it is gone. */
function presenceLoop({ registers, service, clock, everyMs, self }: Presence): Loop {
  let saidAtMs = -Infinity
  let saidRevision = 0
  return async (signal) => {
    while (!signal.aborted) {
      const now = self()
      if (now.revision !== saidRevision || clock.steadyMs() - saidAtMs >= MEMBER_EVERY_MS) {
        await noteMember(registers, service, { ...now, seenAtMs: clock.nowMs() })
        saidAtMs = clock.steadyMs()
        saidRevision = now.revision
      }
      await clock.wait(everyMs, signal)
    }
    // Where nobody can be told, it is found out in two minutes.
    await removeMember(registers, service, self().member, clock.nowMs()).catch((error: unknown) => {
      if (!(error instanceof TidemarkError)) throw error
    })
  }
}

const NOT_APPLIED = new TidemarkError([{ code: 'NOT_APPLIED', message: 'None were applied yet.', where: 'the registry of definitions', action: 'Run `tidemark apply FILE --servers`.' }])
