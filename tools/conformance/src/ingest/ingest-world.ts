// A small world for the stream processor: a log, registers, an archive's seals, pointers and a store in memory, that a suite moves by hand. It
// keeps a copy of every record that the log ever took.

import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import { MemoryEventLog } from '@tidemark/adapter-memory/memory-event-log'
import { createMemoryObjectStore } from '@tidemark/adapter-memory/memory-object-store'
import { createMemoryRegisterStore } from '@tidemark/adapter-memory/memory-register-store'
import { MemorySpeedViewStore } from '@tidemark/adapter-memory/memory-speed-view-store'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import type { Alarm } from '@tidemark/pipelines/alarm'
import { INGEST_RULES, type IngestRules } from '@tidemark/pipelines/ingest/ingest-rules'
import type { IngestLimits } from '@tidemark/pipelines/ingest/ingest-limits'
import { createProcessor, type Processor, type ProcessorOptions } from '@tidemark/pipelines/ingest/processor'
import { createSweeper, type Sweeper } from '@tidemark/pipelines/ingest/sweeper'
import { changeSealRegister, openPartitions, readSealRegister } from '@tidemark/pipelines/log/change-seal-register'
import { declareAppendTime, type DeclaredAppendTime } from '@tidemark/pipelines/log/declare-append-time'
import { encodeManifest, manifestKey, MANIFEST_VERSION, type Manifest, type SealedPartition } from '@tidemark/pipelines/log/manifest'
import { PartitionReader } from '@tidemark/pipelines/log/partition-position'
import { isExpected, withUnexpected, type SealRegister } from '@tidemark/pipelines/log/seal-register'
import { topicOf, viewId } from '@tidemark/pipelines/names'
import { readPointer, replacePointer, type Pointer } from '@tidemark/pipelines/pointer'
import type { LogRecord } from '@tidemark/ports/event-log'
import type { Revision } from '@tidemark/ports/revision'

export const START_MS = 1_000_000_000

export interface WorldOptions {
  readonly source: SourceDefinition
  readonly views: readonly ViewPlan[]
  readonly partitionCount: number
  readonly rules?: IngestRules
  readonly limits?: Partial<IngestLimits>
}

/** Ports as an actor sees them: a suite may put something between. */
export type WorldPorts = Pick<ProcessorOptions, 'log' | 'registers' | 'objects' | 'store' | 'membership'>

export class IngestWorld {
  readonly source: SourceDefinition
  readonly topic: string
  views: readonly ViewPlan[]
  readonly rules: IngestRules
  readonly limits: Partial<IngestLimits>
  nowMs = START_MS
  /** How far the clock of all processes is ahead of the log's. */
  aheadMs = 0
  readonly clock = { nowMs: (): number => this.nowMs + this.aheadMs, steadyMs: (): number => this.nowMs, wait: (): Promise<void> => Promise.resolve() }
  readonly log = new MemoryEventLog({ clock: { nowMs: () => this.nowMs, steadyMs: () => this.nowMs, wait: () => Promise.resolve() } })
  private revisionCount = 0
  readonly newRevision = (): Revision => (1_000_000_007 * ++this.revisionCount) % Number.MAX_SAFE_INTEGER as Revision
  readonly registers = createMemoryRegisterStore({ newRevision: this.newRevision })
  readonly objects = createMemoryObjectStore()
  readonly store = new MemorySpeedViewStore({ historyCountMax: 20 })
  readonly alarms: Alarm[] = []
  /** By partition: every visible record that the log took. */
  readonly records: LogRecord[][] = []
  /** Ends by partition of each cut that was sealed. */
  readonly ends = new Map<number, ReadonlyMap<number, number>>()

  private constructor({ source, views, rules = INGEST_RULES, limits = {} }: WorldOptions) {
    this.source = source
    this.views = views
    this.topic = topicOf(source)
    this.rules = rules
    this.limits = { pollWaitMaxMs: 0, ...limits }
  }

  static async create(options: WorldOptions): Promise<IngestWorld> {
    const world = new IngestWorld(options)
    await world.addPartitions(options.partitionCount)
    return world
  }

  async addPartitions(partitionCount: number): Promise<void> {
    await this.log.ensureTopic(this.topic, partitionCount)
    while (this.records.length < partitionCount) this.records.push([])
  }

  /** Appends events, or texts as they are. */
  async append(partition: number, ...events: readonly (Readonly<Record<string, unknown>> | string)[]): Promise<void> {
    const records = events.map((event) => ({ key: null, value: Buffer.from(typeof event === 'string' ? event : JSON.stringify(event)) }))
    const [at] = await this.log.append([{ topic: this.topic, partition, records }])
    const { records: appended } = await this.log.fetch(this.topic, partition, at!.firstOffset, { countMax: records.length, sizeMaxBytes: 1e9, waitMaxMs: 0 })
    this.records[partition]!.push(...appended)
  }

