// The batch layer: generations of the views of each source of events, from the archive. Several may run at once: they share the jobs.

import { BatchMetrics } from '@tidemark/pipelines/batch/batch-metrics'
import { createClosedGates } from '@tidemark/pipelines/batch/closed-gates'
import type { DueEvent } from '@tidemark/pipelines/batch/run-due'
import { BatchPart } from '@tidemark/pipelines/lambda/batch-part'
import { eventSourcesOf, type EventSource } from '@tidemark/pipelines/lambda/event-sources'
import { SourceParts, type SourcePart } from '@tidemark/pipelines/lambda/source-parts'
import { openCassandraStores } from '@tidemark/service-kit/cassandra-server'
import { openEngine, openFormat, openWorkFolder } from '@tidemark/service-kit/engine'
import { followDefinitions } from '@tidemark/service-kit/follow-definitions'
import { openJobs } from '@tidemark/service-kit/jobs-server'
import { openServers } from '@tidemark/service-kit/open-servers'
import type { ComposedService, ServiceContext } from '@tidemark/service-kit/run-service'
import { openObjects } from '@tidemark/service-kit/s3-server'
import { openSchemas } from '@tidemark/service-kit/schema-registry'
import type { ServiceLog } from '@tidemark/service-kit/service-log'
import type { BatchLayerSettings } from './config.ts'

export async function composeBatchLayer({ common, s3, cassandra, redisJobs, engine: limits, batch, schemaRegistry }: BatchLayerSettings, context: ServiceContext): Promise<ComposedService> {
  const { clock, onAlarm } = context
  await using opened = new AsyncDisposableStack()
  const work = opened.use(await openWorkFolder(common))
  const engine = opened.use(await openEngine(limits, work))
  const format = opened.use(await openFormat(limits, work))
  const { jobs, objects, schemas, stores: { registers, batchViews } } = opened.use(await openServers({
    objects: () => openObjects(s3, common, context),
    schemas: () => openSchemas(schemaRegistry, context),
    stores: () => openCassandraStores(cassandra, context),
    jobs: () => openJobs(redisJobs, context),
  }, context))
  const ports = { registers, objects, format, schemas, engine, batchViews, jobs, clock }
  const observer = new BatchMetrics(context.metrics, clock)
  const isClosedAgain = createClosedGates()
  const onBatch = (event: DueEvent): void => {
    observer.count(event)
    logBatch(context.log, event, isClosedAgain(event))
  }
  const begin = ({ plans }: EventSource): Promise<SourcePart> => {
    const part = new BatchPart({ plans, ports, batch: batch.run, batchEveryMs: batch.everyMs, jobLeaseMs: batch.jobLeaseMs, observer, tracer: context.tracer, onBatch })
    return Promise.resolve({ loops: part.loops, setViews: (views) => part.setViews(views), [Symbol.asyncDispose]: () => Promise.resolve() })
  }
  const parts = opened.use(new SourceParts({ begin, clock, onAlarm }))
  const followed = await followDefinitions(registers, common, async ({ catalog: { plans } }) => {
    await parts.take(eventSourcesOf(plans))
    observer.keep(plans)
    return 'done'
  }, context)
  const owned = opened.move()
  return { loops: [...followed.loops, parts.loop], isReady: { sources: parts.sources, revision: followed.revision }, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

function logBatch(log: ServiceLog, event: DueEvent, isClosedAgain: boolean): void {
  const { view } = event
  switch (event.kind) {
    case 'done': {
      const { kind, pointer: { n } } = event.result
      // Where views fell behind, the newest job makes what those before it were for.
      return log[kind === 'nothing-due' ? 'debug' : 'info']({ view, generation: n, result: kind }, 'batch run done')
    }
    case 'failed': {
      // One that is tried again asks for nobody yet.
      const level = isClosedAgain ? 'debug' : event.retryAtMs === null ? 'error' : 'warn'
      for (const { code, where, message, action } of event.error.problems) log[level]({ view, code, where, action, retryAtMs: event.retryAtMs }, message)
      return
    }
    case 'lost':
      return log.debug({ view }, 'another worker has the job')
    case 'waiting':
      return log.info({ view, untilMs: event.untilMs }, 'batch run waits until no reader may have a voided generation pinned')
  }
}
