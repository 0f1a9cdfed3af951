// What an apply would do: what is live becomes what a file has, beside the older versions that stay until they are retired. A pure function of what is
// live, the file, and what is to be retired; every rule that the file breaks is told at once. What a version means is compared where it is registered
// (definition-registry.ts).

import { didYouMean } from '@tidemark/feature-schema/did-you-mean'
import { DEFINITIONS_FORMAT_VERSION, type Definitions, type FeatureServiceDefinition, type FeatureViewDefinition, type SourceDefinition } from '@tidemark/feature-schema/definition'
import { TidemarkError, type Problem } from '@tidemark/feature-schema/errors'
import { APPLIED_VERSION, compareVersions, isSameVersion, versionText, type AppliedDefinitions, type AppliedService, type VersionName } from './applied-register.ts'
import { changesBetween } from './definition-changes.ts'
import type { LiveDefinitions } from './live-definitions.ts'

export interface ApplyInput {
  /** null: nothing was ever applied. */
  readonly applied: AppliedDefinitions | null
  /** What that means; null with it. */
  readonly live: LiveDefinitions | null
  /** Checked. */
  readonly file: Definitions
  /** NAME@VERSION, of views and services; where one is both, `view/NAME@VERSION`. */
  readonly retire: readonly string[]
  /** By source, the epoch length of those whose log was used before. */
  readonly epochLengthsMs: ReadonlyMap<string, number>
}

export interface ApplyChange {
  readonly kind: 'source' | 'view' | 'service'
  readonly name: string
  readonly version: number
  /**
   * 'version': beside those that are live of the same name. 'words': only what changes no value; it is the same version. 'retired': it was asked for.
   * 'removed': the file has the name no more.
   */
  readonly change: 'added' | 'version' | 'words' | 'retired' | 'removed'
  /** Parts that differ, from the newest live version. */
  readonly parts: readonly string[]
  /** Of a view: the live services that read it. */
  readonly services: readonly string[]
}

export interface ApplyPlan {
  /** Empty: everything is as the file has it. */
  readonly changes: readonly ApplyChange[]
  /** Live services whose views have newer versions that they do not read: they stay as they are. */
  readonly staying: readonly { readonly service: string; readonly view: string; readonly newest: string }[]
  /** What becomes live. */
  readonly next: Pick<AppliedDefinitions, 'views' | 'services' | 'retired'>
}

/** Throws APPLY_REFUSED or UNKNOWN_NAME with everything that speaks against it. */
export function planApply(input: ApplyInput): ApplyPlan {
  const problems: Problem[] = []
  const before = input.applied ?? { views: [], services: [], retired: { views: [], services: [] } }
  const asked = retirements(input, before, problems)
  const views = nextVersions({ kind: 'view', live: before.views, retired: before.retired.views, asked: asked.views, inFile: input.file.views }, problems)
  const services = nextVersions({ kind: 'service', live: before.services, retired: before.retired.services, asked: asked.services, inFile: input.file.services }, problems)
  const pinned = services.live.map((name): AppliedService => before.services.find((known) => isSameVersion(known, name)) ?? { ...name, views: pinsOf(name, input.file) })
  refuseBroken(pinned, views.live, problems)
  refuseSources(input, views.live, problems)
  const [first, ...others] = problems
  if (first !== undefined) throw new TidemarkError([first, ...others])
  const next = {
    views: views.live, services: pinned,
    retired: { views: [...before.retired.views, ...views.gone].sort(compareVersions), services: [...before.retired.services, ...services.gone].sort(compareVersions) },
  }
  return { changes: changesOf(input, asked, before, next), staying: stayingOf(pinned, views.live), next }
}

/** What is written down. */
export function appliedOf({ next }: ApplyPlan, before: AppliedDefinitions | null, appliedAtMs: number, by: string): AppliedDefinitions {
  const { views, services, retired } = next
  return { formatVersion: APPLIED_VERSION, revision: (before?.revision ?? 0) + 1, appliedAtMs, by, views, services, retired }
}

type Before = Pick<AppliedDefinitions, 'views' | 'services' | 'retired'>

interface Retirements {
  readonly views: readonly VersionName[]
  readonly services: readonly VersionName[]
}

