// Which port each part of a set listens on: the usual ones, a range of its own, or free ones for a test.
import { createServer } from 'node:net'
import { CLUSTER_NAMES, type ServerName } from './names.ts'

export const LOOPBACK = '127.0.0.1'

/** The usual ports. Cassandra's own storage port is not its usual 7000, which is the first of the Redis Cluster. */
export const DEFAULT_PORTS = {
  'kafka': 9092,
  'kafka-controller': 9093,
  'kafka-sasl': 9094,
  'cassandra': 9042,
  'cassandra-storage': 9043,
  's3': 9000,
  'redis': 6379,
  'redis-jobs': 6380,
  'redis-cache': 6381,
  'redis-cluster-1': 7000,
  'redis-cluster-2': 7001,
  'redis-cluster-3': 7002,
  'redis-cluster-bus-1': 17000,
  'redis-cluster-bus-2': 17001,
  'redis-cluster-bus-3': 17002,
  'schema-registry': 8081,
} as const

export type PortName = keyof typeof DEFAULT_PORTS
export type Ports = Readonly<Record<PortName, number>>

export const PORT_NAMES = Object.keys(DEFAULT_PORTS) as PortName[]
export const PORT_MAX = 65_535

/** Ports below Linux's ephemeral range, so that no outgoing connection takes one between its choice and its use. */
const TEST_PORT_MIN = 15_000
const TEST_PORT_COUNT = 17_000
const TEST_PORT_TRIES_MAX = 1_000

/** The ports that a server listens on, its clients' first. */
export function portNamesOf(name: ServerName): [PortName, ...PortName[]] {
  if (name === 'kafka') return ['kafka', 'kafka-controller', 'kafka-sasl']
  if (name === 'cassandra') return ['cassandra', 'cassandra-storage']
  const node = (CLUSTER_NAMES as readonly ServerName[]).indexOf(name) + 1
  return node === 0 ? [name] : [name, `redis-cluster-bus-${node}` as PortName]
}

/** Consecutive ports from `first`, in the order of `PORT_NAMES`. */
export function portsFrom(first: number): Ports {
  return Object.fromEntries(PORT_NAMES.map((name, index) => [name, first + index])) as Ports
}

/** Ports that were free a moment ago, each found by binding it. */
export async function findFreePorts(draw: () => number = Math.random): Promise<Ports> {
  const found = new Set<number>()
  for (let tryCount = 0; found.size < PORT_NAMES.length; tryCount++) {
    if (tryCount === TEST_PORT_TRIES_MAX) throw new Error(`found only ${found.size} free ports in ${TEST_PORT_TRIES_MAX} tries`)
    const port = TEST_PORT_MIN + Math.floor(draw() * TEST_PORT_COUNT)
    if (!found.has(port) && (await isFree(port))) found.add(port)
  }
  const ports = [...found]
  return Object.fromEntries(PORT_NAMES.map((name, index) => [name, ports[index]!])) as Ports
}

/** Whether a server could listen on this port of the loopback address now. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? resolve(false) : reject(error)))
    server.listen({ host: LOOPBACK, port, exclusive: true }, () => server.close(() => resolve(true)))
  })
}
