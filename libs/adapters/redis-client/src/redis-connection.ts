// One connection to each Redis server that is needed, which comes back by itself. What was sent and not answered is never sent again by
// the client: a write may have been done, and would be told as refused the second time. Reads are tried once more.

import type { ConnectionOptions } from 'node:tls'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import { Cluster, Redis, type RedisOptions } from 'ioredis'
import { createCallLimits, inTime } from './call-limits.ts'
import { asRedisError, isConnectionError } from './redis-errors.ts'

export type RedisClient = Redis | Cluster

export function isCluster(client: RedisClient): client is Cluster {
  return client instanceof Cluster
}

export interface RedisServerOptions {
  /** One server by its URL, `redis://HOST:PORT/DATABASE` or `rediss://` for TLS; or a Cluster by some of its nodes, HOST:PORT, which tell of the others. */
  readonly server: { readonly url: string } | { readonly nodes: readonly string[] }
  readonly credentials?: { readonly username?: string; readonly password: string }
  /** Node's options of TLS: authorities, certificate, server name. Default: TLS where the URL says so, none for a Cluster. */
  readonly tls?: ConnectionOptions
  /** Of each call, its waiting for a connection included. */
  readonly timeoutMs?: number
  /** Calls that may wait for an answer at once. */
  readonly callsInFlightMax?: number
}

export interface RedisConnection extends AsyncDisposable {
  readonly client: RedisClient
  /** `redis HOST:PORT`. */
  readonly name: string
  /** What has no effect, and so is tried once more where the connection fails. Throws coded errors. */
  read<T>(operation: string, action: (client: RedisClient) => Promise<T>): Promise<T>
  /** What is sent once. STORE_UNAVAILABLE: nobody knows whether it was done. */
  write<T>(operation: string, action: (client: RedisClient) => Promise<T>): Promise<T>
}

export const TIMEOUT_MS = 5_000
export const CALLS_IN_FLIGHT_MAX = 1_000

/** How long the other side may take to close a connection that is not wanted any more. */
const DISCONNECT_MAX_MS = 500
const RECONNECT_MIN_MS = 50
const RECONNECT_MAX_MS = 2_000
/** Of a command to a Cluster: MOVED and ASK at once, TRYAGAIN and CLUSTERDOWN after 100 ms each. */
const REDIRECTIONS_MAX = 16
const KEEP_ALIVE_MS = 30_000
const READ_ATTEMPT_COUNT = 2

/** Connects, once. STORE_UNAVAILABLE, STORE_REFUSED, USAGE. */
export async function connectRedis(options: RedisServerOptions): Promise<RedisConnection> {
  const { timeoutMs = TIMEOUT_MS, callsInFlightMax = CALLS_IN_FLIGHT_MAX } = options
  const { client, name } = createClient(options, timeoutMs)
  const limited = createCallLimits({ timeoutMs, callsInFlightMax }, once(() => giveUpSilent(client, timeoutMs)))
  let connectionError: Error | null = null
  // A Cluster says that all nodes failed, and with it what the last of them said.
  const noteError = (error: Error & { lastNodeError?: Error | null }): void => void (connectionError = error.lastNodeError ?? error)
  client.on('error', noteError)
  client.on('node error', noteError)
  client.on('ready', () => void (connectionError = null))

  const call = <T>(operation: string, attemptCount: number, action: (client: RedisClient) => Promise<T>): Promise<T> => {
    const where = `${name}, ${operation}`
    return limited(where, async () => {
      for (let attempt = 1; ; attempt++) {
        try {
          return await action(client)
        } catch (error) {
          if (attempt < attemptCount && isConnectionError(error)) continue
          throw asRedisError(error, where, connectionError)
        }
      }
    })
  }

  try {
    await call('connecting', 1, () => client.connect())
  } catch (error) {
    client.disconnect()
    throw error
  }
  return {
    client, name,
    read: (operation, action) => call(operation, READ_ATTEMPT_COUNT, action),
    write: (operation, action) => call(operation, 1, action),
    async [Symbol.asyncDispose]() {
      // A server that does not take its leave is left all the same.
      await call('leaving', 1, () => client.quit()).catch(() => undefined)
      client.disconnect()
    },
  }
}

