// A connection to a Cassandra cluster with its consistency levels: how the stores ask it. Requests at once and in wait are bounded, each has its
// timeouts, and the driver sends again only what may be done twice.

import { Client, policies, types, type ClientOptions } from 'cassandra-driver'
import { createTurns, type TakeTurn, type TurnLoad } from '@tidemark/call-turns/call-turns'
import type { Problem } from '@tidemark/feature-schema/errors'
import { asTidemarkError, problem } from './cassandra-errors.ts'
import { commitLogProblem, readCommitLogSync } from './commit-log.ts'
import { closeReplacedNodes, connectOrClose } from './driver-leftovers.ts'
import { migrateSchema } from './migrate-schema.ts'
import { SCHEMA_MIGRATIONS } from './schema-migrations.ts'

export type Consistency = 'ONE' | 'LOCAL_ONE' | 'LOCAL_QUORUM' | 'QUORUM' | 'EACH_QUORUM' | 'ALL'

export interface CassandraOptions {
  /** `HOST` or `HOST:PORT` of some nodes; the others are found by them. */
  readonly contactPoints: readonly string[]
  /** The one that this process is in. */
  readonly dataCenter: string
  /** Lower-case letters, digits and `_`. */
  readonly keyspace: string
  /** Makes a keyspace that is missing, so: `{ class: 'NetworkTopologyStrategy', dc1: 3 }`. Left away, a missing one is STORE_SETTINGS. */
  readonly replication?: Readonly<Record<string, string | number>>
  /** Neither a keyspace nor its first tables are made where they are missing: STORE_SETTINGS. Default: false. */
  readonly mustExist?: boolean
  readonly credentials?: { readonly username: string; readonly password: string }
  /** PEM: whom to trust in the stead of the system's authorities, and what this client shows of itself. `{}` for TLS with the defaults. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string; readonly servername?: string }
  /** Of reads and writes of batch views. Default: LOCAL_QUORUM. */
  readonly readConsistency?: Exclude<Consistency, 'EACH_QUORUM'>
  readonly writeConsistency?: Consistency
  /** Of registers: LOCAL_SERIAL decides within the data centre, and is right only where all who write registers are in it. Default: SERIAL. */
  readonly serialConsistency?: 'SERIAL' | 'LOCAL_SERIAL'
  readonly connectTimeoutMs?: number
  /** Hears of what works and may forget what it acknowledged. */
  readonly onNotice?: (notice: Problem) => void
  /** From a request to its answer; longer than the servers' own timeouts, which tell more. Requests that wait for their turn are given up once none has succeeded for so long. */
  readonly requestTimeoutMs?: number
}

const CONNECT_TIMEOUT_MS = 5_000
const REQUEST_TIMEOUT_MS = 12_000
const RECONNECT_FIRST_MS = 500
const RECONNECT_MAX_MS = 10_000
const CONNECTIONS_PER_HOST = 2
const REQUESTS_PER_CONNECTION_MAX = 1_024
/** Of this process, to all nodes. */
const REQUESTS_AT_ONCE_MAX = 512
const REQUESTS_WAITING_MAX = 100_000
/** Of one call, so that a large one leaves room for others. */
const REQUESTS_PER_CALL_MAX = 128
const KEYSPACE = /^[a-z][a-z0-9_]{0,47}$/

const QUORUMS: ReadonlySet<Consistency> = new Set(['LOCAL_QUORUM', 'QUORUM', 'EACH_QUORUM', 'ALL'])

/** Connects, and brings the keyspace's tables up to what this release needs. STORE_UNAVAILABLE, STORE_REFUSED, STORE_SETTINGS, STORE_TOO_NEW. */
export async function openCassandra(options: CassandraOptions): Promise<CassandraSession> {
  const { contactPoints, keyspace, dataCenter, replication, mustExist = false, onNotice } = options
  if (!KEYSPACE.test(keyspace)) throw new Error(`${JSON.stringify(keyspace)} is no name of a keyspace: it is of lower-case letters, digits and _.`)
  assertOverlap(options)
  const where = `Cassandra at ${contactPoints.join(', ')}, keyspace ${keyspace}`
  const client = new Client(clientOptions(options))
  closeReplacedNodes(client)
  try {
    try {
      await connectOrClose(client)
      const notice = commitLogProblem(await readCommitLogSync(client), where)
      if (notice !== null) onNotice?.(notice)
    } catch (error) {
      throw asTidemarkError(error, where)
    }
    await migrateSchema({ client, where, keyspace, dataCenter, mustExist, migrations: SCHEMA_MIGRATIONS, ...(replication && { replication }) })
    return new CassandraSession(client, where, options)
  } catch (error) {
    await client.shutdown()
    throw error
  }
}

/** What the stores ask of a session. */
export type CassandraCalls = Pick<CassandraSession, 'keyspace' | 'where' | 'read' | 'write' | 'readSerial' | 'compareAndSet' | 'forEach'>

export class CassandraSession implements AsyncDisposable {
  readonly keyspace: string
  readonly where: string
  readonly #client: Client
  readonly #takeTurn: TakeTurn
  readonly #read: number
  readonly #write: number
  readonly #serial: number

