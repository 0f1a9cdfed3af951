// What the serving layer is told.

import { adminSettings } from '@tidemark/service-kit/admin-settings'
import { cassandraSettings } from '@tidemark/service-kit/cassandra-server'
import { commonSettings } from '@tidemark/service-kit/common-settings'
import { kafkaSettings } from '@tidemark/service-kit/kafka-server'
import { onlyWhere } from '@tidemark/service-kit/optional-group'
import { redisCacheSettings, redisStateSettings } from '@tidemark/service-kit/redis-servers'
import type { GroupsValues } from '@tidemark/service-kit/settings'
import { httpSettings } from './http-settings.ts'
import { traceSettings } from '@tidemark/service-kit/trace-settings'

const ADMIN_PORT_DEFAULT = 9_104

export const servingLayerSettings = {
  common: commonSettings, admin: adminSettings(ADMIN_PORT_DEFAULT), traces: traceSettings, cassandra: cassandraSettings, redisState: redisStateSettings, redisCache: redisCacheSettings, http: httpSettings,
  /** Of the log that events which come over HTTP are appended to. */
  kafka: onlyWhere('TIDEMARK_HTTP_EVENTS', 'Whether it takes events too.', kafkaSettings),
}

export type ServingLayerSettings = GroupsValues<typeof servingLayerSettings>
