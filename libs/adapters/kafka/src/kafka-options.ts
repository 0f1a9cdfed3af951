// How to reach a cluster, and what is asked of it. Every limit has a default; a name prefix keeps several systems apart in one cluster.

import { isIP } from 'node:net'
import type { ConnectionOptions as TlsOptions } from 'node:tls'
import type { CompressionAlgorithmValue, ConnectionOptions } from '@platformatic/kafka'

/** Key, value and headers of a record, together. */
export const RECORD_SIZE_MAX_BYTES = 10 * 1_048_576
/** What frames the records of a batch may take beside the largest record. */
export const BATCH_FRAME_MAX_BYTES = 1_048_576
/** A call that has found no answer by then is STORE_UNAVAILABLE. */
export const CALL_TIMEOUT_DEFAULT_MS = 15_000
/** One request to one broker; a call tries again until its own time-out. */
export const REQUEST_TIMEOUT_DEFAULT_MS = 5_000
export const CONNECT_TIMEOUT_DEFAULT_MS = 3_000
/** Requests that a connection has on their way. */
const REQUESTS_IN_FLIGHT_MAX = 8
/** The brokers' own default. */
const REPLICATION_OF_BROKER = -1

export type KafkaSasl =
  | { readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'; readonly username: string; readonly password: string }
  | { readonly mechanism: 'OAUTHBEARER'; readonly token: string | (() => string | Promise<string>) }

export interface KafkaOptions {
  /** HOST:PORT of some brokers; the others are learned of them. */
  readonly brokers: readonly string[]
  /** What the brokers call this process in their logs and quotas. */
  readonly clientId: string
  /** TLS, with what Node's `tls.connect` takes: `{}` for the system's authorities, `ca`, `cert`, `key` for others. Default: no TLS. */
  readonly tls?: TlsOptions
  readonly sasl?: KafkaSasl
  /** Before the name of every topic, group and transaction. Default: none. */
  readonly namePrefix?: string
  readonly callTimeoutMs?: number
  readonly requestTimeoutMs?: number
  readonly connectTimeoutMs?: number
  readonly recordSizeMaxBytes?: number
  /** Of the topics that are made. Default: the brokers' own. */
  readonly replicationFactor?: number
  /** Of what is appended; all are read. Default: none. */
  readonly compression?: CompressionAlgorithmValue
}

export type KafkaSettings = Required<Omit<KafkaOptions, 'tls' | 'sasl'>> & Pick<KafkaOptions, 'tls' | 'sasl'>

export function withDefaults(options: KafkaOptions): KafkaSettings {
  if (options.brokers.length === 0) throw new RangeError('A cluster is reached by at least one broker.')
  return {
    namePrefix: '',
    callTimeoutMs: CALL_TIMEOUT_DEFAULT_MS,
    requestTimeoutMs: REQUEST_TIMEOUT_DEFAULT_MS,
    connectTimeoutMs: CONNECT_TIMEOUT_DEFAULT_MS,
    recordSizeMaxBytes: RECORD_SIZE_MAX_BYTES,
    replicationFactor: REPLICATION_OF_BROKER,
    compression: 'none',
    ...options,
  }
}

/** What the client's connections are made with. */
export function connectionOptionsOf({ brokers, tls, sasl, connectTimeoutMs, requestTimeoutMs }: KafkaSettings): ConnectionOptions {
  return {
    connectTimeout: connectTimeoutMs,
    requestTimeout: requestTimeoutMs,
    maxInflights: REQUESTS_IN_FLIGHT_MAX,
    // A server name in the handshake may not be an address.
    ...(tls !== undefined && { tls, tlsServerName: !brokers.some((broker) => isIP(brokerOf(broker).host) !== 0) }),
    ...(sasl !== undefined && { sasl }),
  }
}

export interface BrokerAddress {
  readonly host: string
  readonly port: number
}

/** HOST:PORT, [IPv6]:PORT, or a host alone, which means Kafka's own port. */
export function brokerOf(text: string): BrokerAddress {
  const { hostname, port } = new URL(`kafka://${text}`)
  return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: port === '' ? KAFKA_PORT : Number(port) }
}

const KAFKA_PORT = 9_092
