// The whole system in one process: every source's pipeline and the feature server, on whatever ports. `tidemark dev`, the demo and the
// replay are this, on embedded ports.

import type { Definitions } from '@tidemark/feature-schema/definition'
import { createFeatureServer, type FeatureServer } from '../serve/answer-features.ts'
import { catalogOf, type FeatureCatalog } from '../serve/feature-catalog.ts'
import { ensureTopics, eventSourcesOf } from './event-sources.ts'
import type { LambdaPorts } from './lambda-ports.ts'
import { SourcePipeline, type SourcePipelineOptions } from './source-pipeline.ts'

export interface LambdaSystemOptions extends Omit<SourcePipelineOptions, 'source' | 'plans'> {
  /** Checked. */
  readonly definitions: Definitions
  /** Of topics that are not there yet. */
  readonly partitionCount: number
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
    this.server = createFeatureServer({ catalog: () => this.served, onAlarm: options.onAlarm, ...options.ports })
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
    const { ports, definitions: _definitions, partitionCount, ...pipelineOptions } = this.options
    const started: SourcePipeline[] = []
    for (const { source, plans } of eventSourcesOf(this.served.plans)) {
      const running = this.pipelines.get(source.name)
      if (running !== undefined) {
        running.setViews(plans)
        continue
      }
      await ensureTopics(ports.log, source, partitionCount)
      const pipeline = await SourcePipeline.start({ ...pipelineOptions, ports, source, plans })
      this.pipelines.set(source.name, pipeline)
      started.push(pipeline)
    }
    return started
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const pipeline of this.pipelines.values()) await pipeline[Symbol.asyncDispose]()
  }
}
