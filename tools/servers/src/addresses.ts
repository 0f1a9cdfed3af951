// Where the servers of a set are, as tests and apps read it: from addresses.json, or as environment variables.
import { CLUSTER_NAMES, isClusterNode, type ServerName } from './names.ts'
import { LOOPBACK, type Ports } from './ports.ts'
import { SCHEMA_REGISTRY_PATH, type Credentials } from './probes.ts'

/** Whom the local servers know. They listen on loopback only, so this guards nothing: it is there so that wrong ones are refused. */
export const LOCAL_USER: Credentials = { username: 'tidemark', password: 'tidemark-local' }
/** Cassandra's own first user. */
export const CASSANDRA_USER: Credentials = { username: 'cassandra', password: 'cassandra' }
/** With Cassandra's SimpleSnitch. */
export const CASSANDRA_DATA_CENTER = 'datacenter1'
export const S3_REGION = 'us-east-1'
/** It is there before S3 starts. */
export const S3_BUCKET = 'tidemark'

export interface Addresses {
  /** HOST:PORT; those of `saslBrokers` ask for the credentials, by SASL PLAIN or SCRAM-SHA-256. */
  readonly kafka: { readonly brokers: readonly string[]; readonly saslBrokers: readonly string[] } & Credentials
  readonly cassandra: { readonly contactPoints: readonly string[]; readonly dataCenter: string } & Credentials
  readonly s3: { readonly endpoint: string; readonly region: string; readonly bucket: string; readonly accessKeyId: string; readonly secretAccessKey: string }
  /** URLs without credentials, which are not asked for; wrong ones are refused all the same. */
  readonly redis: { readonly stateUrl: string; readonly jobsUrl: string; readonly cacheUrl: string } & Credentials
  readonly redisCluster: { readonly nodes: readonly string[] } & Credentials
  /** Without credentials. */
  readonly schemaRegistry: { readonly url: string }
}

export function addressesOf(ports: Ports): Addresses {
  const at = (port: number): string => `${LOOPBACK}:${port}`
  const redisUrl = (name: 'redis' | 'redis-jobs' | 'redis-cache'): string => `redis://${at(ports[name])}`
  return {
    kafka: { brokers: [at(ports.kafka)], saslBrokers: [at(ports['kafka-sasl'])], ...LOCAL_USER },
    cassandra: { contactPoints: [at(ports.cassandra)], dataCenter: CASSANDRA_DATA_CENTER, ...CASSANDRA_USER },
    s3: { endpoint: `http://${at(ports.s3)}`, region: S3_REGION, bucket: S3_BUCKET, accessKeyId: LOCAL_USER.username, secretAccessKey: LOCAL_USER.password },
    redis: { stateUrl: redisUrl('redis'), jobsUrl: redisUrl('redis-jobs'), cacheUrl: redisUrl('redis-cache'), ...LOCAL_USER },
    redisCluster: { nodes: CLUSTER_NAMES.map((name) => at(ports[name])), ...LOCAL_USER },
    schemaRegistry: { url: `http://${at(ports['schema-registry'])}${SCHEMA_REGISTRY_PATH}` },
  }
}

/** The environment variables by which services find the servers in `names`, in the order in which people read them. */
export function environmentOf(addresses: Addresses, names: readonly ServerName[]): Record<string, string> {
  const { kafka, cassandra, s3, redis, redisCluster, schemaRegistry } = addresses
  const runs = (name: ServerName): boolean => names.includes(name)
  const nodeOf = (url: string): string => new URL(url).host
  return {
    ...(runs('kafka') && { TIDEMARK_KAFKA_BROKERS: kafka.brokers.join(',') }),
    ...(runs('cassandra') && {
      TIDEMARK_CASSANDRA_CONTACT_POINTS: cassandra.contactPoints.join(','),
      TIDEMARK_CASSANDRA_DATA_CENTER: cassandra.dataCenter,
      TIDEMARK_CASSANDRA_USERNAME: cassandra.username,
      TIDEMARK_CASSANDRA_PASSWORD: cassandra.password,
      TIDEMARK_CASSANDRA_REPLICATION_FACTOR: '1',
    }),
    ...(runs('s3') && {
      TIDEMARK_S3_ENDPOINT: s3.endpoint,
      TIDEMARK_S3_REGION: s3.region,
      TIDEMARK_S3_BUCKET: s3.bucket,
      TIDEMARK_S3_ACCESS_KEY_ID: s3.accessKeyId,
      TIDEMARK_S3_SECRET_ACCESS_KEY: s3.secretAccessKey,
    }),
    ...(runs('redis') && { TIDEMARK_REDIS_STATE_NODES: nodeOf(redis.stateUrl) }),
    ...(runs('redis-jobs') && { TIDEMARK_REDIS_JOBS_NODES: nodeOf(redis.jobsUrl) }),
    ...(runs('redis-cache') && { TIDEMARK_REDIS_CACHE_NODES: nodeOf(redis.cacheUrl) }),
    ...(runs('schema-registry') && { TIDEMARK_SCHEMA_REGISTRY_URLS: schemaRegistry.url }),
    ...(names.some(isClusterNode) && { TIDEMARK_REDIS_CLUSTER_NODES: redisCluster.nodes.join(',') }),
  }
}
