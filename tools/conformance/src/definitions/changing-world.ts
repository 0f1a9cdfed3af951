// The layers in memory, each with a feed of its own that takes definitions up when its turn comes, and killed at any step: two who serve, a speed layer and a
// batch layer of two members each, and an archiver. Whoever asks knows the log.

import { createMemoryBatchEngine } from '@tidemark/adapter-memory/memory-batch-engine'
import { createMemoryBatchViewStore } from '@tidemark/adapter-memory/memory-batch-view-store'
import { createMemoryConsumerGroups } from '@tidemark/adapter-memory/memory-consumer-groups'
import { MemoryEventLog } from '@tidemark/adapter-memory/memory-event-log'
import { createMemoryJobQueue } from '@tidemark/adapter-memory/memory-job-queue'
import { createMemoryObjectStore } from '@tidemark/adapter-memory/memory-object-store'
import { createMemoryRegisterStore } from '@tidemark/adapter-memory/memory-register-store'
import { MemorySpeedViewStore } from '@tidemark/adapter-memory/memory-speed-view-store'
import { createPlainArchiveFormat } from '@tidemark/adapter-memory/plain-archive-format'
import { disagreements } from '@tidemark/aggregation/testing/agreement'
import { oracleValues, type OracleEvent } from '@tidemark/aggregation/testing/oracle'
import { planView } from '@tidemark/aggregation/view-plan'
import { count, sum } from '@tidemark/feature-schema/aggregations'
import { collectDefinitions } from '@tidemark/feature-schema/collect-definitions'
import type { Definitions } from '@tidemark/feature-schema/definition'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import { eventSource, featureView, int64, string, timestamp } from '@tidemark/feature-schema/dsl'
import { commitApply, prepareApply } from '@tidemark/pipelines/definitions/apply-definitions'
import { DefinitionsFeed, type TakeDefinitions } from '@tidemark/pipelines/definitions/definitions-feed'
import { StartableViews } from '@tidemark/pipelines/ingest/startable-views'
import { ArchivePart } from '@tidemark/pipelines/lambda/archive-part'
import { BatchPart } from '@tidemark/pipelines/lambda/batch-part'
import { StreamPart } from '@tidemark/pipelines/lambda/stream-part'
import { createFeatureServer, type FeatureServer } from '@tidemark/pipelines/serve/answer-features'
import type { FeatureAnswer } from '@tidemark/pipelines/serve/feature-answer'
import type { FeatureRequest } from '@tidemark/pipelines/serve/feature-request'
import { LiveCatalog } from '@tidemark/pipelines/serve/live-catalog'
import { SERVE_RULES, type ServeRules } from '@tidemark/pipelines/serve/read-view'
import type { Revision } from '@tidemark/ports/revision'
import { createSteppedClock } from '@tidemark/ports/stepped-clock'

export const LAYERS = ['archiver', 'speed-1', 'speed-2', 'batch-1', 'batch-2', 'serving-1', 'serving-2'] as const
export type Layer = (typeof LAYERS)[number]

const START_MS = 1_700_000_000_000
const PARTITION_COUNT = 3
const EPOCH_MS = 10_000
/** Of the event loop, after which a step waits for time. */
const PATIENT_TURNS = 200
const CARDS = ['a', 'b', 'c']

const payments = eventSource('payments', { fields: { at: timestamp(), card: string(), amount: int64() }, eventTime: 'at', epochLength: '10s', skewMax: '1s' })
const first = featureView('cards', { source: payments, entity: { card: 'card' }, buckets: 2, features: { payments: count().over('lifetime') } })
const second = featureView('cards', { version: 2, source: payments, entity: { card: 'card' }, buckets: 2, features: { payments: count().over('lifetime'), spent: sum('amount').over('1h', 'lifetime') } })
const PLANS = [first, second].map(({ definition }) => planView(definition, payments.definition))

/** With one version of the view, and with the next. */
export const BEFORE: Definitions = collectDefinitions([payments, first])
export const AFTER: Definitions = collectDefinitions([payments, second])

/** What a layer is between two kills. */
interface Running {
  readonly feed: DefinitionsFeed | null
  step(): Promise<unknown>
}

