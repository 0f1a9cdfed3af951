// A system of services in a namespace of its own on real servers: a producer, whoever asks over HTTP, and a judge who knows the log and nothing of the
// pipelines' reading. Every answer is held against the oracle: at the cut and the fences that it says, or, at rest, with every event.

import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { dropKeyspace } from '@tidemark/adapter-cassandra/testing/drop-keyspace'
import { openKafkaEventLog } from '@tidemark/adapter-kafka/kafka-event-log'
import { planView, type ViewPlan } from '@tidemark/aggregation/view-plan'
import { disagreements } from '@tidemark/aggregation/testing/agreement'
import { oracleValues, type OracleEvent, type OracleQuestion } from '@tidemark/aggregation/testing/oracle'
import { collectDefinitions } from '@tidemark/feature-schema/collect-definitions'
import type { Definitions, SourceDefinition } from '@tidemark/feature-schema/definition'
import type { AppliedDefinitions } from '@tidemark/pipelines/definitions/applied-register'
import { compileJsonDecoder } from '@tidemark/pipelines/log/log-decoder'
import type { EntityExplanation } from '@tidemark/pipelines/serve/explain'
import type { EventLog } from '@tidemark/ports/event-log'
import { applyToServers } from '@tidemark/service-kit/testing/apply-to-servers'
import { environmentOf, type Addresses } from '@tidemark/servers/addresses'
import { DEFAULT_NAMES } from '@tidemark/servers/names'
import { mainOf, ServiceProcess, type LayerName, type LogLine, type ServiceOptions } from '@tidemark/servers/service-process'
import { cards, nextCards, payments, shops } from './payments.ts'

export const PARTITION_COUNT = 3
const CARDS = 6
const SHOPS = 3
const RECORDS_PER_APPEND_MAX = 5
const ENTITIES_PER_APPEND = 5_000
const STREAM_PAUSE_MS = 40
const FETCH = { countMax: 10_000, sizeMaxBytes: 8 * 2 ** 20, waitMaxMs: 0 }
/** Of who names none, and what is allowed on top of it for HTTP on a busy machine. */
const DEADLINE_DEFAULT_MS = 1_000
const ON_THE_WAY_MAX_MS = 500
/** Of an answer, and of everything that is waited for, on a busy machine. */
const DEADLINE_MS = 10_000
export const PATIENCE_MS = 120_000
const LOOK_AGAIN_MS = 100
/** So that who takes over from a killed one need not wait for a minute. */
const JOB_LEASE_MS = 3_000
const DEFINITIONS_EVERY_MS = 500

export const PAYMENTS: Definitions = collectDefinitions([payments, cards, shops])
/** With the next version of a view. */
export const NEXT_PAYMENTS: Definitions = collectDefinitions([payments, nextCards, shops])

/** Of an answer whose values are no claim about all events up to its fences. */
const HONEST: ReadonlySet<string> = new Set(['BATCH_UNAVAILABLE', 'SPEED_UNAVAILABLE', 'DEADLINE'])

/** What is read of an answer. */
export interface Answer {
  readonly t: number
  readonly entities: readonly { readonly values: readonly unknown[]; readonly statuses: readonly string[]; readonly explanation: readonly EntityExplanation[] }[]
  readonly views: readonly { readonly version: number; readonly generation: number | null; readonly cut: number | null; readonly lagMs: number | null }[]
  readonly degraded: readonly { readonly code: string; readonly message: string }[]
}

/** `folder`: where it may write. */
type RunOf = (layer: LayerName, folder: string) => Pick<ServiceOptions, 'main' | 'node'>

/** An answer is not what the oracle says. */
export class WrongAnswer extends Error {
  override readonly name = 'WrongAnswer'
}

/** A view, and those of its entities that a question is about. */
export interface AskedView {
  readonly plan: ViewPlan
  readonly key: string
  readonly entities: readonly string[]
}

const ENTITIES: Readonly<Record<string, readonly string[]>> = {
  card: Array.from({ length: CARDS }, (_, i) => `card-${i}`),
  shop: Array.from({ length: SHOPS }, (_, i) => `shop-${i}`),
}

export interface WorldOptions {
  /** null: none are applied yet. */
  readonly definitions?: Definitions | null
  /** What is asked for; views of cards or shops, of one source of the fields of `payments`. */
  readonly asked?: Definitions
  /** Cards and shops that events are of, for each that is asked about. */
  readonly spread?: number
  /** What is run as each layer, where that is not its sources. */
  readonly runOf?: RunOf
}

