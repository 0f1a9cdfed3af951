// How a service follows the definitions that are applied: it waits until there are some, takes them up, and looks for others every now and then.

import { TidemarkError } from '@tidemark/feature-schema/errors'
import { DefinitionsFeed, type TakeDefinitions } from '@tidemark/pipelines/definitions/definitions-feed'
import type { Loop } from '@tidemark/pipelines/lambda/run-together'
import type { RegisterStore } from '@tidemark/ports/register-store'
import type { CommonSettings } from './common-settings.ts'
import { untilAnswered } from './open-servers.ts'
import type { ServiceContext } from './run-service.ts'

export interface FollowedDefinitions {
  /** Takes up what is applied from here on. */
  readonly loop: Loop
  /** What is taken up. */
  readonly revision: number
}

/** Resolves once what was applied is taken up. Throws what `take` throws that waiting does not mend, and the signal's reason. */
export async function followDefinitions(registers: RegisterStore, { definitionsEveryMs: everyMs }: CommonSettings, take: TakeDefinitions, context: ServiceContext): Promise<FollowedDefinitions> {
  const { log, clock, onAlarm, metrics } = context
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
  return feed
}

const NOT_APPLIED = new TidemarkError([{ code: 'NOT_APPLIED', message: 'None were applied yet.', where: 'the registry of definitions', action: 'Run `tidemark apply FILE --servers`.' }])