function retirements({ retire }: ApplyInput, { views, services }: Before, problems: Problem[]): Retirements {
  const found = { views: [] as VersionName[], services: [] as VersionName[] }
  for (const asked of retire) {
    const ofViews = views.filter((name) => versionText(name) === asked || `view/${versionText(name)}` === asked)
    const ofServices = services.filter((name) => versionText(name) === asked || `service/${versionText(name)}` === asked)
    if (ofViews.length + ofServices.length === 0) {
      problems.push({ code: 'UNKNOWN_NAME', message: `${asked} is not live.`, where: '--retire', action: didYouMean(asked, [...views, ...services].map(versionText)) })
    }
    if (ofViews.length + ofServices.length > 1) {
      problems.push({ code: 'APPLY_REFUSED', message: `${asked} is a view and a service.`, where: '--retire', action: `Write view/${asked} or service/${asked}.` })
    }
    found.views.push(...ofViews)
    found.services.push(...ofServices)
  }
  return found
}

interface Versions {
  readonly kind: 'view' | 'service'
  readonly live: readonly VersionName[]
  readonly retired: readonly VersionName[]
  readonly asked: readonly VersionName[]
  readonly inFile: readonly VersionName[]
}

/** What is live afterwards, and what is not any more. */
function nextVersions({ kind, live, retired, asked, inFile }: Versions, problems: Problem[]): { readonly live: readonly VersionName[]; readonly gone: readonly VersionName[] } {
  const stays = live.filter((name) => inFile.some((one) => one.name === name.name) && !asked.some((one) => isSameVersion(one, name)))
  const added = inFile.filter((name) => !live.some((one) => isSameVersion(one, name))).map(({ name, version }) => ({ name, version }))
  for (const name of inFile) {
    const where = `${kind} ${name.name}`
    // One that is live stays what a file may have, whatever came after it and was retired.
    const rivals = stays.some((one) => isSameVersion(one, name)) ? stays : [...stays, ...retired]
    const newest = Math.max(...rivals.filter((one) => one.name === name.name).map(({ version }) => version))
    if (asked.some((one) => isSameVersion(one, name))) {
      problems.push({ code: 'APPLY_REFUSED', message: `Version ${name.version} is to be retired, and the file has it.`, where, action: 'Let the file have the version that stays, or leave the name out of it.' })
    } else if (retired.some((one) => isSameVersion(one, name))) {
      problems.push({ code: 'APPLY_REFUSED', message: `Version ${name.version} was retired, which is for good.`, where, action: 'Give it a version of its own, higher than all before.' })
    } else if (name.version < newest) {
      problems.push({ code: 'APPLY_REFUSED', message: `The file has version ${name.version}, and version ${newest} was applied.`, where, action: `Give it a higher version; to go back to one that is live, retire the newer ones: --retire ${name.name}@${newest}.` })
    }
  }
  const gone = live.filter((name) => !stays.includes(name)).map(({ name, version }) => ({ name, version }))
  return { live: [...stays, ...added].sort(compareVersions), gone }
}

/** The versions that the file had when the service was first applied. */
function pinsOf(name: VersionName, { services, views }: Definitions): VersionName[] {
  const { features } = services.find((service) => isSameVersion(service, name))!
  const asked = new Set(features.map(({ view }) => view))
  return views.filter((view) => asked.has(view.name)).map((view) => ({ name: view.name, version: view.version })).sort(compareVersions)
}

/** A service in use must not lose what it reads. */
function refuseBroken(services: readonly AppliedService[], views: readonly VersionName[], problems: Problem[]): void {
  for (const service of services) {
    for (const view of service.views) {
      if (views.some((live) => isSameVersion(live, view))) continue
      problems.push({
        code: 'APPLY_REFUSED', message: `It reads view ${versionText(view)}, which would not be live any more.`, where: `service ${versionText(service)}`,
        action: `Retire the service too (--retire ${versionText(service)}) once no model asks for it, or keep the view.`,
      })
    }
  }
}

