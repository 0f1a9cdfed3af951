// What the speed layer is told.

import { cassandraSettings } from '@tidemark/service-kit/cassandra-server'
import { commonSettings } from '@tidemark/service-kit/common-settings'
import { kafkaSettings } from '@tidemark/service-kit/kafka-server'
import { redisStateSettings } from '@tidemark/service-kit/redis-servers'
import { s3Settings } from '@tidemark/service-kit/s3-server'
import { schemaRegistrySettings } from '@tidemark/service-kit/schema-registry'
import { wholeNumber } from '@tidemark/service-kit/setting-kinds'
import { settingsGroup, type GroupsValues } from '@tidemark/service-kit/settings'

const GATHER_DEFAULT_MS = 50
const GATHER_MAX_MS = 10_000

const speedSettings = settingsGroup({
  prefix: 'TIDEMARK_SPEED_',
  variables: { GATHER_MS: wholeNumber(0, GATHER_MAX_MS).default(GATHER_DEFAULT_MS) },
  become: ({ GATHER_MS: gatherMs }) => ({ gatherMs }),
})

export const speedLayerSettings = { common: commonSettings, kafka: kafkaSettings, s3: s3Settings, cassandra: cassandraSettings, redisState: redisStateSettings, schemaRegistry: schemaRegistrySettings, speed: speedSettings }

export type SpeedLayerSettings = GroupsValues<typeof speedLayerSettings>
