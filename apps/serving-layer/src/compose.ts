// The serving layer: answers over HTTP, from batch and speed views merged at the pointer's cut; and, where it is told to, a way to send events.

import { registerDefinitions } from '@tidemark/pipelines/definitions/definition-registry'
import { ensureTopics, eventSourcesOf } from '@tidemark/pipelines/lambda/event-sources'
import { createFeatureServer } from '@tidemark/pipelines/serve/answer-features'
import { catalogOf, type FeatureCatalog } from '@tidemark/pipelines/serve/feature-catalog'
import { openCassandraStores } from '@tidemark/service-kit/cassandra-server'
import { openLog, type KafkaSettings } from '@tidemark/service-kit/kafka-server'
import { openServers, untilAnswered } from '@tidemark/service-kit/open-servers'
import { createBatchCache, openSpeedViews } from '@tidemark/service-kit/redis-servers'
import type { ComposedService, ServiceContext } from '@tidemark/service-kit/run-service'
import { logFailure } from '@tidemark/service-kit/service-log'
import { addEventRoutes, openApiDocumentWithEvents } from '@tidemark/serving-http/event-routes'
import { listen } from '@tidemark/machine/http-listener'
import { createServingApp, type ServingAppOptions } from '@tidemark/serving-http/serving-app'
import type { ServingLayerSettings } from './config.ts'

export async function composeServingLayer({ common, cassandra, redisState, redisCache, http, kafka }: ServingLayerSettings, context: ServiceContext): Promise<ComposedService> {
  const { definitions, clock } = context
  const catalog = catalogOf(definitions)
  await using opened = new AsyncDisposableStack()
  const { speedViews, stores: { registers, batchViews } } = opened.use(await openServers({
    stores: () => openCassandraStores(cassandra, context),
    speedViews: () => openSpeedViews(redisState, context),
  }, context))
  await untilAnswered('registers', () => registerDefinitions(registers, definitions), context)
  const batchCache = redisCache === null ? undefined : opened.use(createBatchCache(redisCache, context))
  const app = createServingApp({
    server: createFeatureServer({ catalog: () => catalog, registers, batchViews, batchCache, speedViews, clock, onAlarm: context.onAlarm }),
    catalog: () => catalog,
    onError: (error) => logFailure(context.log, 'error', error),
    ...(kafka !== null && await eventRoutes(kafka, catalog, `${context.service} ${common.member}`, context, opened)),
  })
  const { url } = opened.use(await listen(app, http))
  const owned = opened.move()
  return { loops: [untilAborted], isReady: { url }, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

/** Events come as JSON: of sources whose log has another format, none are taken. */
async function eventRoutes(kafka: KafkaSettings, catalog: FeatureCatalog, clientId: string, context: ServiceContext, opened: AsyncDisposableStack): Promise<Pick<ServingAppOptions, 'openApi' | 'extend'>> {
  const taken = { ...catalog, plans: catalog.plans.filter(({ source: { format = 'json' } }) => format === 'json') }
  const { log } = opened.use(await openServers({ log: () => openLog(kafka, clientId) }, context))
  await untilAnswered('log', async () => {
    for (const { source } of eventSourcesOf(taken.plans)) await ensureTopics(log, source, kafka.partitionCount)
  }, context)
  return { openApi: openApiDocumentWithEvents, extend: (express, fail) => addEventRoutes(express, fail, { log, catalog: () => taken }) }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true })))
}
