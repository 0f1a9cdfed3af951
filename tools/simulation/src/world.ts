// The world that a history happens in: a log, stores and registers in memory, one clock that stands still until it is moved, and a copy of
// every record that the log has, by which answers are judged.

import { createMemoryBatchEngine } from '@tidemark/adapter-memory/memory-batch-engine'
import { createMemoryBlobCache } from '@tidemark/adapter-memory/memory-blob-cache'
import { createMemoryBatchViewStore } from '@tidemark/adapter-memory/memory-batch-view-store'
import { MemoryEventLog } from '@tidemark/adapter-memory/memory-event-log'
import { createMemoryObjectStore } from '@tidemark/adapter-memory/memory-object-store'
import { createMemoryRegisterStore } from '@tidemark/adapter-memory/memory-register-store'
import { MemorySpeedViewStore } from '@tidemark/adapter-memory/memory-speed-view-store'
import { createPlainArchiveFormat } from '@tidemark/adapter-memory/plain-archive-format'
import type { Random } from '@tidemark/aggregation/testing/random'
import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import { damageChunk } from '@tidemark/conformance/ingest/damage-chunk'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import type { Row } from '@tidemark/feature-schema/value'
import type { Alarm } from '@tidemark/pipelines/alarm'
import { topicOf } from '@tidemark/pipelines/names'
import type { FeatureCatalog } from '@tidemark/pipelines/serve/feature-catalog'
import type { WaitingClock } from '@tidemark/ports/clock'
import type { RegisterStore } from '@tidemark/ports/register-store'
import type { Revision } from '@tidemark/ports/revision'
import { clicksOf, planOf } from './definitions.ts'
import { NO_CHANGES, type Rules } from './rules.ts'

export const START_MS = Date.UTC(2026, 0, 5, 9)

/** A visible record as the log has it. */
export interface KnownRecord {
  /** When the log took it, whatever its stamp, and whenever it can be read. */
  readonly appendedAtMs: number
  readonly appendTimeMs: number
  /** The source's fields; null: it cannot be decoded. */
  readonly row: Row | null
  readonly eventTimeMs: number
}

/** What a producer sends. */
export type Sent = { readonly user: string | null; readonly at: number; readonly amount: number | null; readonly tag: string | null } | { readonly malformed: string }

export interface WorldOptions {
  readonly random: Random
  readonly epochLengthMs: number
  readonly views: readonly string[]
  readonly rules?: Rules
}

export class World {
  readonly source: SourceDefinition
  readonly topic: string
  readonly plans: readonly ViewPlan[]
  catalog: FeatureCatalog
  readonly rules: Rules
  nowMs = START_MS
  readonly log: MemoryEventLog
  readonly objects = createMemoryObjectStore()
  readonly speedViews = new MemorySpeedViewStore({ historyCountMax: 8 })
  readonly batchViews
  /** Of all servers together. */
  readonly batchCache = createMemoryBlobCache()
  readonly engine = createMemoryBatchEngine()
  readonly format = createPlainArchiveFormat()
  readonly registers: RegisterStore
  readonly newRevision: () => Revision
  /** By partition and offset; null: nobody sees it. */
  readonly records: (KnownRecord | null)[][] = []
  readonly alarms: Alarm[] = []
  hasDamage = false
  /** Partitions in which nothing more can be read before a transaction is decided. */
  private readonly held = new Set<number>()
  /** Rises with whatever may give somebody something to do. */
  changeCount = 0
  /** How far the machines' clocks are ahead of the world's. */
  private readonly aheadMs = new Map<string, number>()

  constructor({ random, epochLengthMs, views, rules = NO_CHANGES }: WorldOptions) {
    this.source = clicksOf(epochLengthMs)
    this.topic = topicOf(this.source)
    this.plans = views.map((name) => planOf(name, this.source))
    this.catalog = { plans: this.plans, services: [] }
    this.rules = rules
    this.log = new MemoryEventLog({ clock: this.clockOf('log') })
    this.newRevision = () => Math.floor(random.next() * 2 ** 53) as Revision
    this.registers = this.counted(createMemoryRegisterStore({ newRevision: this.newRevision }))
    this.batchViews = rules.changeBatchViews(createMemoryBatchViewStore())
  }

  /** A machine's clock. Who waits by it waits until he is told that he need not. */
  clockOf(machine: string): WaitingClock {
    return this.rules.changeClock({
      nowMs: () => this.nowMs + (this.aheadMs.get(machine) ?? 0),
      steadyMs: () => this.nowMs,
      wait: (_, signal) => new Promise((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true })),
    })
  }

  setClock(machine: string, aheadMs: number): void {
    this.aheadMs.set(machine, aheadMs)
  }

  async addPartitions(count: number): Promise<void> {
    await this.log.ensureTopic(this.topic, count)
    while (this.records.length < count) this.records.push([])
    this.changeCount++
  }

  /** `behindMs`: of the broker's clock. */
  async append(partition: number, sent: Sent, behindMs = 0): Promise<void> {
    this.log.shiftAppendTimes(this.topic, partition, -behindMs)
    const value = Buffer.from('malformed' in sent ? sent.malformed : JSON.stringify(sent))
    const [at] = await this.log.append([{ topic: this.topic, partition, records: [{ key: null, value }] }])
    const known = 'malformed' in sent ? { row: null, eventTimeMs: NaN } : { row: [sent.user, sent.at, sent.amount, sent.tag], eventTimeMs: sent.at }
    this.records[partition]!.push({ appendedAtMs: this.nowMs, appendTimeMs: at!.appendTimeMs, ...known })
    this.changeCount++
  }

  appendMarker(partition: number): void {
    this.log.appendInvisible(this.topic, partition, 1)
    this.records[partition]!.push(null)
    this.changeCount++
  }

  /** A transaction begins that is not decided for a while. */
  hold(partition: number): void {
    this.log.hold(this.topic, partition)
    this.held.add(partition)
  }

  isHeld(partition: number): boolean {
    return this.held.has(partition)
  }

  release(partition: number): void {
    this.log.release(this.topic, partition)
    this.held.delete(partition)
    this.changeCount++
  }

  truncate(partition: number, end: number): void {
    this.log.truncate(this.topic, partition, end)
    this.held.delete(partition)
    this.records[partition]!.length = end
    this.changeCount++
  }

  makeTopicAnew(): void {
    this.log.makeAnew(this.topic)
    this.held.clear()
    for (const records of this.records) records.length = 0
    this.changeCount++
  }

  /** The store of a bucket loses the last acknowledged writes. */
  failOver(random: Random, lostCountMax = 4): void {
    const written = this.speedViews.writtenBuckets()
    if (written.length > 0) this.speedViews.failOver(random.pick(written), random.between(1, lostCountMax))
    this.changeCount++
  }

  /** A byte of a stored chunk is another one. */
  async damage(random: Random): Promise<void> {
    const written = this.speedViews.writtenBuckets()
    if (written.length > 0 && (await damageChunk(this.speedViews, random.pick(written), (limit) => random.below(limit)))) this.hasDamage = true
    this.changeCount++
  }

  private counted(registers: RegisterStore): RegisterStore {
    return {
      ...registers,
      compareAndSet: async (...given) => {
        const revision = await registers.compareAndSet(...given)
        if (revision !== null) this.changeCount++
        return revision
      },
    }
  }
}