  constructor(client: Client, where: string, { keyspace, readConsistency = 'LOCAL_QUORUM', writeConsistency = 'LOCAL_QUORUM', serialConsistency = 'SERIAL', requestTimeoutMs = REQUEST_TIMEOUT_MS }: CassandraOptions) {
    this.#client = client
    this.#takeTurn = createTurns({ atOnceMax: REQUESTS_AT_ONCE_MAX, waitingMax: REQUESTS_WAITING_MAX, stallMaxMs: requestTimeoutMs })
    this.where = where
    this.keyspace = keyspace
    this.#read = consistencyOf(readConsistency)
    this.#write = consistencyOf(writeConsistency)
    this.#serial = serialConsistency === 'SERIAL' ? types.consistencies.serial : types.consistencies.localSerial
  }

  /** How many requests wait for a turn. */
  load(): TurnLoad {
    return this.#takeTurn.load()
  }

  /** All rows, of as many pages as there are. Coded errors, as of `write` and `readSerial`. */
  read(where: string, query: string, params: readonly unknown[]): Promise<types.Row[]> {
    return this.#coded(where, query, params, { consistency: this.#read })
  }

  async write(where: string, query: string, params: readonly unknown[]): Promise<void> {
    await this.#coded(where, query, params, { consistency: this.#write })
  }

  /** Sees every compare-and-set that was answered before, and decides those that were not. */
  readSerial(where: string, query: string, params: readonly unknown[]): Promise<types.Row[]> {
    return this.#coded(where, query, params, { consistency: this.#serial })
  }

  /** Whether a conditional statement was applied. The driver's own errors, and never sent twice: what a second one met might be the first. */
  compareAndSet(query: string, params: readonly unknown[]): Promise<boolean> {
    return this.#takeTurn(async () => {
      const result = await this.#client.execute(query, params, {
        prepare: true, isIdempotent: false, retry: new policies.retry.FallthroughRetryPolicy(), consistency: this.#write, serialConsistency: this.#serial,
      })
      return result.wasApplied()
    })
  }

  /** One step for each item, several at a time; what they give, in the items' order. Once one fails, none begins. */
  async forEach<T, R>(items: readonly T[], step: (item: T) => Promise<R>): Promise<R[]> {
    const results = new Array<R>(items.length)
    let next = 0
    const inTurn = async (): Promise<void> => {
      try {
        for (let i = next++; i < items.length; i = next++) results[i] = await step(items[i]!)
      } catch (error) {
        next = items.length
        throw error
      }
    }
    await Promise.all(Array.from({ length: Math.min(REQUESTS_PER_CALL_MAX, items.length) }, inTurn))
    return results
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.shutdown()
  }

  async #coded(where: string, query: string, params: readonly unknown[], { consistency }: { consistency: number }): Promise<types.Row[]> {
    try {
      return await this.#takeTurn(async () => {
        const result = await this.#client.execute(query, params, { prepare: true, isIdempotent: true, consistency })
        if (result.pageState === null || result.pageState === undefined) return result.rows ?? []
        const rows: types.Row[] = []
        for await (const row of result) rows.push(row)
        return rows
      })
    } catch (error) {
      throw asTidemarkError(error, `${this.where}, ${where}`)
    }
  }
}

/** STORE_SETTINGS where a read need not meet what a write has left, so that a row that was acknowledged may be missing. */
function assertOverlap({ keyspace, readConsistency = 'LOCAL_QUORUM', writeConsistency = 'LOCAL_QUORUM' }: CassandraOptions): void {
  const isMet = writeConsistency === 'ALL' || readConsistency === 'ALL' || (QUORUMS.has(readConsistency) && QUORUMS.has(writeConsistency))
  if (isMet) return
  throw problem(
    'STORE_SETTINGS', `keyspace ${keyspace}`, `A read at ${readConsistency} may miss what was written at ${writeConsistency}.`,
    'Read and write at LOCAL_QUORUM, or another quorum; read at one replica only where writes go to ALL.',
  )
}

function consistencyOf(level: Consistency): number {
  const { consistencies } = types
  const levels: Readonly<Record<Consistency, number>> = {
    ONE: consistencies.one, LOCAL_ONE: consistencies.localOne, LOCAL_QUORUM: consistencies.localQuorum,
    QUORUM: consistencies.quorum, EACH_QUORUM: consistencies.eachQuorum, ALL: consistencies.all,
  }
  return levels[level]
}

function clientOptions({ contactPoints, dataCenter, credentials, tls, connectTimeoutMs = CONNECT_TIMEOUT_MS, requestTimeoutMs = REQUEST_TIMEOUT_MS }: CassandraOptions): ClientOptions {
  const { distance } = types
  return {
    contactPoints: [...contactPoints],
    localDataCenter: dataCenter,
    pooling: {
      coreConnectionsPerHost: { [distance.local]: CONNECTIONS_PER_HOST, [distance.remote]: 1 },
      maxRequestsPerConnection: REQUESTS_PER_CONNECTION_MAX,
    },
    socketOptions: { connectTimeout: connectTimeoutMs, readTimeout: requestTimeoutMs },
    policies: {
      reconnection: new policies.reconnection.ExponentialReconnectionPolicy(RECONNECT_FIRST_MS, RECONNECT_MAX_MS),
      // The coordinator's time instead of this process's: which of two writes of a row is the later one is the cluster's to say.
      timestampGeneration: null as never,
    },
    ...(credentials && { credentials: { ...credentials } }),
    ...(tls && { sslOptions: { rejectUnauthorized: true, ...tls } }),
  }
}
