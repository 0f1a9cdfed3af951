// The serving layer: answers over HTTP, from batch and speed views merged at the pointer's cut; and, where it is told to, a way to send events.

import { listen } from '@tidemark/machine/http-listener'
import { ensureTopics, eventSourcesOf } from '@tidemark/pipelines/lambda/event-sources'
import { createFeatureServer } from '@tidemark/pipelines/serve/answer-features'
import type { FeatureCatalog } from '@tidemark/pipelines/serve/feature-catalog'
import { LiveCatalog } from '@tidemark/pipelines/serve/live-catalog'
import { openCassandraStores } from '@tidemark/service-kit/cassandra-server'
import { followDefinitions } from '@tidemark/service-kit/follow-definitions'
import { openLog, type KafkaSettings } from '@tidemark/service-kit/kafka-server'
import { openServers } from '@tidemark/service-kit/open-servers'
import { createBatchCache, openSpeedViews } from '@tidemark/service-kit/redis-servers'
import type { ComposedService, ServiceContext } from '@tidemark/service-kit/run-service'
import { addEventRoutes, openApiDocumentWithEvents } from '@tidemark/serving-http/event-routes'
import { createServingApp, type ServingAppOptions } from '@tidemark/serving-http/serving-app'
import { observeServing, tellWholeViews, type ServingMetrics } from '@tidemark/serving-http/serving-metrics'
import { tellErrors } from './access-log.ts'
import type { ServingLayerSettings } from './config.ts'
import { openAccess } from './open-access.ts'

/** Of clients that keep connections, those that ask at least so often are told, and lose no request. */
const TELL_MAX_MS = 2_000

const NOTHING: FeatureCatalog = { plans: [], services: [] }

export async function composeServingLayer({ common, cassandra, redisState, redisCache, http, kafka }: ServingLayerSettings, context: ServiceContext): Promise<ComposedService> {
  const { clock } = context
  await using opened = new AsyncDisposableStack()
  const { speedViews, stores: { registers, batchViews } } = opened.use(await openServers({
    stores: () => openCassandraStores(cassandra, context),
    speedViews: () => openSpeedViews(redisState, context),
  }, context))
  // Without its servers it still answers, and says what is missing.
  context.readiness.answersWithout = true
  const { figures, onAnswered, onAppended } = observeServing(context.metrics)
  const events = kafka === null ? null : await openEvents(kafka, `${context.service} ${common.member}`, { context, opened, onAppended })
  const live = new LiveCatalog({ registers, speedViews, clock })
  tellWholeViews(context.metrics, () => live.catalog)
  const followed = await followDefinitions(registers, common, async (taken) => {
    await events?.take(taken.catalog)
    return live.take(taken)
  }, context)
  const batchCache = redisCache === null ? undefined : opened.use(createBatchCache(redisCache, context))
  const { access, loops } = opened.use(await openAccess(http, registers, context))
  const app = createServingApp({
    access,
    server: createFeatureServer({ catalog: () => live.catalog, registers, batchViews, batchCache, speedViews, clock, figures, onAlarm: context.onAlarm, onLeftOut: (name, problem) => context.calls.told(name, problem) }),
    onAnswered,
    tracer: context.tracer,
    catalog: () => live.catalog,
    onError: tellErrors(context),
    ...events?.routes,
  })
  const { url } = opened.use(await listen(app, { ...http, isEnding: () => context.readiness.isDraining, tellMaxMs: TELL_MAX_MS }))
  const owned = opened.move()
  return { loops: [untilAborted, ...followed.loops, ...loops], isReady: { url, revision: followed.revision }, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

interface EventsOverHttp {
  readonly routes: Pick<ServingAppOptions, 'openApi' | 'extend'>
  /** Makes the topics that are missing, before events are taken. */
  take(catalog: FeatureCatalog): Promise<void>
}

interface EventParts extends Pick<ServingMetrics, 'onAppended'> {
  readonly context: ServiceContext
  readonly opened: AsyncDisposableStack
}

/** Events come as JSON: of sources whose log has another format, none are taken. */
async function openEvents(kafka: KafkaSettings, clientId: string, { context, opened, onAppended }: EventParts): Promise<EventsOverHttp> {
  const { log } = opened.use(await openServers({ log: () => openLog(kafka, clientId, context) }, context))
  let [last, taken] = [NOTHING, NOTHING]
  return {
    routes: { openApi: openApiDocumentWithEvents, extend: (express, fail) => addEventRoutes(express, fail, { log, catalog: () => taken, onAppended, tracer: context.tracer }) },
    async take(catalog) {
      if (catalog === last) return
      const plans = catalog.plans.filter(({ source: { format = 'json' } }) => format === 'json')
      for (const { source } of eventSourcesOf(plans)) await ensureTopics(log, source, kafka.partitionCount)
      taken = { ...catalog, plans }
      last = catalog
    },
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true })))
}
