// What is live, with what it means: the plans of view versions and the services, as the registers have them.

import { planView, type ViewPlan } from '@tidemark/aggregation/view-plan'
import { canonicalJson } from '@tidemark/feature-schema/canonical-json'
import type { Definitions, FeatureServiceDefinition, FeatureViewDefinition, SourceDefinition } from '@tidemark/feature-schema/definition'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { RegisterStore } from '@tidemark/ports/register-store'
import { inTurns } from '../in-turns.ts'
import { versionText, type AppliedDefinitions, type VersionName } from './applied-register.ts'
import { readRegistered } from './definition-registry.ts'

const READS_AT_ONCE_MAX = 16

export interface LiveView {
  readonly view: FeatureViewDefinition
  /** Of the version that the view pins. */
  readonly source: SourceDefinition
}

export interface LiveService {
  readonly service: FeatureServiceDefinition
  /** The version of each view that its features are pinned to. */
  readonly views: readonly VersionName[]
}

export interface LiveDefinitions {
  readonly revision: number
  /** By name and version. */
  readonly views: readonly LiveView[]
  readonly services: readonly LiveService[]
}

/** Throws STORE_DAMAGED where a version that is live is not registered; what reading and parsing throw. */
export async function readLive(registers: RegisterStore, { revision, views, services }: AppliedDefinitions): Promise<LiveDefinitions> {
  const [viewOf, sourceOf, serviceOf] = [new Map<string, FeatureViewDefinition>(), new Map<string, SourceDefinition>(), new Map<string, FeatureServiceDefinition>()]
  await inTurns(views, READS_AT_ONCE_MAX, async (name) => {
    const { views: [view] } = await readKnown(registers, 'view', name)
    viewOf.set(versionText(name), view!)
  })
  const sources = new Map([...viewOf.values()].map(({ source, sourceVersion }) => [`${source}@${sourceVersion}`, { name: source, version: sourceVersion }]))
  await inTurns([...sources.values()], READS_AT_ONCE_MAX, async (name) => {
    const { sources: [source] } = await readKnown(registers, 'source', name)
    sourceOf.set(versionText(name), source!)
  })
  await inTurns(services, READS_AT_ONCE_MAX, async (name) => {
    const { services: [service] } = await readKnown(registers, 'service', name)
    serviceOf.set(versionText(name), service!)
  })
  return {
    revision,
    views: views.map((name) => {
      const view = viewOf.get(versionText(name))!
      return { view, source: sourceOf.get(`${view.source}@${view.sourceVersion}`)! }
    }),
    services: services.map((name) => ({ service: serviceOf.get(versionText(name))!, views: name.views })),
  }
}

async function readKnown(registers: RegisterStore, kind: 'source' | 'view' | 'service', name: VersionName): Promise<Definitions> {
  const known = await readRegistered(registers, kind, name)
  if (known !== null) return known
  throw new TidemarkError([{
    code: 'STORE_DAMAGED', message: 'It is live, and what it means is not registered.', where: `${kind} ${versionText(name)}`,
    action: 'Put the registers back as they were: a part of them is missing.',
  }])
}

/** Plans of what is live; what has not changed has the same plan as before, so that what is kept by plan stays. */
export class LivePlans {
  private known = new Map<string, ViewPlan>()

  of(views: readonly LiveView[]): ViewPlan[] {
    const plans = new Map(views.map(({ view, source }) => {
      const text = canonicalJson({ view, source })
      return [text, this.known.get(text) ?? planView(view, source)]
    }))
    this.known = plans
    return [...plans.values()]
  }
}