export class ServiceWorld implements AsyncDisposable {
  readonly namespace = `t${randomUUID().replaceAll('-', '')}`
  /** What a service is told of this system. */
  readonly environment: Readonly<Record<string, string>>
  readonly log: EventLog
  /** Of this machine. */
  readonly folder: string
  private readonly addresses: Addresses
  private readonly chance: () => number
  private readonly started: ServiceProcess[] = []
  private readonly events: OracleEvent[] = []
  private readonly read = Array.from({ length: PARTITION_COUNT }, () => ({ next: 0, epoch: -Infinity }))
  /** What questions are about. */
  readonly views: readonly AskedView[]
  private readonly source: SourceDefinition
  private readonly decode: ReturnType<typeof compileJsonDecoder>
  private reading: Promise<unknown> = Promise.resolve()
  /** Acknowledged. */
  private readonly acknowledged = new Set<number>()
  private nextId = 0

  private readonly runOf: RunOf
  private readonly spread: number

  private constructor(addresses: Addresses, chance: () => number, folder: string, { asked, spread, runOf }: Required<Omit<WorldOptions, 'definitions'>>) {
    this.runOf = runOf
    this.spread = spread
    this.source = asked.sources[0]!
    this.decode = compileJsonDecoder(this.source)
    this.views = asked.views.map((view) => {
      const { key, column } = view.entity[0]!
      return { plan: planView(view, this.source), key, entities: ENTITIES[column]! }
    })
    this.addresses = addresses
    this.chance = chance
    this.folder = folder
    this.environment = {
      ...environmentOf(addresses, DEFAULT_NAMES),
      TIDEMARK_NAMESPACE: this.namespace,
      TIDEMARK_DEFINITIONS_EVERY_MS: `${DEFINITIONS_EVERY_MS}`,
      TIDEMARK_WORK_FOLDER: folder,
      TIDEMARK_KAFKA_PARTITIONS: `${PARTITION_COUNT}`,
      TIDEMARK_ADMIN_PORT: '0',
      TIDEMARK_HTTP_PORT: '0',
      TIDEMARK_BATCH_EMPTY_ALLOWED: 'true',
      TIDEMARK_BATCH_JOB_LEASE_MS: `${JOB_LEASE_MS}`,
      TIDEMARK_ENGINE_MEMORY_MAX_BYTES: `${256 * 2 ** 20}`,
    }
    this.log = openKafkaEventLog({ brokers: addresses.kafka.brokers, clientId: 'tidemark-tests', namePrefix: `${this.namespace}.` })
  }

  /** Its definitions are applied. */
  static async open(addresses: Addresses, chance: () => number, { definitions = PAYMENTS, asked = PAYMENTS, spread = 1, runOf = (layer) => ({ main: mainOf(layer) }) }: WorldOptions = {}): Promise<ServiceWorld> {
    const world = new ServiceWorld(addresses, chance, await mkdtemp(join(tmpdir(), 'tidemark-services-')), { asked, spread, runOf })
    if (definitions !== null) await world.apply(definitions)
    return world
  }

  apply(definitions: Definitions, retire?: readonly string[]): Promise<AppliedDefinitions> {
    return applyToServers(this.environment, definitions, retire)
  }

  /** One more of a layer; under its name it takes its place again after it was killed. */
  async start(layer: LayerName, { name = layer, ...environment }: { readonly name?: string; readonly [variable: string]: string } = {}, run = this.runOf(layer, this.folder)): Promise<ServiceProcess> {
    const service = await ServiceProcess.start({ name, ...run, env: { ...this.environment, TIDEMARK_MEMBER: name, ...environment } })
    this.started.push(service)
    return service
  }

  /** Resolves once all are ready. */
  async startReady(...layers: readonly LayerName[]): Promise<ServiceProcess[]> {
    const services = await Promise.all(layers.map((layer) => this.start(layer)))
    for (const service of services) await service.untilReady()
    return services
  }

  // ---- The producer ----------------------------------------------------------------------------------------------------------

  /** Some payments of now, to a partition at random. */
  async append(count = 1 + this.below(RECORDS_PER_APPEND_MAX)): Promise<void> {
    const ids = Array.from({ length: count }, () => this.nextId++)
    const records = ids.map((id) => {
      const at = Date.now() - this.below(60_000)
      return { key: null, value: Buffer.from(JSON.stringify({ at, id, card: `card-${this.below(CARDS * this.spread)}`, shop: `shop-${this.below(SHOPS * this.spread)}`, amount: 1 + this.below(1_000) })) }
    })
    await this.log.append([{ topic: 'payments', partition: this.below(PARTITION_COUNT), records }])
    for (const id of ids) this.acknowledged.add(id)
  }

