// `tidemark views`: what runs where: the live view versions, how whole and how far each is, and which processes have taken the definitions up.
import { createSystemClock } from '@tidemark/machine/system-clock'
import { describeLive, type LiveDescription, type LiveMember, type LiveView } from '@tidemark/pipelines/serve/describe-live'
import type { Command } from 'commander'
import { problemError, usageError } from '../failure.ts'
import { formatTime, type Output, tableText } from '../output.ts'
import { withStores } from '../stores.ts'

export function addViewsCommand(program: Command, output: Output): void {
  program
    .command('views')
    .summary('see which view versions run, how far each is, and where')
    .description('Shows what is live: each view version with its source, generation and lag, whether it is whole or what it lacks, and which services read it; and the processes that were heard of in the last two minutes, with the revision that each works with.')
    .option('--servers', 'on the servers that the environment names, by the settings of the services')
    .addHelpText('after', '\nExample:\n  tidemark views --servers')
    .action(async ({ servers = false }: { readonly servers?: boolean }) => {
      if (!servers) throw usageError('It shows what services run.', '--servers', 'Write --servers, in an environment that has their settings. What `tidemark dev` serves is at /v1/catalog.')
      const { live, place } = await withStores({ servers, data: '' }, ['registers', 'speedViews'], async ({ registers, speedViews, place }) => ({ place, live: await describeLive({ registers, speedViews, clock: createSystemClock() }) }))
      if (live === null) throw problemError('NOT_APPLIED', 'No definitions were applied yet.', 'the registry of definitions', 'Run `tidemark apply FILE --servers`.')
      output.answer({ ...place, ...live }, () => liveText(output, live))
    })
}

function liveText({ colors }: Output, { revision, appliedAtMs, by, views, members }: LiveDescription): string {
  const behind = members.filter(({ isCurrent }) => !isCurrent).length
  return [
    `Revision ${revision}, applied by ${by}, ${formatTime(appliedAtMs)}${members.length === 0 ? '' : `; ${members.length - behind} of ${members.length} processes have taken it up`}.`,
    views.length === 0 ? 'No view is live.' : tableText(colors, ['view', 'source', 'generation', 'appended before', 'lag', 'state', 'read by'], views.map(viewRow)),
    ...views.filter(({ howFar }) => howFar !== null).map(({ view, howFar }) => `${view} is being back-filled: ${howFar!}`),
    ...views.flatMap(({ view, degraded, isWhole }) => (isWhole ? degraded.map(({ code, message }) => `${view} ${code}: ${message}`) : [])),
    members.length === 0 ? 'No process was heard of in the last two minutes.' : tableText(colors, ['service', 'member', 'release', 'since', 'revision', ''], members.map(memberRow)),
  ].join('\n\n')
}

function viewRow({ view, source, generation, cutEndMs, lagMs, isWhole, services }: LiveView): (string | number)[] {
  return [view, source, generation ?? '', cutEndMs === null ? '' : formatTime(cutEndMs), lagMs === null ? 'not known' : `${lagMs} ms`, isWhole ? 'whole' : 'back-filling', services.join(', ')]
}

function memberRow({ service, member, release, startedAtMs, revision, isCurrent }: LiveMember): (string | number)[] {
  return [service, member, release, formatTime(startedAtMs), revision, isCurrent ? '' : 'behind']
}
