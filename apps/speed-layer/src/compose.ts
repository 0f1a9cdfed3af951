// The speed layer: from the log to the speed views, for each source of events that a view reads. Members of a source's consumer group share its
// partitions.

import { createNewRevision } from '@tidemark/machine/new-revision'
import { observeSpeed, tellProcessor } from '@tidemark/pipelines/ingest/speed-metrics'
import { StartableViews } from '@tidemark/pipelines/ingest/startable-views'
import { ensureTopics, eventSourcesOf, type EventSource } from '@tidemark/pipelines/lambda/event-sources'
import { SourceParts, type SourcePart } from '@tidemark/pipelines/lambda/source-parts'
import { StreamPart } from '@tidemark/pipelines/lambda/stream-part'
import { openCassandraStores } from '@tidemark/service-kit/cassandra-server'
import { followDefinitions } from '@tidemark/service-kit/follow-definitions'
import { openGroups, openLog } from '@tidemark/service-kit/kafka-server'
import { openServers } from '@tidemark/service-kit/open-servers'
import { openSpeedViews } from '@tidemark/service-kit/redis-servers'
import type { ComposedService, ServiceContext } from '@tidemark/service-kit/run-service'
import { openObjects } from '@tidemark/service-kit/s3-server'
import { openSchemas } from '@tidemark/service-kit/schema-registry'
import type { SpeedLayerSettings } from './config.ts'

export async function composeSpeedLayer({ common, kafka, s3, cassandra, redisState, schemaRegistry }: SpeedLayerSettings, context: ServiceContext): Promise<ComposedService> {
  const { service, clock, onAlarm } = context
  const clientId = `${service} ${common.member}`
  await using opened = new AsyncDisposableStack()
  const { log, objects, schemas, speedViews, stores: { registers } } = opened.use(await openServers({
    log: () => openLog(kafka, clientId, context),
    objects: () => openObjects(s3, common, context),
    schemas: () => openSchemas(schemaRegistry, context),
    stores: () => openCassandraStores(cassandra, context),
    speedViews: () => openSpeedViews(redisState, context),
  }, context))
  const groups = opened.use(openGroups(kafka, clientId, context))
  const ports = { log, groups, registers, objects, schemas, speedViews, clock, newRevision: createNewRevision() }
  const begin = async ({ source, plans }: EventSource): Promise<SourcePart> => {
    await ensureTopics(log, source, kafka.partitionCount)
    const whole = await startable.wholeOf(plans)
    const part = await StreamPart.start({ source, plans: whole.length > 0 ? whole : plans, ports, member: common.member, onAlarm, tracer: context.tracer, ...observeSpeed(context.metrics, source.name) })
    part.setViews(plans)
    const forget = tellProcessor(context.metrics, source.name, part)
    return {
      loops: part.loops,
      setViews: (views) => part.setViews(views),
      async [Symbol.asyncDispose]() {
        forget()
        await part[Symbol.asyncDispose]()
      },
    }
  }
  const startable = new StartableViews(registers)
  const parts = opened.use(new SourceParts({ begin, clock, onAlarm }))
  const followed = await followDefinitions(registers, common, async ({ catalog: { plans } }) => {
    const started = await startable.of(plans)
    await parts.take(eventSourcesOf(plans).map((each) => ({ ...each, plans: each.plans.filter((plan) => started.includes(plan)) })))
    return started.length === plans.length ? 'done' : 'again'
  }, context)
  const owned = opened.move()
  return { loops: [...followed.loops, parts.loop], isReady: { sources: parts.sources, revision: followed.revision }, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}
