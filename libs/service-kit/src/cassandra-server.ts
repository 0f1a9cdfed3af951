// Batch views and registers on Cassandra: how a service is told of it, and how it opens them.

import { createNewRevision } from '@tidemark/machine/new-revision'
import { createCassandraBatchViewStore } from '@tidemark/adapter-cassandra/cassandra-batch-view-store'
import { createCassandraRegisterStore } from '@tidemark/adapter-cassandra/cassandra-register-store'
import { openCassandra, type CassandraOptions } from '@tidemark/adapter-cassandra/cassandra-session'
import type { BatchViewStore } from '@tidemark/ports/batch-view-store'
import { claimRegisters, isClaimed } from '@tidemark/pipelines/namespace-register'
import type { RegisterStore } from '@tidemark/ports/register-store'
import { namespaceKind } from './common-settings.ts'
import { observed, type Observation } from './server-calls.ts'
import { addresses, oneOf, text, wholeNumber } from './setting-kinds.ts'
import { settingsGroup } from './settings.ts'
import { TLS_VARIABLES, tlsOf, unpaired } from './tls-settings.ts'

const PREFIX = 'TIDEMARK_CASSANDRA_'
const KEYSPACE = /^[a-z][a-z0-9_]{0,47}$/
const READ_LEVELS = ['ONE', 'LOCAL_ONE', 'LOCAL_QUORUM', 'QUORUM', 'ALL'] as const

export interface CassandraSettings extends Omit<CassandraOptions, 'onNotice'> {
  /** Whose the keyspace is. */
  readonly namespace: string
}

export const cassandraSettings = settingsGroup({
  prefix: PREFIX,
  variables: {
    TIDEMARK_NAMESPACE: namespaceKind,
    CONTACT_POINTS: addresses('some nodes').describe('Where the cluster is.'),
    DATA_CENTER: text('Give the name of a data centre of the cluster.').describe('Where this process is.'),
    KEYSPACE: text('Give a lower-case letter, then at most 47 of lower-case letters, digits and _.', KEYSPACE).optional().meta({ description: 'Each namespace needs one of its own: it belongs to the first that comes, and refuses others.', unset: 'the namespace' }),
    USERNAME: text('Give the name of a role.').optional().describe('Who this process is.'),
    PASSWORD: text("Give the role's password.").optional().describe('How it proves it.'),
    ...TLS_VARIABLES,
    REPLICATION_FACTOR: wholeNumber(1, 32).optional().meta({ description: 'Given: a keyspace that is missing is made, with so many copies in this data centre.', unset: 'a keyspace that is missing is an error' }),
    READ_CONSISTENCY: oneOf(...READ_LEVELS).optional().meta({ description: 'Of batch views.', unset: '`LOCAL_QUORUM`' }),
    WRITE_CONSISTENCY: oneOf(...READ_LEVELS, 'EACH_QUORUM').optional().meta({ description: 'Of batch views.', unset: '`LOCAL_QUORUM`' }),
    SERIAL_CONSISTENCY: oneOf('SERIAL', 'LOCAL_SERIAL').optional().meta({ description: 'Of registers.', unset: '`SERIAL`' }),
  },
  secrets: ['PASSWORD'],
  check: (given) => [
    ...unpaired(given, 'USERNAME', 'PASSWORD', PREFIX),
    ...unpaired(given, 'TLS_CERT_FILE', 'TLS_KEY_FILE', PREFIX),
    // Two systems in one keyspace would take each other's registers for their own.
    ...(given.KEYSPACE === undefined && given.TIDEMARK_NAMESPACE?.includes('-') === true
      ? [{ name: 'KEYSPACE' as const, message: 'It is not given, and the namespace is no name of a keyspace.', action: 'Give one of lower-case letters, digits and _, which no other namespace has.' }]
      : []),
  ],
  become: (values): CassandraSettings => {
    const { TIDEMARK_NAMESPACE: namespace, CONTACT_POINTS: contactPoints, DATA_CENTER: dataCenter, KEYSPACE: keyspace = namespace, USERNAME: username, PASSWORD: password } = values
    const { REPLICATION_FACTOR: replicationFactor, READ_CONSISTENCY: readConsistency, WRITE_CONSISTENCY: writeConsistency, SERIAL_CONSISTENCY: serialConsistency } = values
    const tls = tlsOf(values)
    return {
      namespace, contactPoints, dataCenter, keyspace,
      ...(username !== undefined && { credentials: { username, password: password! } }),
      ...(tls && { tls }),
      ...(replicationFactor !== undefined && { replication: { class: 'NetworkTopologyStrategy', [dataCenter]: replicationFactor } }),
      ...(readConsistency && { readConsistency }), ...(writeConsistency && { writeConsistency }), ...(serialConsistency && { serialConsistency }),
    }
  },
})

export interface CassandraStores extends AsyncDisposable {
  readonly registers: RegisterStore
  readonly batchViews: BatchViewStore
}

/** Throws what `openCassandra` throws; STORE_SETTINGS too where the keyspace is another namespace's. */
export async function openCassandraStores({ namespace, ...options }: CassandraSettings, { onNotice, ...observation }: Required<Pick<CassandraOptions, 'onNotice'>> & Observation): Promise<CassandraStores> {
  await using opened = new AsyncDisposableStack()
  const session = opened.use(await openCassandra({ ...options, onNotice }))
  const registers = createCassandraRegisterStore(session, { newRevision: createNewRevision() })
  // Who only comes to what is there claims nothing.
  await (options.mustExist ? isClaimed : claimRegisters)(registers, namespace, session.where)
  const owned = opened.move()
  return { registers: observed(observation, 'stores', registers, { load: () => session.load() }), batchViews: observed(observation, 'stores', createCassandraBatchViewStore(session)), [Symbol.asyncDispose]: () => owned.disposeAsync() }
}
