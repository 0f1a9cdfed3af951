// What the speed layer is told.

import { adminSettings } from '@tidemark/service-kit/admin-settings'
import { cassandraSettings } from '@tidemark/service-kit/cassandra-server'
import { commonSettings } from '@tidemark/service-kit/common-settings'
import { kafkaSettings } from '@tidemark/service-kit/kafka-server'
import { redisStateSettings } from '@tidemark/service-kit/redis-servers'
import { s3Settings } from '@tidemark/service-kit/s3-server'
import { schemaRegistrySettings } from '@tidemark/service-kit/schema-registry'
import type { GroupsValues } from '@tidemark/service-kit/settings'
import { traceSettings } from '@tidemark/service-kit/trace-settings'

const ADMIN_PORT_DEFAULT = 9_102

export const speedLayerSettings = { common: commonSettings, admin: adminSettings(ADMIN_PORT_DEFAULT), traces: traceSettings, kafka: kafkaSettings, s3: s3Settings, cassandra: cassandraSettings, redisState: redisStateSettings, schemaRegistry: schemaRegistrySettings }

export type SpeedLayerSettings = GroupsValues<typeof speedLayerSettings>
