// The speed layer: from the log to the speed views, for each source of events that a view reads. Members of a source's consumer group share its
// partitions.

import { createNewRevision } from '@tidemark/machine/new-revision'
import { registerDefinitions } from '@tidemark/pipelines/definitions/definition-registry'
import { ensureTopics, eventSourcesOf } from '@tidemark/pipelines/lambda/event-sources'
import { StreamPart } from '@tidemark/pipelines/lambda/stream-part'
import { catalogOf } from '@tidemark/pipelines/serve/feature-catalog'
import { openCassandraStores } from '@tidemark/service-kit/cassandra-server'
import { openGroups, openLog } from '@tidemark/service-kit/kafka-server'
import { openServers, untilAnswered } from '@tidemark/service-kit/open-servers'
import { openSpeedViews } from '@tidemark/service-kit/redis-servers'
import type { ComposedService, ServiceContext } from '@tidemark/service-kit/run-service'
import { openObjects } from '@tidemark/service-kit/s3-server'
import { openSchemas } from '@tidemark/service-kit/schema-registry'
import type { SpeedLayerSettings } from './config.ts'

export async function composeSpeedLayer({ common, kafka, s3, cassandra, redisState, schemaRegistry }: SpeedLayerSettings, context: ServiceContext): Promise<ComposedService> {
  const { service, definitions, clock, onAlarm } = context
  const clientId = `${service} ${common.member}`
  await using opened = new AsyncDisposableStack()
  const { log, objects, schemas, speedViews, stores: { registers } } = opened.use(await openServers({
    log: () => openLog(kafka, clientId),
    objects: () => openObjects(s3, common),
    schemas: () => openSchemas(schemaRegistry, context),
    stores: () => openCassandraStores(cassandra, context),
    speedViews: () => openSpeedViews(redisState, context),
  }, context))
  const groups = opened.use(openGroups(kafka, clientId, context))
  const sources = eventSourcesOf(catalogOf(definitions).plans)
  await untilAnswered('log and registers', async () => {
    await registerDefinitions(registers, definitions)
    for (const { source } of sources) await ensureTopics(log, source, kafka.partitionCount)
  }, context)
  const ports = { log, groups, registers, objects, schemas, speedViews, clock, newRevision: createNewRevision() }
  const parts: StreamPart[] = []
  for (const { source, plans } of sources) {
    parts.push(opened.use(await untilAnswered('the consumer group', () => StreamPart.start({ source, plans, ports, member: common.member, onAlarm }), context)))
  }
  const owned = opened.move()
  return { loops: parts.flatMap(({ loops }) => loops), isReady: { sources: sources.map(({ source }) => source.name) }, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}
