// Whether a node has on its disk what it acknowledges. One that syncs its commit log now and then (`periodic`, its default) forgets the last of it when
// it is killed, some 100 ms, and up to the sync's period when its machine goes down: rows of a generation that was published, and what a lightweight
// transaction has decided, so that a number can be used twice. Where the log is synced for each write, or for those of a moment, nothing is forgotten.

import type { Client } from 'cassandra-driver'
import { errors } from 'cassandra-driver'
import type { Problem } from '@tidemark/feature-schema/errors'

/** How the node that answers syncs its commit log: `batch`, `group` or `periodic`; null: it does not tell this role, or is of a release that does not. */
export async function readCommitLogSync(client: Pick<Client, 'execute'>): Promise<string | null> {
  try {
    const { rows } = await client.execute(`SELECT value FROM system_views.settings WHERE name = 'commitlog_sync'`)
    return (rows[0]?.value as string | undefined) ?? null
  } catch (error) {
    if (error instanceof errors.ResponseError) return null
    throw error
  }
}

/** null: it is as it has to be, or not known. */
export function commitLogProblem(sync: string | null, where: string): Problem | null {
  if (sync !== 'periodic') return null
  return {
    code: 'STORE_SETTINGS', where,
    message: 'It acknowledges what is not on its disk yet (commitlog_sync is periodic): a node that is killed, or whose machine goes down, forgets the last of it, and what registers have decided with it.',
    action: 'Put `commitlog_sync: batch`, or `group` with a `commitlog_sync_group_window` of some milliseconds, into cassandra.yaml of each node, and restart them one after the other.',
  }
}
