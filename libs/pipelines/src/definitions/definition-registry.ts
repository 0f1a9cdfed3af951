// What each version of a source, a view and a service means in a system, for good: state of it is there, and models read it, so that another
// meaning needs another version, also after a restart and in another process. One register for each, in the JSON form of definitions, which carries its own
// version; only words that change no meaning are ever replaced in it:
//
//   definitions/source/NAME@VERSION   { formatVersion, sources: [the source], views: [], services: [] }
//   definitions/view/NAME@VERSION     { formatVersion, sources: [its source], views: [the view], services: [] }
//   definitions/service/NAME@VERSION  { formatVersion, sources: [], views: [], services: [the service] }
import { DEFINITIONS_FORMAT_VERSION, type Definitions, type FeatureViewDefinition, type SourceDefinition } from '@tidemark/feature-schema/definition'
import { parseDefinitions, serializeDefinitions } from '@tidemark/feature-schema/definitions-json'
import { TidemarkError, type Problem } from '@tidemark/feature-schema/errors'
import type { RegisterStore } from '@tidemark/ports/register-store'
import type { VersionName } from './applied-register.ts'
import { changesBetween } from './definition-changes.ts'

const PREFIX = 'definitions/'

interface Entry {
  readonly name: string
  readonly one: Definitions
}

/** Notes what the system does not know yet. Throws what `checkRegistered` throws; then it notes nothing. */
export async function registerDefinitions(registers: RegisterStore, definitions: Definitions): Promise<void> {
  for (const { name, one } of await checkRegistered(registers, definitions)) {
    if ((await registers.compareAndSet(name, null, Buffer.from(serializeDefinitions(one)))) !== null) continue
    // Another process was faster: what it wrote is judged like what was there before.
    const [clash, ...more] = clashesOf((await readOne(registers, name))!, one)
    if (clash !== undefined) throw new TidemarkError([clash, ...more])
  }
}

/**
 * What the system does not know yet. Throws DEFINITION_INVALID where a version that it knows means something else; DEFINITION_TOO_NEW where a
 * later release wrote it.
 */
export async function checkRegistered(registers: RegisterStore, definitions: Definitions): Promise<readonly Entry[]> {
  const fresh: Entry[] = []
  const problems: Problem[] = []
  for (const { name, one } of entriesOf(definitions)) {
    const known = await readOne(registers, name)
    if (known === null) fresh.push({ name, one })
    else problems.push(...clashesOf(known, one))
  }
  const [first, ...others] = unique(problems)
  if (first !== undefined) throw new TidemarkError([first, ...others])
  return fresh
}

/** As `registerDefinitions`; where a version is known and only its words differ, or where its records come from, they become those of the definitions. */
export async function registerWithWords(registers: RegisterStore, definitions: Definitions): Promise<void> {
  await registerDefinitions(registers, definitions)
  for (const { name, one } of entriesOf(definitions)) {
    const bytes = Buffer.from(serializeDefinitions(one))
    for (;;) {
      const register = (await registers.read(name))!
      if (Buffer.compare(register.bytes, bytes) === 0) break
      if ((await registers.compareAndSet(name, register.revision, bytes)) !== null) break
    }
  }
}

/** What a version means; null: nobody has registered it. */
export function readRegistered(registers: RegisterStore, kind: 'source' | 'view' | 'service', { name, version }: VersionName): Promise<Definitions | null> {
  return readOne(registers, `${PREFIX}${kind}/${name}@${version}`)
}

export interface RegisteredView {
  readonly view: FeatureViewDefinition
  readonly source: SourceDefinition
}

/** Every view version that the system knows, in the order of name and version. */
export async function registeredViews(registers: RegisterStore): Promise<RegisteredView[]> {
  const all = await readAll(registers, `${PREFIX}view/`)
  return all.map(({ views: [view], sources: [source] }) => ({ view: view!, source: source! })).sort((a, b) => compare(a.view, b.view))
}

/** The newest version of each source that the system knows, by name. */
export async function registeredSources(registers: RegisterStore): Promise<SourceDefinition[]> {
  const all = (await readAll(registers, `${PREFIX}source/`)).map(({ sources: [source] }) => source!).sort(compare)
  return [...new Map(all.map((source) => [source.name, source])).values()]
}

function compare(a: { readonly name: string; readonly version: number }, b: typeof a): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : a.version - b.version
}

function entriesOf({ sources, views, services }: Definitions): Entry[] {
  const formatVersion = DEFINITIONS_FORMAT_VERSION
  return [
    ...sources.map((source) => ({ name: `${PREFIX}source/${source.name}@${source.version}`, one: { formatVersion, sources: [source], views: [], services: [] } })),
    ...views.map((view) => ({
      name: `${PREFIX}view/${view.name}@${view.version}`,
      one: { formatVersion, sources: sources.filter(({ name }) => name === view.source), views: [view], services: [] },
    })),
    ...services.map((service) => ({ name: `${PREFIX}service/${service.name}@${service.version}`, one: { formatVersion, sources: [], views: [], services: [service] } })),
  ]
}

async function readOne(registers: RegisterStore, name: string): Promise<Definitions | null> {
  const register = await registers.read(name)
  return register === null ? null : parseDefinitions(Buffer.from(register.bytes).toString('utf8'))
}

async function readAll(registers: RegisterStore, prefix: string): Promise<Definitions[]> {
  const names = await registers.list(prefix)
  return await Promise.all(names.map(async (name) => (await readOne(registers, name))!))
}

function clashesOf(known: Definitions, one: Definitions): Problem[] {
  const [service, view, source] = [one.services[0], one.views[0], one.sources[0]]
  return changesBetween(known, one).filter(({ change }) => change === 'meaning').map(({ kind, name, parts }): Problem => ({
    code: 'DEFINITION_INVALID',
    message: `Version ${{ service, view, source }[kind]!.version} means something else than where it has been used: ${parts.join(', ')}.`,
    where: `${kind} ${name}`,
    action: `Raise its version${kind === 'source' ? ' and those of its views' : ''}, take the change back, or begin another folder or namespace.`,
  }))
}

/** A source that changed is found with each of its views too. */
function unique(problems: readonly Problem[]): Problem[] {
  return [...new Map(problems.map((problem) => [problem.where, problem])).values()]
}