export class ChangingWorld {
  readonly clock = createSteppedClock(START_MS)
  readonly events: OracleEvent[] = []
  /** When the second version was applied: what the log had by then it never lacks. */
  appliedAtMs = Infinity
  private revision = 0
  private readonly newRevision = (): Revision => ++this.revision as Revision
  private readonly log = new MemoryEventLog({ clock: this.clock })
  private readonly ports = {
    log: this.log, clock: this.clock, newRevision: this.newRevision, schemas: undefined,
    groups: createMemoryConsumerGroups({ log: this.log, clock: this.clock }),
    registers: createMemoryRegisterStore({ newRevision: this.newRevision }), objects: createMemoryObjectStore(), format: createPlainArchiveFormat(), engine: createMemoryBatchEngine(),
    speedViews: new MemorySpeedViewStore({ historyCountMax: 8 }), batchViews: createMemoryBatchViewStore(), jobs: createMemoryJobQueue({ clock: this.clock }),
  }
  private readonly running = new Map<Layer, Running>()
  private readonly servers = new Map<Layer, FeatureServer>()
  private readonly rules: ServeRules

  constructor(rules: ServeRules = SERVE_RULES) {
    this.rules = rules
  }

  async open(): Promise<void> {
    await this.log.ensureTopic('payments', PARTITION_COUNT)
    await this.log.ensureTopic('payments.dead-letters', 1)
    await this.apply(BEFORE)
    for (const layer of LAYERS) await this.begin(layer)
  }

  async apply(definitions: Definitions): Promise<void> {
    const request = { registers: this.ports.registers, definitions }
    await commitApply(request, await prepareApply(request), this.clock, 'the suite')
  }

  async applySecond(): Promise<void> {
    this.appliedAtMs = this.clock.nowMs()
    await this.apply(AFTER)
  }

  async append(partition: number, card: number, amount: number): Promise<void> {
    const nowMs = this.clock.nowMs()
    const fields = { at: nowMs, card: CARDS[card]!, amount }
    const [appended] = await this.log.append([{ topic: 'payments', partition, records: [{ key: null, value: Buffer.from(JSON.stringify(fields)) }] }])
    this.events.push({ fields: [nowMs, fields.card, amount], eventTimeMs: nowMs, appendTimeMs: nowMs, partition, offset: appended!.firstOffset, epoch: Math.floor(nowMs / EPOCH_MS) })
  }

  /** A layer looks for definitions. */
  async look(layer: Layer): Promise<void> {
    await this.running.get(layer)!.feed?.look()
  }

  async step(layer: Layer): Promise<void> {
    let isDone = false
    const work = this.running.get(layer)!.step().finally(() => void (isDone = true))
    for (let turn = 0; !isDone; turn++) {
      await new Promise((resolve) => setImmediate(resolve))
      if (turn > PATIENT_TURNS) this.clock.step(1_000)
    }
    await work
  }

  /** SIGKILL, and another in its place: all that it knew is gone. */
  async restart(layer: Layer): Promise<void> {
    await this.begin(layer)
  }

  /** null: every value of the second version is right, or said to be missing; else what is wrong. */
  async judge(layer: Layer): Promise<string | null> {
    for (const plan of PLANS.slice(0, this.appliedAtMs === Infinity ? 1 : 2)) {
      for (const name of plan.view.version === 1 ? ['cards', 'cards@1'] : ['cards@2']) {
        const wrong = await this.judgeNamed(layer, name)
        if (wrong !== null) return wrong
      }
    }
    return null
  }

