// A whole system in memory whose sources have the same events in JSON, Avro and Protobuf, and a schema registry that a suite can take away.

import { createMemoryBatchEngine } from '@tidemark/adapter-memory/memory-batch-engine'
import { createMemoryBatchViewStore } from '@tidemark/adapter-memory/memory-batch-view-store'
import { createMemoryConsumerGroups } from '@tidemark/adapter-memory/memory-consumer-groups'
import { MemoryEventLog } from '@tidemark/adapter-memory/memory-event-log'
import { createMemoryJobQueue } from '@tidemark/adapter-memory/memory-job-queue'
import { createMemoryObjectStore } from '@tidemark/adapter-memory/memory-object-store'
import { createMemoryRegisterStore } from '@tidemark/adapter-memory/memory-register-store'
import { MemorySpeedViewStore } from '@tidemark/adapter-memory/memory-speed-view-store'
import { createPlainArchiveFormat } from '@tidemark/adapter-memory/plain-archive-format'
import { openSchemaRegistry } from '@tidemark/adapter-schema-registry/http-schema-registry'
import { registeredFormats as formats } from '@tidemark/adapter-schema-registry/registered-formats'
import { avroWriter, recordSchema } from '@tidemark/adapter-schema-registry/testing/avro-writer'
import { protobufWriter } from '@tidemark/adapter-schema-registry/testing/protobuf-writer'
import { RecordedRegistry } from '@tidemark/adapter-schema-registry/testing/recorded-registry'
import { count, last, sum } from '@tidemark/feature-schema/aggregations'
import { collectDefinitions } from '@tidemark/feature-schema/collect-definitions'
import type { RecordFormat } from '@tidemark/feature-schema/definition'
import { eventSource, featureView, int64, string, timestamp } from '@tidemark/feature-schema/dsl'
import type { Alarm } from '@tidemark/pipelines/alarm'
import { listDeadLetters } from '@tidemark/pipelines/ingest/dead-letters'
import type { LambdaPorts } from '@tidemark/pipelines/lambda/lambda-ports'
import { LambdaSystem } from '@tidemark/pipelines/lambda/lambda-system'
import type { Revision } from '@tidemark/ports/revision'
import { createSteppedClock, type SteppedClock } from '@tidemark/ports/stepped-clock'

export const START_MS = 1_700_000_000_000
export const FORMATS = ['json', 'avro', 'protobuf'] as const satisfies readonly RecordFormat[]
const EPOCH_LENGTH = '10s'
export const EPOCH_MS = 10_000

export interface Payment {
  readonly at: number
  readonly card: string
  readonly cents: number | null
}

const views = FORMATS.map((format) => featureView(`of_${format}`, {
  source: eventSource(`payments_${format}`, { fields: { at: timestamp(), card: string(), cents: int64().between(0, 1_000_000).nullable() }, eventTime: 'at', format, epochLength: EPOCH_LENGTH, skewMax: '1s' }),
  entity: { card: 'card' },
  features: { payments: count().over('lifetime'), spent: sum('cents').over('1h', 'lifetime'), latest: last('cents').over('lifetime') },
}))
const definitions = collectDefinitions(views)

const avro = avroWriter(recordSchema(['note', 'string'], ['card', 'string'], ['cents', ['null', 'long']], ['at', { type: 'long', logicalType: 'timestamp-micros' }]))
const protobuf = protobufWriter('syntax = "proto3"; package a; import "google/protobuf/timestamp.proto"; message Other {} message Payment { google.protobuf.Timestamp at = 1; string card = 2; optional int64 cents = 3; }', 'a.Payment', { indexes: [2, 2] })
export const SCHEMAS = { avro: avro.schema, protobuf: protobuf.schema }

/** A record of a format; `id`: of the schema. */
export function recordOf(format: RecordFormat, { at, card, cents }: Payment, id: number): Buffer {
  if (format === 'json') return Buffer.from(JSON.stringify({ at, card, cents }))
  const head = Buffer.alloc(5)
  head.writeUInt32BE(id, 1)
  const body = format === 'avro'
    ? avro.write({ note: 'ż', card, cents: cents === null ? null : { long: cents }, at: at * 1_000 + 999 })
    : protobuf.write({ at: { seconds: Math.floor(at / 1_000), nanos: (at % 1_000) * 1_000_000 + 999_999 }, card, ...(cents !== null && { cents }) })
  return Buffer.concat([head, body])
}

