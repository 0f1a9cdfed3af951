// What the judge sees of the system beside its answers: the log, of which it is a producer, and how far archive and batch are, from their registers.
import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import { readWriteSet, type GenerationFigures } from '@tidemark/pipelines/batch/staged-generation'
import { listDeadLetters } from '@tidemark/pipelines/ingest/dead-letters'
import { readSealRegister } from '@tidemark/pipelines/log/change-seal-register'
import { topicOf, viewId } from '@tidemark/pipelines/names'
import { readPointer, type Pointer } from '@tidemark/pipelines/pointer'
import type { EventLog } from '@tidemark/ports/event-log'
import type { ObjectStore } from '@tidemark/ports/object-store'
import { cassandraSettings, openCassandraStores, type CassandraStores } from '@tidemark/service-kit/cassandra-server'
import { commonSettings } from '@tidemark/service-kit/common-settings'
import { kafkaSettings, openLog } from '@tidemark/service-kit/kafka-server'
import { openObjects, s3Settings } from '@tidemark/service-kit/s3-server'
import { readSettings } from '@tidemark/service-kit/settings'
import { pause, untilAnswered } from './until-answered.ts'

/** How far the archive is. */
export interface Sealed {
  /** null: nothing is sealed. */
  readonly throughEpoch: number | null
  /** Records that are in sealed epochs. */
  readonly recordCount: number
}

/** A generation that can be read. */
export interface SeenGeneration {
  readonly view: string
  readonly n: number
  readonly cut: number
  readonly publishedAtMs: number
  readonly figures: GenerationFigures
}

const TOPIC_LOOK_EVERY_MS = 100

export class SystemWatch implements AsyncDisposable {
  readonly log: EventLog
  private readonly source: SourceDefinition
  private readonly plans: readonly ViewPlan[]
  private readonly stores: CassandraStores
  private readonly objects: ObjectStore
  private readonly signal: AbortSignal
  private readonly opened: AsyncDisposableStack

  private constructor(ports: { readonly log: EventLog; readonly stores: CassandraStores; readonly objects: ObjectStore }, plans: readonly ViewPlan[], signal: AbortSignal, opened: AsyncDisposableStack) {
    this.log = ports.log
    this.stores = ports.stores
    this.objects = ports.objects
    this.plans = plans
    this.source = plans[0]!.source
    this.signal = signal
    this.opened = opened
  }

  /** `environment`: as the services have it. All views are of one source. */
  static async open(environment: Readonly<Record<string, string>>, plans: readonly ViewPlan[], signal: AbortSignal): Promise<SystemWatch> {
    await using opened = new AsyncDisposableStack()
    const { common, kafka, cassandra, s3 } = readSettings(environment, { common: commonSettings, kafka: kafkaSettings, cassandra: cassandraSettings, s3: s3Settings })
    const log = opened.use(await openLog(kafka, 'demo'))
    const stores = opened.use(await openCassandraStores(cassandra, { onNotice: () => undefined }))
    const objects = opened.use(await openObjects(s3, common))
    return new SystemWatch({ log, stores, objects }, plans, signal, opened.move())
  }

  /** Once the archiver has made it. */
  async untilTopic(): Promise<void> {
    for (;;) {
      const partitionCount = await untilAnswered(() => this.log.partitionCount(topicOf(this.source)).catch((error: unknown) => {
        if (error instanceof TidemarkError && error.code === 'UNKNOWN_NAME') return 0
        throw error
      }), this.signal)
      if (partitionCount > 0) return
      await pause(TOPIC_LOOK_EVERY_MS, this.signal)
    }
  }

  async sealed(): Promise<Sealed> {
    const { register: { sealedThrough, lastSeal } } = await untilAnswered(() => readSealRegister(this.stores.registers, this.source), this.signal)
    return { throughEpoch: sealedThrough, recordCount: lastSeal?.partitions.reduce((sum, { end }) => sum + end, 0) ?? 0 }
  }

  /** Of each view. */
  async pointers(): Promise<Pointer[]> {
    return Promise.all(this.plans.map(({ view }) => untilAnswered(async () => (await readPointer(this.stores.registers, viewId(view))).pointer, this.signal)))
  }

  /** What each view's pointer reads, once it reads one. */
  async generations(): Promise<SeenGeneration[]> {
    const seen: SeenGeneration[] = []
    for (const { view, n, published } of await this.pointers()) {
      const generation = published.find((each) => each.n === n)
      if (generation === undefined) continue
      const writeSet = await untilAnswered(() => readWriteSet(this.objects, view, n), this.signal)
      if (writeSet !== null) seen.push({ view, n, cut: generation.cut, publishedAtMs: generation.publishedAtMs, figures: writeSet.figures })
    }
    return seen
  }

  /** One line each. */
  async deadLetters(): Promise<string[]> {
    return untilAnswered(async () => {
      const lines: string[] = []
      for await (const { partition, offset, reason } of listDeadLetters(this.log, this.source)) lines.push(`partition ${partition}, record ${offset}: ${reason}`)
      return lines
    }, this.signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.opened.disposeAsync()
  }
}
