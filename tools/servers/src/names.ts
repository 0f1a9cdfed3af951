// The servers of a set by name, and which names stand for several.

export const SERVER_NAMES = [
  'kafka', 'cassandra', 's3', 'redis', 'redis-jobs', 'redis-cache', 'redis-cluster-1', 'redis-cluster-2', 'redis-cluster-3',
  'schema-registry',
] as const
/** One server, which is one process. `redis` holds the speed state, `redis-jobs` BullMQ's queues, `redis-cache` what may be evicted. */
export type ServerName = (typeof SERVER_NAMES)[number]

export const CLUSTER_NAMES = ['redis-cluster-1', 'redis-cluster-2', 'redis-cluster-3'] as const satisfies readonly ServerName[]

/** What `up` starts when it is given no name: all but what only some need. */
export const DEFAULT_NAMES: readonly ServerName[] = ['kafka', 'cassandra', 's3', 'redis', 'redis-jobs', 'redis-cache']

/** A name as people give it: a server's, or `redis-cluster` for its three nodes. */
export type NameOrGroup = ServerName | 'redis-cluster'

/** The servers that `names` stand for, each once, in the order of `SERVER_NAMES`; undefined where a name is none. */
export function expandNames(names: readonly string[]): ServerName[] | undefined {
  const expanded = new Set(names.flatMap((name) => (name === 'redis-cluster' ? [...CLUSTER_NAMES] : [name])))
  const known = SERVER_NAMES.filter((name) => expanded.has(name))
  return known.length === expanded.size ? known : undefined
}

export function isClusterNode(name: ServerName): boolean {
  return (CLUSTER_NAMES as readonly ServerName[]).includes(name)
}