/** One version of a source is read at a time, since its log is decoded once for all of its views; and its epochs are of one length for good. */
function refuseSources({ live, file, epochLengthsMs }: ApplyInput, views: readonly VersionName[], problems: Problem[]): void {
  const definitions = [...(live?.views.map(({ view }) => view) ?? []), ...file.views]
  const pinned = Map.groupBy(views.map((name) => definitions.find((view) => isSameVersion(view, name))!), ({ source }) => source)
  for (const [source, ofSource] of pinned) {
    const versions = [...new Set(ofSource.map(({ sourceVersion }) => sourceVersion))]
    if (versions.length === 1) continue
    const newest = Math.max(...versions)
    const old = ofSource.filter(({ sourceVersion }) => sourceVersion < newest).map(versionText)
    problems.push({
      code: 'APPLY_REFUSED', message: `Live views would read it in versions ${versions.sort((a, b) => a - b).join(' and ')}: ${old.join(', ')} not in version ${newest}.`, where: `source ${source}`,
      action: `Retire those in the same apply (${old.map((name) => `--retire ${name}`).join(' ')}), or let the changed records be a source of another name.`,
    })
  }
  for (const { name, epochLengthMs } of file.sources) {
    const used = epochLengthsMs.get(name)
    if (used === undefined || used === epochLengthMs) continue
    problems.push({ code: 'APPLY_REFUSED', message: `Its epochs would be ${epochLengthMs} ms long, and those of its log are ${used} ms.`, where: `source ${name}`, action: 'Keep the epoch length, or give the source another name and log.' })
  }
}

function stayingOf(services: readonly AppliedService[], views: readonly VersionName[]): ApplyPlan['staying'] {
  return services.flatMap((service) => service.views.flatMap((view) => {
    const newest = views.findLast(({ name }) => name === view.name)!
    return newest.version === view.version ? [] : [{ service: versionText(service), view: versionText(view), newest: versionText(newest) }]
  }))
}

// ---- What changes, for people ---------------------------------------------------------------------------------------------------

function changesOf(input: ApplyInput, asked: Retirements, before: Before, next: ApplyPlan['next']): ApplyChange[] {
  const { live, file } = input
  const servicesOf = (view: VersionName, services: readonly AppliedService[]): string[] => services.filter((service) => service.views.some((one) => isSameVersion(one, view))).map(versionText)
  const oldViews = live?.views.map(({ view }) => view) ?? []
  const oldServices = live?.services.map(({ service }) => service) ?? []
  const gone = (kind: 'view' | 'service', live: readonly VersionName[], stay: readonly VersionName[], wanted: readonly VersionName[]): ApplyChange[] =>
    live.filter((name) => !stay.some((one) => isSameVersion(one, name))).map((name) => ({
      kind, name: name.name, version: name.version, change: wanted.some((one) => isSameVersion(one, name)) ? 'retired' : 'removed', parts: [],
      services: kind === 'view' ? servicesOf(name, before.services) : [],
    }))
  return [
    ...file.sources.flatMap((source) => changeOf('source', source, sourcesOf(live), (one) => withOnly({ sources: [one] }))),
    ...file.views.flatMap((view) => changeOf('view', view, oldViews, (one) => withOnly({ sources: sourceOf(one, input), views: [one] }))).map((change) => ({ ...change, services: servicesOf(change, next.services) })),
    ...file.services.flatMap((service) => changeOf('service', service, oldServices, (one) => withOnly({ services: [one] }))),
    ...gone('view', before.views, next.views, asked.views),
    ...gone('service', before.services, next.services, asked.services),
  ]
}

function sourcesOf(live: LiveDefinitions | null): SourceDefinition[] {
  return [...new Map(live?.views.map(({ source }) => [versionText(source), source])).values()]
}

function sourceOf({ source, sourceVersion }: FeatureViewDefinition, { live, file }: ApplyInput): SourceDefinition[] {
  const all = [...file.sources, ...sourcesOf(live)]
  return [all.find((one) => one.name === source && one.version === sourceVersion)!]
}

function withOnly(part: { readonly sources?: readonly SourceDefinition[]; readonly views?: readonly FeatureViewDefinition[]; readonly services?: readonly FeatureServiceDefinition[] }): Definitions {
  return { formatVersion: DEFINITIONS_FORMAT_VERSION, sources: [], views: [], services: [], ...part }
}

/** What is new about something of the file, against the same version where that is live, else the newest. */
function changeOf<T extends VersionName>(kind: ApplyChange['kind'], thing: T, live: readonly T[], alone: (one: T) => Definitions): ApplyChange[] {
  const sameName = live.filter(({ name }) => name === thing.name)
  const old = sameName.find(({ version }) => version === thing.version) ?? sameName.sort(compareVersions).at(-1)
  const about = { kind, name: thing.name, version: thing.version, services: [] }
  if (old === undefined) return [{ ...about, change: 'added', parts: [] }]
  const parts = changesBetween(alone(old), alone(thing)).find((change) => change.kind === kind)?.parts ?? []
  if (old.version !== thing.version) return [{ ...about, change: 'version', parts }]
  return parts.length === 0 ? [] : [{ ...about, change: 'words', parts }]
}