  /** A payment of each of so many other cards, which no question is about. */
  async appendEntities(count: number): Promise<void> {
    for (let from = 0; from < count; from += ENTITIES_PER_APPEND) {
      const records = Array.from({ length: Math.min(ENTITIES_PER_APPEND, count - from) }, (_, i) => ({ key: null, value: Buffer.from(JSON.stringify({ at: Date.now(), id: this.nextId++, card: `other-${from + i}`, shop: 'shop-0', amount: 1 })) }))
      await this.log.append([{ topic: 'payments', partition: this.below(PARTITION_COUNT), records }])
    }
  }

  /** Appends at a steady rate meanwhile; what a log that is away does not take is left. */
  async whileStreaming(work: () => Promise<void>): Promise<void> {
    const ending = new AbortController()
    const stream = async (): Promise<void> => {
      while (!ending.signal.aborted) {
        await this.append().catch((error: unknown) => {
          if ((error as { code?: unknown }).code !== 'STORE_UNAVAILABLE') throw error
        })
        await sleep(STREAM_PAUSE_MS, undefined, { signal: ending.signal }).catch(() => undefined)
      }
    }
    await Promise.all([stream(), work().finally(() => ending.abort())])
  }

  private below(bound: number): number {
    return Math.floor(this.chance() * bound)
  }

  // ---- The judge -------------------------------------------------------------------------------------------------------------

  /** Asks, and throws WrongAnswer where something is wrong at the answer's own cut and fences; another error where there is no answer. */
  async judge(url: string): Promise<void> {
    for (const asked of this.views) {
      const answer = await ask(url, asked)
      if (answer.degraded.some(({ code }) => HONEST.has(code))) continue
      if (answer.degraded.some(({ code }) => code === 'BACKFILLING')) {
        if (answer.entities.some(({ statuses }) => statuses.some((status) => status !== 'UNAVAILABLE'))) throw new WrongAnswer(`A version that is not whole has values: ${JSON.stringify(answer.entities)}`)
        continue
      }
      await this.judgeAnswer(asked, answer)
    }
  }

  /** Throws WrongAnswer where it is not what the log says at its own cut and fences. */
  async judgeAnswer(asked: AskedView, answer: Answer): Promise<void> {
    const { generation, cut } = answer.views[0]!
    const known = await this.readLog()
    for (const [i, entity] of asked.entities.entries()) {
      const fences = new Map(answer.entities[i]!.explanation[0]!.fences.map(({ partition, nextOffset }) => [partition, nextOffset ?? 0]))
      const has = ({ epoch, partition, offset }: OracleEvent): boolean => epoch <= (cut ?? -Infinity) || offset < (fences.get(partition) ?? 0)
      const wrong = differences(asked, answer, i, known, has)
      if (wrong !== null) throw new WrongAnswer(`${entity} at generation ${generation}, cut ${cut}, fences ${JSON.stringify([...fences])}: ${wrong}`)
    }
  }

  /**
   * Asks for a view as whoever names no deadline, while nothing is appended: whether the answer has every event, or is of its generation alone, either as the
   * oracle says (else WrongAnswer); or lacks values, or is late.
   */
  async judgeAtRest(url: string): Promise<'whole' | 'generation' | 'nothing'> {
    const asked = this.views[0]!
    const fromMs = performance.now()
    const answer = await ask(url, asked, {})
    const isLate = performance.now() - fromMs > DEADLINE_DEFAULT_MS + ON_THE_WAY_MAX_MS
    const codes = answer.degraded.map(({ code }) => code)
    if (isLate || codes.includes('DEADLINE') || codes.includes('BATCH_UNAVAILABLE')) return 'nothing'
    const kind = codes.includes('SPEED_UNAVAILABLE') ? 'generation' : 'whole'
    const { cut } = answer.views[0]!
    const known = await this.readLog()
    for (const [i, entity] of asked.entities.entries()) {
      const wrong = differences(asked, answer, i, known, ({ epoch }) => kind === 'whole' || (cut !== null && epoch <= cut))
      if (wrong !== null) throw new WrongAnswer(`${entity} at cut ${cut}, ${kind}: ${wrong}`)
    }
    return kind
  }

  /** Waits until both views are answered with every event, nothing degraded, and of a generation that has one. Throws what is wrong for too long. */
  async untilWhole(url: string, generationMin = 1): Promise<void> {
    for (const asked of this.views) {
      await until(`a whole answer of ${asked.plan.view.name}`, async () => {
        const answer = await ask(url, asked)
        const known = await this.readLog()
        const { generation } = answer.views[0]!
        if (generation === null || generation < generationMin) return `generation ${generation}`
        if (answer.degraded.length > 0) return JSON.stringify(answer.degraded)
        return asked.entities.map((_, i) => differences(asked, answer, i, known, () => true)).find((wrong) => wrong !== null) ?? null
      })
    }
    const inLog = new Set(this.events.map(({ fields }) => Number(fields[1])))
    const lost = [...this.acknowledged].filter((id) => !inLog.has(id))
    if (lost.length > 0) throw new Error(`The log has lost ${lost.length} records that it acknowledged.`)
  }