  private async judgeNamed(layer: Layer, name: string): Promise<string | null> {
    const [view, version] = name.split('@')
    const asked = { view: view!, ...(version !== undefined && { version: Number(version) }) }
    const server = this.servers.get(layer)!
    const request = { entities: CARDS.map((card) => ({ card })), policy: 'degrade', deadlineMs: 60_000, explain: true } as const
    const probe = await this.probe(server, { ...request, asked: { features: [{ ...asked, feature: 'payments_lifetime' }] } })
    // It has not taken that version up.
    if (probe === null) return version === '2' ? null : `${name} is unknown`
    const plan = PLANS[probe.views[0]!.version - 1]!
    const answer = await server.answer({ ...request, asked: { features: plan.features.map(({ name: feature }) => ({ view: 'cards', version: plan.view.version, feature })) } })
    const { cut } = answer.views[0]!
    for (const [i, card] of CARDS.entries()) {
      const { values, explanation } = answer.entities[i]!
      if (values.every(({ reason }) => reason === 'backfilling')) {
        if (plan.view.version === 1 && this.appliedAtMs !== Infinity) return `${name} is not answered, though it was`
        continue
      }
      const fences = new Map(explanation![0]!.fences.map(({ partition, nextOffset }) => [partition, nextOffset ?? 0]))
      const has = ({ epoch, partition, offset }: OracleEvent): boolean => epoch <= (cut ?? -Infinity) || offset < (fences.get(partition) ?? 0)
      const lacking = this.events.filter((event) => plan.view.version === 2 && event.appendTimeMs <= this.appliedAtMs && event.fields[1] === card && !has(event))
      if (lacking.length > 0) return `${name} of ${card} lacks ${lacking.length} events of before it was applied, and says ${JSON.stringify(values)}`
      const wrong = disagreements(oracleValues(plan.view, plan.source, this.events, { entity: [card], atMs: answer.t, has }), values)
      if (wrong !== null) return `${name} of ${card} at cut ${cut}: ${wrong}`
    }
    return null
  }

  /** null: there is no such version there. */
  private async probe(server: FeatureServer, request: FeatureRequest): Promise<FeatureAnswer | null> {
    try {
      return await server.answer(request)
    } catch (error) {
      if (error instanceof TidemarkError && error.code === 'UNKNOWN_NAME') return null
      throw error
    }
  }

  /** Of a name without a version; null: it is not answered. */
  async versionServed(layer: Layer): Promise<number | null> {
    const answer = await this.servers.get(layer)!.answer({ asked: { features: [{ view: 'cards', feature: 'payments_lifetime' }] }, entities: [{ card: 'a' }], policy: 'degrade', deadlineMs: 60_000, explain: false })
    return answer.degraded.some(({ code }) => code === 'BACKFILLING') ? null : answer.views[0]!.version
  }

  // ---- The layers ------------------------------------------------------------------------------------------------------------

  private async begin(layer: Layer): Promise<void> {
    const { ports, clock } = this
    const onAlarm = (): void => undefined
    const source = payments.definition
    const feedOf = async (take: TakeDefinitions): Promise<DefinitionsFeed> => {
      const feed = new DefinitionsFeed({ registers: ports.registers, clock, everyMs: 1, onAlarm, take })
      await feed.begin()
      return feed
    }
    if (layer === 'archiver') {
      const part = new ArchivePart({ source, ports, onAlarm })
      this.running.set(layer, { feed: null, step: () => part.archiver.step() })
    } else if (layer.startsWith('speed')) {
      const startable = new StartableViews(ports.registers)
      const part = await StreamPart.start({ source, plans: [], ports, member: layer, onAlarm, ingestLimits: { pollWaitMaxMs: 0 } })
      const feed = await feedOf(async ({ catalog: { plans } }) => {
        const started = await startable.of(plans)
        part.setViews(started)
        return started.length === plans.length ? 'done' : 'again'
      })
      this.running.set(layer, { feed, step: () => part.step() })
    } else if (layer.startsWith('batch')) {
      const part = new BatchPart({ plans: [], ports, batch: { gate: { isEmptyAllowed: true, nullShareRiseMax: 1, rejectedShareMax: 1 } } })
      const feed = await feedOf(async ({ catalog: { plans } }) => {
        part.setViews(plans)
        return 'done'
      })
      this.running.set(layer, { feed, step: () => part.runDue() })
    } else {
      const live = new LiveCatalog({ registers: ports.registers, speedViews: ports.speedViews, clock })
      const { registers, batchViews, speedViews } = ports
      this.servers.set(layer, createFeatureServer({ catalog: () => live.catalog, registers, batchViews, speedViews, clock, rules: this.rules, sliceMaxMs: Infinity }))
      this.running.set(layer, { feed: await feedOf(live.take), step: () => Promise.resolve() })
    }
  }
}
