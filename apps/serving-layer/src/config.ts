// What the serving layer is told.

import { adminSettings } from '@tidemark/service-kit/admin-settings'
import { cassandraSettings } from '@tidemark/service-kit/cassandra-server'
import { commonSettings } from '@tidemark/service-kit/common-settings'
import { kafkaSettings } from '@tidemark/service-kit/kafka-server'
import { onlyWhere } from '@tidemark/service-kit/optional-group'
import { redisCacheSettings, redisStateSettings } from '@tidemark/service-kit/redis-servers'
import { text, wholeNumber } from '@tidemark/service-kit/setting-kinds'
import { settingsGroup, type GroupsValues } from '@tidemark/service-kit/settings'

const HOST_DEFAULT = '127.0.0.1'
const PORT_DEFAULT = 8_080
const ADMIN_PORT_DEFAULT = 9_104

const httpSettings = settingsGroup({
  prefix: 'TIDEMARK_HTTP_',
  variables: {
    HOST: text('Give an address of this machine; 0.0.0.0 for all of them.', /^[A-Za-z0-9.:_-]+$/).default(HOST_DEFAULT).describe('Where it listens.'),
    PORT: wholeNumber(0, 65_535).default(PORT_DEFAULT).describe('Where it listens; 0 takes any that is free.'),
  },
  become: ({ HOST: host, PORT: port }) => ({ host, port }),
})

export const servingLayerSettings = {
  common: commonSettings, admin: adminSettings(ADMIN_PORT_DEFAULT), cassandra: cassandraSettings, redisState: redisStateSettings, redisCache: redisCacheSettings, http: httpSettings,
  /** Of the log that events which come over HTTP are appended to. */
  kafka: onlyWhere('TIDEMARK_HTTP_EVENTS', 'Whether it takes events too.', kafkaSettings),
}

export type ServingLayerSettings = GroupsValues<typeof servingLayerSettings>
