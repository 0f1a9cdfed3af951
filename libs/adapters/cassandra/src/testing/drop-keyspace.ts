// Takes away what a suite has kept in a shared cluster.

import { Client } from 'cassandra-driver'
import type { CassandraOptions } from '../cassandra-session.ts'

/** A busy node takes its time for a change of the schema. */
const DROP_TIMEOUT_MS = 60_000

/** With all that is in it, where it is there. */
export async function dropKeyspace({ contactPoints, dataCenter, keyspace, credentials }: Pick<CassandraOptions, 'contactPoints' | 'dataCenter' | 'keyspace' | 'credentials'>): Promise<void> {
  const client = new Client({ contactPoints: [...contactPoints], localDataCenter: dataCenter, ...(credentials && { credentials: { ...credentials } }) })
  try {
    await client.execute(`DROP KEYSPACE IF EXISTS ${keyspace}`, [], { readTimeout: DROP_TIMEOUT_MS })
  } finally {
    await client.shutdown()
  }
}
