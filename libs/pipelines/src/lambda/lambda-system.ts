// The whole system in one process: every source's pipeline and the feature server, on whatever ports. `tidemark dev`, the demo and the
// replay are this, on embedded ports.

import type { Definitions } from '@tidemark/feature-schema/definition'
import type { OnAlarm } from '../alarm.ts'
import { deadLetterTopicOf, topicOf } from '../names.ts'
import { createFeatureServer, type FeatureServer } from '../serve/answer-features.ts'
import { catalogOf, type FeatureCatalog } from '../serve/feature-catalog.ts'
import type { LambdaPorts } from './lambda-ports.ts'
import { SourcePipeline, type SourcePipelineOptions } from './source-pipeline.ts'

export interface LambdaSystemOptions {
  readonly ports: LambdaPorts
  /** Checked. */
  readonly definitions: Definitions
  /** This process, among those that share the ports. */
  readonly member: string
  readonly onAlarm: OnAlarm
  /** Of topics that are not there yet. */
  readonly partitionCount: number
  readonly batch?: SourcePipelineOptions['batch']
  readonly ingestLimits?: SourcePipelineOptions['ingestLimits']
  readonly batchEveryMs?: number
  readonly onBatch?: SourcePipelineOptions['onBatch']
}

export class LambdaSystem implements AsyncDisposable {
  readonly ports: LambdaPorts
  readonly server: FeatureServer
  private readonly options: LambdaSystemOptions
  private readonly pipelines = new Map<string, SourcePipeline>()
  private served: FeatureCatalog

  private constructor(options: LambdaSystemOptions) {
    this.options = options
    this.ports = options.ports
    this.served = catalogOf(options.definitions)
    this.server = createFeatureServer({ catalog: () => this.served, ...options.ports })
  }

  /** Makes the topics that are missing, and joins their consumer groups. */
  static async start(options: LambdaSystemOptions): Promise<LambdaSystem> {
    const system = new LambdaSystem(options)
    await system.startPipelines()
    return system
  }

  catalog(): FeatureCatalog {
    return this.served
  }

  /** By source. */
  get sources(): ReadonlyMap<string, SourcePipeline> {
    return this.pipelines
  }

  /** Takes up other definitions; what has the same version as before must mean the same. Pipelines of new sources are to be run by the caller. */
  async replaceDefinitions(definitions: Definitions): Promise<readonly SourcePipeline[]> {
    this.served = catalogOf(definitions)
    return this.startPipelines()
  }

  private async startPipelines(): Promise<SourcePipeline[]> {
    const { ports: { log }, options: { ports, member, onAlarm, partitionCount, batch, ingestLimits, batchEveryMs, onBatch } } = this
    const plansOf = Map.groupBy(this.served.plans.filter(({ source }) => source.kind === 'event'), ({ source }) => source.name)
    const started: SourcePipeline[] = []
    for (const [name, plans] of plansOf) {
      const running = this.pipelines.get(name)
      if (running !== undefined) {
        running.setViews(plans)
        continue
      }
      const { source } = plans[0]!
      await log.ensureTopic(topicOf(source), partitionCount)
      await log.ensureTopic(deadLetterTopicOf(source), 1)
      const pipeline = await SourcePipeline.start({ source, plans, ports, member, onAlarm, ...(batch && { batch }), ...(ingestLimits && { ingestLimits }), ...(batchEveryMs !== undefined && { batchEveryMs }), ...(onBatch && { onBatch }) })
      this.pipelines.set(name, pipeline)
      started.push(pipeline)
    }
    return started
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const pipeline of this.pipelines.values()) await pipeline[Symbol.asyncDispose]()
  }
}
