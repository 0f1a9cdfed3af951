// The tables, as a list of steps that only grows. A step that a release has taken is never changed: what is to be otherwise is another step.
//
// Each statement may be done twice, also by two processes at once, and ends in the same tables; so a step that was interrupted is taken again.

export interface SchemaMigration {
  /** From 1, without gaps. */
  readonly version: number
  /** Whether the releases before can still work on what it leaves. Layers are rolled one at a time, so a step that cannot be is two releases' work. */
  readonly isAdditive: boolean
  readonly statements: (keyspace: string) => readonly string[]
}

/** How long the cluster remembers a removal; each node has to be repaired within this time, and no loader may be as late. */
const GC_GRACE_S = 10 * 86_400

export const SCHEMA_MIGRATIONS: readonly SchemaMigration[] = [
  {
    version: 1,
    isAdditive: true,
    statements: (keyspace) => [
      // Leveled compaction keeps the few rows of an entity in few files: reads are of single entities and somebody waits for them.
      `CREATE TABLE IF NOT EXISTS ${keyspace}.batch_views (
        view_name text, entity blob, generation bigint, bytes blob,
        PRIMARY KEY ((view_name, entity), generation)
      ) WITH CLUSTERING ORDER BY (generation DESC)
        AND compaction = { 'class': 'LeveledCompactionStrategy' } AND gc_grace_seconds = ${GC_GRACE_S}`,
      `CREATE TABLE IF NOT EXISTS ${keyspace}.registers (name text PRIMARY KEY, revision bigint, bytes blob)`,
    ],
  },
]
