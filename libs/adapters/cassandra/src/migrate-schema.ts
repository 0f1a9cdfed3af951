// Brings a keyspace to what a release needs: takes the steps that are missing, in their order, and notes each in the table `schema_migrations`.
//
// Cassandra is confused for good by two nodes that make the same table at once, as each gives it an id of its own. So every statement that changes
// the schema goes to one and the same node, the one with the lowest address, which does them one after the other; each says IF NOT EXISTS.

import { types, type Client, type Host } from 'cassandra-driver'
import { ConstantBackoff, handleWhen, retry } from 'cockatiel'
import type { TidemarkError } from '@tidemark/feature-schema/errors'
import { asTidemarkError, isTableUnknown, problem } from './cassandra-errors.ts'
import type { SchemaMigration } from './schema-migrations.ts'

export interface SchemaWork {
  readonly client: Client
  readonly where: string
  readonly keyspace: string
  readonly dataCenter: string
  /** Makes a keyspace that is missing. */
  readonly replication?: Readonly<Record<string, string | number>>
  /** Makes nothing where no release has worked before. */
  readonly mustExist?: boolean
  readonly migrations: readonly SchemaMigration[]
}

/** A change of the schema is answered once the other nodes have it. */
const SCHEMA_TIMEOUT_MS = 60_000
const KNOWN_TRIES_MAX = 100
const KNOWN_RETRY_MS = 100
const untilKnown = retry(handleWhen(isTableUnknown), { maxAttempts: KNOWN_TRIES_MAX, backoff: new ConstantBackoff(KNOWN_RETRY_MS) })

/** Twice is once, and by several at once too. STORE_SETTINGS: no such keyspace. STORE_TOO_NEW, STORE_REFUSED, STORE_UNAVAILABLE. */
export async function migrateSchema(work: SchemaWork): Promise<void> {
  try {
    await ensureKeyspace(work)
    const applied = await readApplied(work)
    assertUsable(work, applied)
    for (const migration of work.migrations) if (!applied.has(migration.version)) await apply(work, migration)
  } catch (error) {
    throw asTidemarkError(error, work.where)
  }
}

async function ensureKeyspace(work: SchemaWork): Promise<void> {
  const { client, where, keyspace, replication, mustExist } = work
  const found = await client.execute('SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?', [keyspace], { prepare: true, isIdempotent: true })
  if (found.rowLength > 0) return
  if (mustExist) throw notThere(work, 'There is no such keyspace.')
  if (replication === undefined) {
    throw problem(
      'STORE_SETTINGS', where, 'There is no such keyspace, and how many replicas it should have is for you to say.',
      `Run \`CREATE KEYSPACE ${keyspace} WITH replication = {'class': 'NetworkTopologyStrategy', '${work.dataCenter}': 3};\`, or give the replication that it is to be made with.`,
    )
  }
  const settings = Object.entries(replication).map(([name, value]) => `${quoted(name)}: ${quoted(String(value))}`)
  await changeSchema(work, `CREATE KEYSPACE IF NOT EXISTS ${keyspace} WITH replication = { ${settings.join(', ')} }`)
}

/** Steps that were taken, and whether releases before them can still work. */
async function readApplied(work: SchemaWork): Promise<Map<number, boolean>> {
  const { client, keyspace } = work
  const tables = await client.execute(`SELECT table_name FROM system_schema.tables WHERE keyspace_name = ? AND table_name = 'schema_migrations'`, [keyspace], { prepare: true, isIdempotent: true })
  if (tables.rowLength === 0) {
    if (work.mustExist) throw notThere(work, 'The keyspace has none of the tables.')
    await changeSchema(work, `CREATE TABLE IF NOT EXISTS ${keyspace}.schema_migrations (part text, version int, is_additive boolean, PRIMARY KEY (part, version))`)
  }
  // A node lists a table a moment before it knows it.
  const { rows } = await untilKnown.execute(() =>
    client.execute(`SELECT version, is_additive FROM ${keyspace}.schema_migrations WHERE part = 'tables'`, [], { isIdempotent: true, consistency: types.consistencies.quorum }),
  )
  return new Map(rows.map((row) => [row.version as number, row.is_additive as boolean]))
}

function notThere({ where }: SchemaWork, message: string): TidemarkError {
  return problem('STORE_SETTINGS', where, message, 'Give the keyspace that the services use; the first of them to start makes it and its tables.')
}

function assertUsable({ where, migrations }: SchemaWork, applied: ReadonlyMap<number, boolean>): void {
  const newestKnown = migrations.at(-1)!.version
  for (const [version, isAdditive] of applied) {
    if (version > newestKnown && !isAdditive) {
      throw problem('STORE_TOO_NEW', where, `Its tables have version ${version}, which a release that reads up to ${newestKnown} cannot use.`, 'Use the release that made them so, or a newer one.')
    }
  }
}

async function apply(work: SchemaWork, { version, isAdditive, statements }: SchemaMigration): Promise<void> {
  for (const statement of statements(work.keyspace)) await changeSchema(work, statement)
  await work.client.execute(
    `INSERT INTO ${work.keyspace}.schema_migrations (part, version, is_additive) VALUES ('tables', ?, ?)`, [version, isAdditive],
    { prepare: true, isIdempotent: true, consistency: types.consistencies.quorum },
  )
}

async function changeSchema({ client, where, dataCenter }: SchemaWork, statement: string): Promise<void> {
  const host = schemaHost(client, dataCenter)
  const { info } = await client.execute(statement, [], { isIdempotent: true, readTimeout: SCHEMA_TIMEOUT_MS, ...(host && { host }) })
  // In the driver, not in its types.
  if ((info as { isSchemaInAgreement?: boolean }).isSchemaInAgreement === false) {
    throw problem('STORE_UNAVAILABLE', where, 'The nodes have not all taken up a change of the schema.', 'See that all nodes run (`nodetool describecluster` shows their schema versions); it is tried again then.')
  }
}

/** The one that every process takes. */
function schemaHost(client: Client, dataCenter: string): Host | undefined {
  const local = client.hosts.values().filter((host) => host.isUp() && host.datacenter === dataCenter)
  return local.sort((a, b) => (a.address < b.address ? -1 : 1))[0]
}

function quoted(text: string): string {
  return `'${text.replaceAll(`'`, `''`)}'`
}
