// What the services of a run are told: where the servers are, and the run's own names on them.
import { environmentOf, type Addresses } from '@tidemark/servers/addresses'
import type { ServerName } from '@tidemark/servers/names'
import type { LayerName } from '@tidemark/servers/service-process'
import type { Pace } from './real-definitions.ts'

/** What they run on. */
export const SERVERS = ['kafka', 'cassandra', 's3', 'redis', 'redis-jobs', 'redis-cache'] as const satisfies readonly ServerName[]

export interface RunNames {
  readonly addresses: Addresses
  /** Lower-case letters and digits: a keyspace is called so too. */
  readonly namespace: string
  readonly workFolder: string
  readonly pace: Pace
}

export const PARTITION_COUNT = 4
/** Of the databases of the archiver and of the batch layer, each. */
const ENGINE_MEMORY_MAX_BYTES = 256 * 2 ** 20

export function serviceEnvironment(service: LayerName, { addresses, namespace, workFolder, pace }: RunNames, httpPort: number): Record<string, string> {
  return {
    ...environmentOf(addresses, SERVERS),
    TIDEMARK_NAMESPACE: namespace,
    TIDEMARK_WORK_FOLDER: workFolder,
    // One that is started again takes its own place.
    TIDEMARK_MEMBER: service,
    TIDEMARK_KAFKA_PARTITIONS: String(PARTITION_COUNT),
    TIDEMARK_BATCH_EVERY_MS: String(pace.batchEveryMs),
    TIDEMARK_BATCH_JOB_LEASE_MS: String(pace.jobLeaseMs),
    // At the end nothing more comes, and epochs are sealed all the same.
    TIDEMARK_BATCH_EMPTY_ALLOWED: 'true',
    TIDEMARK_ENGINE_MEMORY_MAX_BYTES: String(ENGINE_MEMORY_MAX_BYTES),
    TIDEMARK_ADMIN_PORT: '0',
    TIDEMARK_HTTP_PORT: String(httpPort),
    TIDEMARK_HTTP_EVENTS: 'true',
  }
}
