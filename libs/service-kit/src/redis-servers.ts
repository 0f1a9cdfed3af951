// Speed views on one Redis, jobs on another, a cache of batch blobs on a third where there is one: how a service is told of them, and how it opens them.
// Jobs are opened in jobs-server.ts: their library is large, and only who makes generations loads it.

import { createRedisBlobCache } from '@tidemark/adapter-redis/redis-blob-cache'
import { openRedisSpeedViewStore, type RedisSpeedViewStoreOptions } from '@tidemark/adapter-redis/redis-speed-view-store'
import type { Problem } from '@tidemark/feature-schema/errors'
import type { BlobCache } from '@tidemark/ports/blob-cache'
import type { SpeedViewStore } from '@tidemark/ports/speed-view-store'
import { namespaceKind } from './common-settings.ts'
import { whereGiven } from './optional-group.ts'
import { observed, type Observation } from './server-calls.ts'
import { addresses, flag, text } from './setting-kinds.ts'
import { settingsGroup, type SettingsGroup } from './settings.ts'
import { TLS_VARIABLES, tlsOf, unpaired } from './tls-settings.ts'

export type RedisSettings = Omit<RedisSpeedViewStoreOptions, 'onNotice'>

export const redisStateSettings = redisSettings('TIDEMARK_REDIS_STATE_', 'What has the speed views.')
export const redisJobsSettings = redisSettings('TIDEMARK_REDIS_JOBS_', 'What has the jobs.')
export const redisCacheSettings = whereGiven('TIDEMARK_REDIS_CACHE_NODES', redisSettings('TIDEMARK_REDIS_CACHE_', 'One that may evict: [a cache of batch blobs](redis.md#a-cache-of-batch-blobs).'))

function redisSettings(prefix: string, description: string): SettingsGroup<RedisSettings> {
  return settingsGroup({
    prefix,
    variables: {
      TIDEMARK_NAMESPACE: namespaceKind,
      NODES: addresses('the server, or of some nodes of a Cluster').describe(description),
      CLUSTER: flag.optional().meta({ description: 'Whether it is a Cluster.', unset: '`true` where several nodes are given' }),
      USERNAME: text('Give the name of a user.').optional().meta({ description: 'Who this process is.', unset: "the default user, where a password is given" }),
      PASSWORD: text('Give the password.').optional().describe('How it proves it.'),
      ...TLS_VARIABLES,
    },
    secrets: ['PASSWORD'],
    check: (given) => [
      ...unpaired(given, 'TLS_CERT_FILE', 'TLS_KEY_FILE', prefix),
      // A password alone is the default user's.
      ...(given.PASSWORD === undefined ? unpaired(given, 'USERNAME', 'PASSWORD', prefix) : []),
      ...(given.CLUSTER === 'false' && given.NODES?.includes(',') === true ? [{ name: 'CLUSTER' as const, message: 'It is "false", but there are several nodes.', action: 'Give one node, or true.' }] : []),
    ],
    become: (values): RedisSettings => {
      const { TIDEMARK_NAMESPACE: namespace, NODES: nodes, CLUSTER: isCluster = nodes.length > 1, USERNAME: username, PASSWORD: password } = values
      const tls = tlsOf(values)
      return {
        namespace,
        server: isCluster ? { nodes } : { url: `${tls === undefined ? 'redis' : 'rediss'}://${nodes[0]}` },
        ...(password !== undefined && { credentials: { ...(username !== undefined && { username }), password } }),
        ...(tls && { tls }),
      }
    },
  })
}

export interface Opening extends Observation {
  /** Told of settings that are worth a thought. */
  readonly onNotice: (notice: Problem) => void
}

/** Throws what `openRedisSpeedViewStore` throws. */
export async function openSpeedViews(settings: RedisSettings, { onNotice, ...observation }: Opening): Promise<SpeedViewStore> {
  return observed(observation, 'speedViews', await openRedisSpeedViewStore({ ...settings, onNotice }))
}

/** Connects once it is asked: a service starts without it. */
export function createBatchCache(settings: RedisSettings, { onNotice, ...observation }: Opening): BlobCache {
  return observed(observation, 'cache', createRedisBlobCache({ ...settings, onNotice }), { isNeeded: false })
}
