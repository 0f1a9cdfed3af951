// The real servers, each behind TLS, as a service is told of them, with every credential that they take. What a service says is held against them.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Addresses } from '@tidemark/servers/addresses'
import { announcing, startTlsProxy, type AlterAnswer, type TlsProxy } from '@tidemark/servers/tls-proxy'

export interface TlsServers extends AsyncDisposable {
  /** For all layers, in the place of what says where the servers are without TLS. */
  readonly environment: Readonly<Record<string, string>>
  /** From here on Cassandra is away, for whoever is told of it so. */
  cutCassandra(): Promise<void>
}

/** `folder`: for certificates. */
export async function openTlsServers({ kafka, cassandra, s3, redis }: Addresses, folder: string): Promise<TlsServers> {
  await using opened = new AsyncDisposableStack()
  const behind = async (name: string, target: string, alter?: AlterAnswer): Promise<{ address: string; ca: string; proxy: TlsProxy }> => {
    const proxy = opened.use(await startTlsProxy(target, alter))
    const { address, certificate } = proxy
    const ca = join(folder, `${name}.pem`)
    writeFileSync(ca, certificate)
    return { address, ca, proxy }
  }
  const hostOf = (url: string): string => new URL(url).host
  const [log, batch, objects, state, jobs, cache] = await Promise.all([
    behind('kafka', kafka.saslBrokers[0]!, announcing(kafka.saslBrokers[0]!)), behind('cassandra', cassandra.contactPoints[0]!), behind('s3', hostOf(s3.endpoint)),
    behind('state', hostOf(redis.stateUrl)), behind('jobs', hostOf(redis.jobsUrl)), behind('cache', hostOf(redis.cacheUrl)),
  ])
  const redisOf = (name: string, { address, ca }: typeof state): Record<string, string> => ({
    [`TIDEMARK_REDIS_${name}_NODES`]: address, [`TIDEMARK_REDIS_${name}_TLS`]: 'true', [`TIDEMARK_REDIS_${name}_TLS_CA_FILE`]: ca,
    [`TIDEMARK_REDIS_${name}_USERNAME`]: redis.username, [`TIDEMARK_REDIS_${name}_PASSWORD`]: redis.password,
  })
  const owned = opened.move()
  return {
    environment: {
      TIDEMARK_KAFKA_BROKERS: log.address, TIDEMARK_KAFKA_TLS: 'true', TIDEMARK_KAFKA_TLS_CA_FILE: log.ca,
      TIDEMARK_KAFKA_SASL_MECHANISM: 'SCRAM-SHA-256', TIDEMARK_KAFKA_SASL_USERNAME: kafka.username, TIDEMARK_KAFKA_SASL_PASSWORD: kafka.password,
      TIDEMARK_CASSANDRA_CONTACT_POINTS: batch.address, TIDEMARK_CASSANDRA_TLS: 'true', TIDEMARK_CASSANDRA_TLS_CA_FILE: batch.ca,
      TIDEMARK_S3_ENDPOINT: `https://${objects.address}`, TIDEMARK_S3_TLS_CA_FILE: objects.ca,
      ...redisOf('STATE', state), ...redisOf('JOBS', jobs), ...redisOf('CACHE', cache),
    },
    cutCassandra: async () => batch.proxy[Symbol.asyncDispose](),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
