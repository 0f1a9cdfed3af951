// What changes between two sets of definitions, told by what it asks of whoever deploys it: a view whose meaning changes needs a
// version of its own, because its state is of another meaning; new words about it need nothing.
import { isDeepStrictEqual } from 'node:util'
import { serviceContentHash, sourceContentHash, viewContentHash } from '@tidemark/feature-schema/content-hash'
import type { Definitions } from '@tidemark/feature-schema/definition'

export interface DefinitionChange {
  readonly kind: 'source' | 'view' | 'service'
  readonly name: string
  /**
   * `meaning`: it means something else under the same version, which needs a new one. `version`: it has a new one.
   * `description`: only owner, description, tags or the entity's name differ.
   */
  readonly change: 'added' | 'removed' | 'meaning' | 'version' | 'description'
  /** Its parts that differ. */
  readonly parts: readonly string[]
}

interface Versioned {
  readonly kind: DefinitionChange['kind']
  readonly name: string
  readonly version: number
  readonly hash: string
  readonly definition: object
}

/** Changes from `before` to `after`, both checked; unchanged things are left out. */
export function changesBetween(before: Definitions, after: Definitions): DefinitionChange[] {
  const [old, now] = [versionedOf(before), versionedOf(after)]
  const keyOf = ({ kind, name }: Versioned): string => `${kind} ${name}`
  const oldNamed = new Map(old.map((thing) => [keyOf(thing), thing]))
  const nowNames = new Set(now.map(keyOf))
  return [
    ...now.flatMap((thing) => changeOf(oldNamed.get(keyOf(thing)), thing)),
    ...old.filter((thing) => !nowNames.has(keyOf(thing))).map(({ kind, name }): DefinitionChange => ({ kind, name, change: 'removed', parts: [] })),
  ]
}

function versionedOf({ sources, views, services }: Definitions): Versioned[] {
  const sourceNamed = new Map(sources.map((source) => [source.name, source]))
  return [
    ...sources.map((source): Versioned => ({ kind: 'source', name: source.name, version: source.version, hash: sourceContentHash(source), definition: source })),
    ...views.map((view): Versioned => ({ kind: 'view', name: view.name, version: view.version, hash: viewContentHash(view, sourceNamed.get(view.source)!), definition: view })),
    ...services.map((service): Versioned => ({ kind: 'service', name: service.name, version: service.version, hash: serviceContentHash(service), definition: service })),
  ]
}

function changeOf(old: Versioned | undefined, { kind, name, version, hash, definition }: Versioned): DefinitionChange[] {
  if (old === undefined) return [{ kind, name, change: 'added', parts: [] }]
  const parts = differingParts(old.definition, definition)
  if (version !== old.version) return [{ kind, name, change: 'version', parts }]
  if (hash !== old.hash) return [{ kind, name, change: 'meaning', parts: parts.length > 0 ? parts : ['its source'] }]
  return parts.length > 0 ? [{ kind, name, change: 'description', parts }] : []
}

/** Names of properties that differ; in lists of named things, of those: `aggregation late_share`. */
function differingParts(old: object, now: object): string[] {
  const [before, after] = [new Map<string, unknown>(Object.entries(old)), new Map<string, unknown>(Object.entries(now))]
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((property) => {
    const [a, b] = [before.get(property), after.get(property)]
    if (isDeepStrictEqual(a, b)) return []
    const kind = NAMED_LISTS[property]
    return kind === undefined ? [property] : differingMembers(kind, a, b)
  })
}

const NAMED_LISTS: Readonly<Record<string, string>> = { aggregations: 'aggregation', fields: 'field', derive: 'derived column' }

function differingMembers(kind: string, before: unknown, after: unknown): string[] {
  const named = (list: unknown): Map<string, unknown> => new Map((list as { readonly name: string }[]).map((member) => [member.name, member]))
  const [a, b] = [named(before), named(after)]
  const names = [...new Set([...a.keys(), ...b.keys()])].filter((name) => !isDeepStrictEqual(a.get(name), b.get(name)))
  return names.length === 0 ? [`order of ${kind}s`] : names.map((name) => `${kind} ${name}${!a.has(name) ? ' (added)' : !b.has(name) ? ' (removed)' : ''}`)
}
