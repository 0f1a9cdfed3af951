// One source's way of the data, from its topic to its views, in one process: the parts that archive, stream and batch.

import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import type { BucketKey } from '@tidemark/ports/speed-view-store'
import type { Archiver } from '../archive/archiver.ts'
import type { DueOutcome } from '../batch/run-due.ts'
import type { Processor } from '../ingest/processor.ts'
import { ArchivePart } from './archive-part.ts'
import { BatchPart, type BatchPartOptions } from './batch-part.ts'
import type { LambdaPorts } from './lambda-ports.ts'
import { runTogether } from './run-together.ts'
import { StreamPart, type StreamPartOptions } from './stream-part.ts'

export interface SourcePipelineOptions extends Omit<StreamPartOptions, 'ports'>, Omit<BatchPartOptions, 'ports'> {
  readonly ports: LambdaPorts
}

export class SourcePipeline implements AsyncDisposable {
  readonly source: SourceDefinition
  private readonly options: SourcePipelineOptions
  private readonly archive: ArchivePart
  private readonly stream: StreamPart
  private readonly batch: BatchPart

  private constructor(options: SourcePipelineOptions, stream: StreamPart) {
    this.source = options.source
    this.options = options
    this.stream = stream
    this.archive = new ArchivePart(options)
    this.batch = new BatchPart(options)
  }

  /** Joins the consumer group of a source whose topics are there. */
  static async start(options: SourcePipelineOptions): Promise<SourcePipeline> {
    return new SourcePipeline(options, await StreamPart.start(options))
  }

  get archiver(): Archiver {
    return this.archive.archiver
  }

  get processor(): Processor {
    return this.stream.processor
  }

  setViews(plans: readonly ViewPlan[]): void {
    this.stream.setViews(plans)
    this.batch.setViews(plans)
  }

  /** As StreamPart's `drain`. */
  drainStream(signal?: AbortSignal, buckets?: readonly BucketKey[]): Promise<void> {
    return this.stream.drain(signal, buckets)
  }

  /** As ArchivePart's `drain`. */
  drainArchive(signal?: AbortSignal): Promise<void> {
    return this.archive.drain(signal)
  }

  /** Makes a generation of each view that lacks a sealed epoch. */
  runBatches(signal?: AbortSignal): Promise<DueOutcome[]> {
    return this.batch.runDue(signal)
  }

  /** Runs all of it until the signal is aborted, as `runTogether` does. */
  run(signal: AbortSignal): Promise<void> {
    const { ports: { clock }, onAlarm } = this.options
    return runTogether([...this.archive.loops, ...this.stream.loops, ...this.batch.loops], { clock, signal, onAlarm })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stream[Symbol.asyncDispose]()
  }
}
