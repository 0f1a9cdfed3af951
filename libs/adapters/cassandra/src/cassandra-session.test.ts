// At which levels a session asks, and what its driver may send twice: on a cluster of one node, nothing else shows it.

import { expect, it } from '@jest/globals'
import { policies, types, type Client, type QueryOptions } from 'cassandra-driver'
import { CassandraSession, type CassandraOptions } from './cassandra-session.ts'

const { localQuorum, one, all, serial, localSerial } = types.consistencies

/** What the driver is told with a read, a write, a read of a register and a compare-and-set. */
async function askedAt(options: Partial<CassandraOptions>): Promise<QueryOptions[]> {
  const asked: QueryOptions[] = []
  const client = { execute: async (_query: string, _params: unknown, told: QueryOptions) => {
    asked.push(told)
    return { rows: [], wasApplied: () => true }
  } }
  const session = new CassandraSession(client as unknown as Client, 'Cassandra at here', { contactPoints: ['here'], dataCenter: 'dc1', keyspace: 'features', ...options })
  await session.read('batch view', 'SELECT', [])
  await session.write('batch view', 'INSERT', [])
  await session.readSerial('register', 'SELECT', [])
  await session.compareAndSet('UPDATE', [])
  return asked
}

it.each<[Partial<CassandraOptions>, readonly Partial<QueryOptions>[]]>([
  [{}, [{ consistency: localQuorum }, { consistency: localQuorum }, { consistency: serial }, { consistency: localQuorum, serialConsistency: serial }]],
  [{ readConsistency: 'ONE', writeConsistency: 'ALL', serialConsistency: 'LOCAL_SERIAL' }, [{ consistency: one }, { consistency: all }, { consistency: localSerial }, { consistency: all, serialConsistency: localSerial }]],
])('asks at the levels of %j, and sends a compare-and-set once', async (options, [read, write, readSerial, compareAndSet]) => {
  const repeatable = { isIdempotent: true }
  const once = { isIdempotent: false, retry: expect.any(policies.retry.FallthroughRetryPolicy) }
  expect(await askedAt(options)).toMatchObject([{ ...read, ...repeatable }, { ...write, ...repeatable }, { ...readSerial, ...repeatable }, { ...compareAndSet, ...once }])
})