  ports(partitions: () => readonly number[]): WorldPorts {
    const membership = { assigned: async () => partitions(), [Symbol.asyncDispose]: () => Promise.resolve() }
    return { log: this.log, registers: this.registers, objects: this.objects, store: this.store, membership }
  }

  processor(partitions: readonly number[] | (() => readonly number[]), change: (ports: WorldPorts) => WorldPorts = (ports) => ports): Processor {
    const ports = change(this.ports(typeof partitions === 'function' ? partitions : () => partitions))
    const onAlarm = (alarm: Alarm): void => void this.alarms.push(alarm)
    const { source, views, clock, newRevision, rules, limits } = this
    return createProcessor({ source, views, clock, newRevision, onAlarm, rules, limits, ...ports })
  }

  sweeper(view: ViewPlan, change: (ports: WorldPorts) => WorldPorts = (ports) => ports): Sweeper {
    const { store, registers } = change(this.ports(() => []))
    return createSweeper({ view, store, registers, clock: this.clock, onAlarm: (alarm) => void this.alarms.push(alarm), rules: this.rules, limits: this.limits })
  }

  /** Opens every partition in the register, as whoever is first does. */
  async open(): Promise<void> {
    await openPartitions(this.registers, this.source, this.records.map((_, partition) => ({ partition, offset: 0 })))
  }

  async register(): Promise<SealRegister> {
    return (await readSealRegister(this.registers, this.source)).register
  }

  /** As an operator does. `views`: whose state is looked at. */
  declareAppendTime(declared: DeclaredAppendTime, views: readonly ViewPlan[] = this.views): Promise<number> {
    const { registers, log, clock, store: speedViews } = this
    return declareAppendTime({ registers, log, clock, speedViews, readViews: async () => views.map(({ view }) => view) }, this.source, declared)
  }

  /** Seals the epochs up to one, of the partitions that are open, as an archiver would whose clock is past it by the margin. */
  async seal(through: number): Promise<void> {
    let manifest: Manifest | null = null
    const { register } = await changeSealRegister(this.registers, this.source, (before) => {
      let place = before
      const partitions = [...new Set(before.openings.map(({ partition }) => partition))].map((partition): SealedPartition => {
        const reader = new PartitionReader(partition, { next: 0, epoch: -Infinity, knownTimeMs: -Infinity, mark: null }, place)
        for (const record of this.records[partition]!) {
          while (!isExpected(place, partition, record.offset, reader.epochOf(record))) reader.follow((place = withUnexpected(place, partition, record.offset, reader.epochOf(record))))
          if (reader.epochOf(record) > through) break
          reader.take(record)
        }
        const { next, knownTimeMs, mark } = reader.position()
        return { partition, end: next, knownTimeMs: mark === null ? null : knownTimeMs, mark, proof: null, segments: [] }
      })
      manifest = { formatVersion: MANIFEST_VERSION, source: this.source.name, sourceVersion: 1, after: before.sealedThrough, through, partitions }
      return { ...place, sealedThrough: through, closing: null, lastSeal: manifest }
    })
    this.ends.set(through, new Map(register.lastSeal!.partitions.map(({ partition, end }) => [partition, end])))
    await this.objects.create(manifestKey(this.source.name, through), encodeManifest(manifest!))
  }

  /** Publishes a generation of a view up to a sealed cut; the floor is the generation `kept` before it. */
  async publish(view: ViewPlan, cut: number, kept = 0): Promise<void> {
    const { pointer, revision } = await readPointer(this.registers, viewId(view.view))
    const published = [...pointer.published, { n: pointer.next, base: pointer.n, cut, publishedAtMs: this.nowMs }]
    const floor = published.at(-1 - kept)?.n ?? 0
    const kept_ = Math.max(floor, pointer.floor)
    await replacePointer(this.registers, revision, { ...pointer, n: pointer.next, next: pointer.next + 1, floor: kept_, published: published.filter(({ n }) => n >= kept_) })
  }

  async pointerOf(view: ViewPlan): Promise<Pointer> {
    return (await readPointer(this.registers, viewId(view.view))).pointer
  }

  /** Moves a view's pointer to another published generation; 0 is the newest. */
  async moveBack(view: ViewPlan, back: number): Promise<void> {
    const { pointer, revision } = await readPointer(this.registers, viewId(view.view))
    const target = pointer.published.at(-1 - back)
    if (target !== undefined) await replacePointer(this.registers, revision, { ...pointer, n: target.n })
  }
}