  /** Of the first view, once its pointer can be read. */
  async generation(url: string): Promise<number> {
    for (;;) {
      const { generation } = (await ask(url, this.views[0]!)).views[0]!
      if (generation !== null) return generation
      await sleep(LOOK_AGAIN_MS)
    }
  }

  /** Of the first view, by its name alone. */
  async version(url: string): Promise<number> {
    return (await ask(url, this.views[0]!)).views[0]!.version
  }

  get recordCount(): number {
    return this.events.length
  }

  /** Every record that the log has by now; who asks at once waits for who asked before. */
  private readLog(): Promise<readonly OracleEvent[]> {
    const read = this.reading.then(() => this.readOn())
    this.reading = read.catch(() => undefined)
    return read
  }

  /** Epochs are worked out of append times alone: brokers and archivers have one clock here. */
  private async readOn(): Promise<readonly OracleEvent[]> {
    const { epochLengthMs } = this.source
    for (const [partition, read] of this.read.entries()) {
      const { end } = await this.log.extent('payments', partition)
      while (read.next < end) {
        const { records, next } = await this.log.fetch('payments', partition, read.next, FETCH)
        for (const record of records) {
          const { offset, appendTimeMs } = record
          const { row, eventTimeMs } = this.decode(record)
          read.epoch = Math.max(read.epoch, Math.floor(appendTimeMs / epochLengthMs))
          this.events.push({ fields: row!, eventTimeMs, appendTimeMs, partition, offset, epoch: read.epoch })
        }
        read.next = next
      }
    }
    return this.events
  }

  /** What services said that asks for somebody. */
  complaints(): string[] {
    const isComplaint = ({ level }: LogLine): boolean => level === undefined || level === 'error' || level === 'fatal'
    return this.started.flatMap(({ name, lines }) => lines.filter(isComplaint).map((line) => `${name}: ${JSON.stringify(line)}`))
  }

  /** Every service is gone then, and what is kept on this machine. */
  async endServices(): Promise<void> {
    await Promise.all(this.started.map((service) => service.kill().catch(() => undefined)))
    await this.log[Symbol.asyncDispose]()
    await rm(this.folder, { recursive: true, force: true })
  }

  /** And what they kept in Cassandra. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.endServices()
    const { contactPoints, dataCenter, username, password } = this.addresses.cassandra
    await dropKeyspace({ contactPoints, dataCenter, keyspace: this.namespace, credentials: { username, password } })
  }
}

async function ask(url: string, { plan, key, entities }: AskedView, rest: object = { explain: true, deadlineMs: DEADLINE_MS }): Promise<Answer> {
  const body = JSON.stringify({ features: plan.features.map(({ name }) => `${plan.view.name}:${name}`), entities: entities.map((entity) => ({ [key]: entity })), ...rest })
  const response = await fetch(`${url}/v1/features`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  const text = await response.text()
  if (response.status !== 200) throw new Error(text)
  return JSON.parse(text) as Answer
}

function differences({ plan, entities }: AskedView, { t, entities: answered }: Answer, i: number, known: readonly OracleEvent[], has: OracleQuestion['has']): string | null {
  const { statuses, values } = answered[i]!
  // The oracle would find out of each event anew whose it is.
  const column = plan.source.fields.findIndex(({ name }) => name === plan.view.entity[0]!.column)
  const events = known.filter(({ fields }) => fields[column] === entities[i])
  const given = statuses.map((status, feature) => ({ status, value: values[feature] }))
  return disagreements(oracleValues(plan.view, plan.source, events, { entity: [entities[i]!], atMs: t, has }), given)
}

/** Waits until `look` finds nothing amiss. What it throws is amiss too; a wrong answer is thrown at once. */
export async function until(what: string, look: () => Promise<string | null>, patienceMs = PATIENCE_MS): Promise<void> {
  const deadline = AbortSignal.timeout(patienceMs)
  for (;;) {
    const wrong = await look().catch((error: unknown) => {
      if (error instanceof WrongAnswer) throw error
      return String(error)
    })
    if (wrong === null) return
    if (deadline.aborted) throw new Error(`${what} is not there after ${patienceMs} ms: ${wrong}`)
    await sleep(LOOK_AGAIN_MS)
  }
}