export class RegisteredWorld implements AsyncDisposable {
  readonly clock: SteppedClock
  readonly alarms: readonly Alarm[]
  readonly registry: RecordedRegistry
  readonly ports: LambdaPorts
  readonly system: LambdaSystem
  private readonly opened: AsyncDisposableStack

  private constructor({ clock, alarms, registry, ports, system, opened }: Pick<RegisteredWorld, 'clock' | 'alarms' | 'registry' | 'ports' | 'system'> & { readonly opened: AsyncDisposableStack }) {
    this.clock = clock
    this.alarms = alarms
    this.registry = registry
    this.ports = ports
    this.system = system
    this.opened = opened
  }

  static async start(): Promise<RegisteredWorld> {
    await using opened = new AsyncDisposableStack()
    const clock = createSteppedClock(START_MS)
    const alarms: Alarm[] = []
    const server = opened.use(await RecordedRegistry.start())
    const registry = opened.use(openSchemaRegistry({ urls: [server.url], unknownConfirmMs: 1, requestTimeoutMs: 1_000 }))
    let revision = 0
    const newRevision = (): Revision => ++revision as Revision
    const log = new MemoryEventLog({ clock })
    const ports: LambdaPorts = {
      log, clock, newRevision, schemas: { formats, registry },
      groups: createMemoryConsumerGroups({ log, clock }),
      registers: createMemoryRegisterStore({ newRevision }), objects: createMemoryObjectStore(), format: createPlainArchiveFormat(), engine: createMemoryBatchEngine(),
      speedViews: new MemorySpeedViewStore({ historyCountMax: 8 }), batchViews: createMemoryBatchViewStore(), jobs: createMemoryJobQueue({ clock }),
    }
    const system = opened.use(await LambdaSystem.start({ ports, definitions, member: 'one', onAlarm: (alarm) => void alarms.push(alarm), partitionCount: 2, batch: { gate: { rejectedShareMax: 1, isEmptyAllowed: true, nullShareRiseMax: 1 } } }))
    return new RegisteredWorld({ clock, alarms, registry: server, ports, system, opened: opened.move() })
  }

  register(format: 'avro' | 'protobuf', id: number): void {
    const { kind, text } = SCHEMAS[format]
    this.registry.schemas.set(id, { schema: text, ...(kind !== 'AVRO' && { schemaType: kind }) })
  }

  async append(format: RecordFormat, partition: number, values: readonly Uint8Array[]): Promise<void> {
    await this.ports.log.append([{ topic: `payments_${format}`, partition, records: values.map((value) => ({ key: null, value })) }])
  }

  /** Of a card, all features of the source's view. */
  async featuresOf(format: RecordFormat, card: string): Promise<unknown[]> {
    const view = `of_${format}`
    const features = ['payments_lifetime', 'spent_1h', 'spent_lifetime', 'latest_lifetime'].map((feature) => ({ view, feature }))
    const answer = await this.system.server.answer({ asked: { features }, entities: [{ card }], policy: 'degrade', deadlineMs: 60_000, explain: false })
    return answer.entities[0]!.values.map(({ status, value }) => (status === 'PRESENT' ? value : status))
  }

  async generationOf(format: RecordFormat): Promise<number> {
    const answer = await this.system.server.answer({ asked: { features: [{ view: `of_${format}`, feature: 'payments_lifetime' }] }, entities: [{ card: 'x' }], policy: 'degrade', deadlineMs: 60_000, explain: false })
    const { generation } = answer.views[0]!
    if (generation === null) throw new Error('The pointer was not read.')
    return generation
  }

  async deadLettersOf(format: RecordFormat): Promise<string[]> {
    const letters: string[] = []
    for await (const { partition, offset, code, reason } of listDeadLetters(this.ports.log, this.system.sources.get(`payments_${format}`)!.source)) letters.push(`${partition} ${offset} ${code} ${reason}`)
    return letters
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.opened.disposeAsync()
  }
}
