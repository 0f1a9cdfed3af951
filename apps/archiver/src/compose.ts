// The archiver: from the log to the archive, for each source of events that a view reads; and from its producers' topic to its own, where it has one.
// Several may run at once.

import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import { registerDefinitions } from '@tidemark/pipelines/definitions/definition-registry'
import { ArchivePart } from '@tidemark/pipelines/lambda/archive-part'
import { ensureTopics, eventSourcesOf } from '@tidemark/pipelines/lambda/event-sources'
import { RelayPart } from '@tidemark/pipelines/lambda/relay-part'
import type { RelayLag } from '@tidemark/pipelines/relay/run-relay'
import { catalogOf } from '@tidemark/pipelines/serve/feature-catalog'
import { openCassandraStores } from '@tidemark/service-kit/cassandra-server'
import { openFormat, openWorkFolder } from '@tidemark/service-kit/engine'
import { openGroups, openLog } from '@tidemark/service-kit/kafka-server'
import { openServers, untilAnswered } from '@tidemark/service-kit/open-servers'
import type { ComposedService, ServiceContext } from '@tidemark/service-kit/run-service'
import { openObjects } from '@tidemark/service-kit/s3-server'
import { openSchemas } from '@tidemark/service-kit/schema-registry'
import type { ArchiverSettings } from './config.ts'

export async function composeArchiver({ common, kafka, s3, cassandra, engine, schemaRegistry }: ArchiverSettings, context: ServiceContext): Promise<ComposedService> {
  const { service, definitions, clock, onAlarm } = context
  await using opened = new AsyncDisposableStack()
  const format = opened.use(await openFormat(engine, opened.use(await openWorkFolder(common))))
  const clientId = `${service} ${common.member}`
  const { log, objects, schemas, stores: { registers } } = opened.use(await openServers({
    log: () => openLog(kafka, clientId),
    objects: () => openObjects(s3, common),
    schemas: () => openSchemas(schemaRegistry, context),
    stores: () => openCassandraStores(cassandra, context),
  }, context))
  const sources = eventSourcesOf(catalogOf(definitions).plans)
  await untilAnswered('log and registers', async () => {
    await registerDefinitions(registers, definitions)
    for (const { source } of sources) await ensureTopics(log, source, kafka.partitionCount)
  }, context)
  const parts = sources.map(({ source }) => new ArchivePart({ source, ports: { log, registers, objects, format, schemas, clock }, onAlarm }))
  const relays: RelayPart[] = []
  const relayed = sources.flatMap(({ source }) => (source.relayFrom === undefined ? [] : [source]))
  if (relayed.length > 0) {
    const ports = { log, groups: opened.use(openGroups(kafka, clientId, context)), clock }
    const onLag = ({ name }: SourceDefinition, lag: readonly RelayLag[]): void => context.log.info({ source: name, lagCount: lag.reduce((sum, { lagCount }) => sum + lagCount, 0) }, 'relay')
    for (const source of relayed) relays.push(opened.use(new RelayPart({ source, ports, member: common.member, onAlarm, onLag })))
  }
  const owned = opened.move()
  return { loops: [...parts, ...relays].flatMap(({ loops }) => loops), isReady: { sources: sources.map(({ source }) => source.name) }, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}
