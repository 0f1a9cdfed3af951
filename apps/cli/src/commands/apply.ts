// `tidemark apply`: definitions become what the services run. It says what would change, asks, and writes it down; the services take it up by themselves.
import { createInterface } from 'node:readline/promises'
import { userInfo } from 'node:os'
import { createSystemClock } from '@tidemark/machine/system-clock'
import type { Definitions } from '@tidemark/feature-schema/definition'
import { versionText } from '@tidemark/pipelines/definitions/applied-register'
import { commitApply, prepareApply, type PreparedApply } from '@tidemark/pipelines/definitions/apply-definitions'
import type { ApplyChange } from '@tidemark/pipelines/definitions/plan-apply'
import { type Command, Option } from 'commander'
import { EXIT, usageError } from '../failure.ts'
import { loadSoundDefinitions } from '../load-definitions.ts'
import { type Output, formatTime } from '../output.ts'
import { withOpened } from '../data-folder.ts'
import type { RegistersToWrite } from '../server-stores.ts'

interface ApplyOptions {
  readonly servers?: boolean
  readonly yes?: boolean
  readonly dryRun?: boolean
  readonly retire: readonly string[]
  readonly json?: boolean
}

/** What a view of the file has to be computed from, before it is whole. */
interface BackFill {
  readonly view: string
  /** The first append time that the archive does not have; null: it has nothing yet. */
  readonly archivedUntilMs: number | null
}

export function addApplyCommand(program: Command, output: Output): void {
  program
    .command('apply')
    .summary('make definitions what the services run')
    .description('Says what would change in what the services run, asks, and applies it: new versions of views live beside the older ones until those are retired, and are answered with once they are whole. Names that the file does not have any more are removed.')
    .argument('<file>', 'definitions, .ts or .json')
    .option('--servers', 'on the servers that the environment names, by the settings of the services')
    .addOption(new Option('--retire <version>', 'a view or service version that ends: card_spending@1; as often as needed').argParser((value: string, all: readonly string[]) => [...all, value]).default([], 'none'))
    .option('--yes', 'without asking')
    .option('--dry-run', 'only say what would change')
    .addHelpText('after', '\nExample:\n  tidemark apply features.ts --servers')
    .action(async (file: string, options: ApplyOptions) => {
      const { servers = false, yes = false, dryRun = false, retire } = options
      if (!servers) throw usageError('Definitions are applied to services.', '--servers', 'Write --servers, in an environment that has their settings. `tidemark dev` follows its file by itself: a folder needs no apply.')
      const isAsked = !yes && !dryRun
      if (isAsked && (options.json === true || !process.stdin.isTTY)) throw usageError('Nobody can be asked here.', '--yes', 'Write --yes to apply without being asked, or --dry-run to see what would change.')
      const definitions = await loadSoundDefinitions(file)
      await withOpened(openApplyStores, async ({ registers, namespace }, signal) => {
        const request = { registers, definitions, retire }
        const prepared = await prepareApply(request)
        const { plan: { changes, staying }, read } = prepared
        const backFills = backFillsOf(definitions, prepared)
        const document = { file, servers: namespace, changes, staying, backFills }
        if (changes.length === 0) {
          output.answer({ ...document, revision: read.applied!.revision, isApplied: false }, () => `Nothing changes: revision ${read.applied!.revision} is as the file has it.`)
          return
        }
        const text = planText(output, prepared, backFills)
        if (dryRun) {
          output.answer({ ...document, isApplied: false }, () => text)
          return
        }
        if (isAsked) {
          process.stdout.write(`${text}\n\n`)
          if (!(await isConfirmed(signal))) {
            output.remark('Nothing was applied.')
            process.exitCode = EXIT.no
            return
          }
        }
        const { revision } = await commitApply(request, prepared, createSystemClock(), callerName())
        output.answer({ ...document, revision, isApplied: true }, () => `${isAsked ? '' : `${text}\n\n`}${output.colors.green('applied')} revision ${revision}; \`tidemark views --servers\` shows which services have taken it up`)
      })
    })
}

/** The registers of the services, which are made where there are none yet and the settings say how. */
async function openApplyStores(signal: AbortSignal): Promise<RegistersToWrite> {
  const { openRegistersToWrite } = await import('../server-stores.ts')
  return openRegistersToWrite(process.env, signal)
}

/** What ends the input, Ctrl-D, is no. */
async function isConfirmed(signal: AbortSignal): Promise<boolean> {
  using ask = createInterface({ input: process.stdin, output: process.stdout })
  // A terminal that is read from gives Ctrl-C as a key.
  ask.on('SIGINT', () => process.kill(process.pid, 'SIGINT'))
  const isClosed = new Promise<string>((resolve) => ask.once('close', () => resolve('')))
  const answer = await Promise.race([ask.question('Apply? [y/N] ', { signal }), isClosed])
  return /^y(es)?$/i.test(answer.trim())
}

/** Of the view versions that become live, but for those that were served before. */
function backFillsOf({ sources, views }: Definitions, { plan: { changes }, sealedThrough, served }: PreparedApply): BackFill[] {
  const added = changes.filter(({ kind, change, name, version }) => kind === 'view' && (change === 'added' || change === 'version') && !served.has(versionText({ name, version })))
  return added.map(({ name, version }) => {
    const source = sources.find((one) => one.name === views.find((view) => view.name === name)!.source)!
    const sealed = sealedThrough.get(source.name) ?? null
    return { view: `${name}@${version}`, archivedUntilMs: sealed === null ? null : (sealed + 1) * source.epochLengthMs }
  })
}

const GROUPS: readonly (readonly [ApplyChange['change'], string])[] = [
  ['added', 'added'], ['version', 'new version'], ['words', 'only words, or where records come from'], ['retired', 'retired'], ['removed', 'removed'],
]

function planText({ colors: { bold, dim } }: Output, { plan: { changes, staying }, read: { applied } }: PreparedApply, backFills: readonly BackFill[]): string {
  const groups = GROUPS.flatMap(([change, title]) => {
    const those = changes.filter((each) => each.change === change)
    return those.length === 0 ? [] : [[bold(title), ...those.map(({ kind, name, version, parts, services }) => [
      `  ${kind} ${name}@${version}`, ...(parts.length === 0 ? [] : [dim(parts.join(', '))]), ...(services.length === 0 ? [] : [`read by ${services.join(', ')}`]),
    ].join('  '))].join('\n')]
  })
  const backFilled = backFills.map(({ view, archivedUntilMs }) => `  ${view}  ${archivedUntilMs === null ? 'from the log alone: nothing is in the archive yet' : `from the archive, which is sealed until ${formatTime(archivedUntilMs)}, then from the log`}`)
  return [
    applied === null ? 'Nothing was applied before.' : `Revision ${applied.revision} was applied by ${applied.by}, ${formatTime(applied.appliedAtMs)}.`,
    ...groups,
    ...(backFilled.length === 0 ? [] : [[bold('back-filled'), ...backFilled].join('\n')]),
    ...(staying.length === 0 ? [] : [[bold('as before'), ...staying.map(({ service, view, newest }) => `  service ${service} reads ${view}, not ${newest}: a new version of the service would`)].join('\n')]),
  ].join('\n\n')
}

/** Who has called. In a container, which has no names of users: a number. */
function callerName(): string {
  try {
    return userInfo().username
  } catch {
    return `user ${process.getuid?.() ?? 'unknown'}`
  }
}