/**
 * Gives up the connections on which nothing comes any more, though the other side was asked: it may be gone without a word, or never have said
 * one. With a connection goes what waits for it. The client's own time limit for that stays armed when a connection ends, and then ends the
 * next one.
 */
async function giveUpSilent(client: RedisClient, timeoutMs: number): Promise<void> {
  const nodes = client instanceof Redis ? [client] : client.nodes('all')
  await Promise.all(nodes.filter(({ status }) => CONNECTED.has(status)).map(async (node) => {
    const isSilent = await inTime(node.ping(), timeoutMs, () => new Error(SILENT)).then(() => false, (error: Error) => error.message === SILENT)
    // A node of a Cluster is connected to again when something is asked of it.
    if (isSilent) node.disconnect(client instanceof Redis)
  }))
}

const SILENT = 'silent'
/** Of the client: `connect` until the server has answered for the first time. */
const CONNECTED: ReadonlySet<string> = new Set(['connect', 'ready'])

/** Begins nothing while it is under way. */
function once(action: () => Promise<void>): () => void {
  let isUnderWay = false
  return () => {
    if (isUnderWay) return
    isUnderWay = true
    void action().finally(() => (isUnderWay = false))
  }
}

function createClient({ server, credentials, tls }: RedisServerOptions, timeoutMs: number): { client: RedisClient; name: string } {
  const common: RedisOptions = {
    ...credentials, ...(tls && { tls }),
    lazyConnect: true,
    connectTimeout: timeoutMs,
    disconnectTimeout: DISCONNECT_MAX_MS,
    keepAlive: KEEP_ALIVE_MS,
    // Whatever waits is told at once when the connection fails, and not sent again.
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    retryStrategy: reconnectDelay,
    connectionName: 'tidemark',
    disableClientInfo: true,
  }
  if ('url' in server) {
    const { options, name } = optionsOfUrl(server.url)
    return { client: new Redis({ ...options, ...common }), name }
  }
  const nodes = server.nodes.map((node) => hostAndPort(node, node))
  if (nodes.length === 0) throw usage('nodes of the Redis Cluster', 'There are none.')
  const client = new Cluster(nodes, {
    lazyConnect: true,
    redisOptions: common,
    maxRedirections: REDIRECTIONS_MAX,
    slotsRefreshTimeout: timeoutMs,
    // What a lost connection left unanswered is not sent again.
    retryDelayOnFailover: 0,
    clusterRetryStrategy: reconnectDelay,
  })
  return { client, name: `redis cluster ${server.nodes.join(',')}` }
}

function reconnectDelay(attempt: number): number {
  return Math.min(RECONNECT_MAX_MS, RECONNECT_MIN_MS * 2 ** Math.min(attempt, 10)) * (0.5 + Math.random() / 2)
}

function optionsOfUrl(text: string): { options: RedisOptions; name: string } {
  // The URL may carry a password, so it is not quoted.
  const where = 'URL of the Redis server'
  if (!URL.canParse(text)) throw usage(where, 'It is no URL.')
  const url = new URL(text)
  if (url.protocol !== 'redis:' && url.protocol !== 'rediss:') throw usage(where, `It begins with ${url.protocol}, not with redis: or rediss:.`)
  const database = url.pathname.slice(1)
  if (!/^\d*$/.test(database)) throw usage(where, 'Its path is no number of a database.')
  const { host, port } = hostAndPort(url.host, where)
  return {
    name: `redis ${host}:${port}`,
    options: {
      host, port, db: Number(database),
      ...(url.username !== '' && { username: decodeURIComponent(url.username) }),
      ...(url.password !== '' && { password: decodeURIComponent(url.password) }),
      ...(url.protocol === 'rediss:' && { tls: {} }),
    },
  }
}

function hostAndPort(text: string, where: string): { host: string; port: number } {
  const [, host, port] = /^(\[[\d:a-fA-F.]+\]|[^:@/\s]+)(?::(\d+))?$/.exec(text) ?? []
  if (host === undefined) throw usage(where, 'It names no host.')
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port ?? 6379) }
}

function usage(where: string, message: string): TidemarkError {
  return new TidemarkError([{ code: 'USAGE', message, where, action: 'Give redis://HOST:PORT/DATABASE, rediss:// for TLS, or HOST:PORT for each node of a Cluster.' }])
}
