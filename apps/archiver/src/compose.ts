// The archiver: from the log to the archive, for each source of events that a view reads; and from its producers' topic to its own, where it has one.
// Several may run at once.

import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import { tellArchiver } from '@tidemark/pipelines/archive/archiver-metrics'
import { ArchivePart } from '@tidemark/pipelines/lambda/archive-part'
import { ensureTopics, eventSourcesOf, type EventSource } from '@tidemark/pipelines/lambda/event-sources'
import { RelayPart } from '@tidemark/pipelines/lambda/relay-part'
import { SourceParts, type SourcePart } from '@tidemark/pipelines/lambda/source-parts'
import type { RelayLag } from '@tidemark/pipelines/relay/run-relay'
import { openCassandraStores } from '@tidemark/service-kit/cassandra-server'
import { openFormat, openWorkFolder } from '@tidemark/service-kit/engine'
import { followDefinitions } from '@tidemark/service-kit/follow-definitions'
import { openGroups, openLog } from '@tidemark/service-kit/kafka-server'
import { openServers } from '@tidemark/service-kit/open-servers'
import type { ComposedService, ServiceContext } from '@tidemark/service-kit/run-service'
import { openObjects } from '@tidemark/service-kit/s3-server'
import { openSchemas } from '@tidemark/service-kit/schema-registry'
import type { ArchiverSettings } from './config.ts'

export async function composeArchiver({ common, kafka, s3, cassandra, engine, schemaRegistry }: ArchiverSettings, context: ServiceContext): Promise<ComposedService> {
  const { service, clock, onAlarm } = context
  await using opened = new AsyncDisposableStack()
  const format = opened.use(await openFormat(engine, opened.use(await openWorkFolder(common))))
  const clientId = `${service} ${common.member}`
  const { log, objects, schemas, stores: { registers } } = opened.use(await openServers({
    log: () => openLog(kafka, clientId, context),
    objects: () => openObjects(s3, common, context),
    schemas: () => openSchemas(schemaRegistry, context),
    stores: () => openCassandraStores(cassandra, context),
  }, context))
  const groups = opened.use(openGroups(kafka, clientId, context))
  const begin = async ({ source }: EventSource): Promise<SourcePart> => {
    await ensureTopics(log, source, kafka.partitionCount)
    await using part = new AsyncDisposableStack()
    const { archiver, loops } = new ArchivePart({ source, ports: { log, registers, objects, format, schemas, clock }, onAlarm, tracer: context.tracer })
    let relayLag: readonly RelayLag[] = []
    part.defer(tellArchiver(context.metrics, clock, { source, archiver, relayLag: () => relayLag }))
    const onLag = (_: SourceDefinition, lag: readonly RelayLag[]): void => {
      relayLag = lag
      context.log.info({ source: source.name, lagCount: lag.reduce((sum, { lagCount }) => sum + lagCount, 0) }, 'relay')
    }
    const relay = source.relayFrom === undefined ? null : part.use(new RelayPart({ source, ports: { log, groups, clock }, member: common.member, onAlarm, onLag }))
    const owned = part.move()
    return { loops: [...loops, ...(relay?.loops ?? [])], [Symbol.asyncDispose]: () => owned.disposeAsync() }
  }
  const parts = opened.use(new SourceParts({ begin, clock, onAlarm }))
  const followed = await followDefinitions(registers, common, async ({ catalog: { plans } }) => {
    await parts.take(eventSourcesOf(plans))
    return 'done'
  }, context)
  const owned = opened.move()
  return { loops: [...followed.loops, parts.loop], isReady: { sources: parts.sources, revision: followed.revision }, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}
