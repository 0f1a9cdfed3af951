// The archiver: from the log to the archive, for each source of events that a view reads. Several may run at once.

import { registerDefinitions } from '@tidemark/pipelines/definitions/definition-registry'
import { ArchivePart } from '@tidemark/pipelines/lambda/archive-part'
import { ensureTopics, eventSourcesOf } from '@tidemark/pipelines/lambda/event-sources'
import { catalogOf } from '@tidemark/pipelines/serve/feature-catalog'
import { openCassandraStores } from '@tidemark/service-kit/cassandra-server'
import { openFormat, openWorkFolder } from '@tidemark/service-kit/engine'
import { openLog } from '@tidemark/service-kit/kafka-server'
import { openServers, untilAnswered } from '@tidemark/service-kit/open-servers'
import type { ComposedService, ServiceContext } from '@tidemark/service-kit/run-service'
import { openObjects } from '@tidemark/service-kit/s3-server'
import { openSchemas } from '@tidemark/service-kit/schema-registry'
import type { ArchiverSettings } from './config.ts'

export async function composeArchiver({ common, kafka, s3, cassandra, engine, schemaRegistry }: ArchiverSettings, context: ServiceContext): Promise<ComposedService> {
  const { service, definitions, clock, onAlarm } = context
  await using opened = new AsyncDisposableStack()
  const format = opened.use(await openFormat(engine, opened.use(await openWorkFolder(common))))
  const { log, objects, schemas, stores: { registers } } = opened.use(await openServers({
    log: () => openLog(kafka, `${service} ${common.member}`),
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
  const owned = opened.move()
  return { loops: parts.flatMap(({ loops }) => loops), isReady: { sources: sources.map(({ source }) => source.name) }, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}
