// The system of `tidemark dev`: all pipelines at work, until it is disposed or a part fails for good, and other definitions taken up on the way.
import { sourceContentHash } from '@tidemark/feature-schema/content-hash'
import type { Definitions } from '@tidemark/feature-schema/definition'
import { LambdaSystem, type LambdaSystemOptions } from '@tidemark/pipelines/lambda/lambda-system'
import type { SourcePipeline } from '@tidemark/pipelines/lambda/source-pipeline'
import type { FeatureServer } from '@tidemark/pipelines/serve/answer-features'
import type { FeatureCatalog } from '@tidemark/pipelines/serve/feature-catalog'

export class DevSystem implements AsyncDisposable {
  /** Of whatever definitions are taken up. */
  readonly server: FeatureServer
  /** Never resolves; rejects with what ended a part of the system. */
  readonly failed: Promise<never>
  private readonly fail: (error: unknown) => void
  private options: LambdaSystemOptions
  private system: LambdaSystem
  private ending = new AbortController()
  private loops: Promise<void>[] = []

  private constructor(options: LambdaSystemOptions, system: LambdaSystem) {
    this.options = options
    this.system = system
    const current = (): FeatureServer => this.system.server
    this.server = { answer: (...asked) => current().answer(...asked), answerAs: (...asked) => current().answerAs(...asked), get slices() { return current().slices } }
    const failed = Promise.withResolvers<never>()
    this.failed = failed.promise
    this.fail = failed.reject
    // Whoever starts this may fail itself before it listens to that.
    failed.promise.catch(() => undefined)
  }

  /** Joins the consumer groups; nothing is at work before `run`. */
  static async start(options: LambdaSystemOptions): Promise<DevSystem> {
    return new DevSystem(options, await LambdaSystem.start(options))
  }

  catalog(): FeatureCatalog {
    return this.system.catalog()
  }

  run(pipelines: Iterable<SourcePipeline> = this.system.sources.values()): void {
    for (const pipeline of pipelines) this.loops.push(pipeline.run(this.ending.signal).catch(this.fail))
  }

  /**
   * Goes on with other definitions, in which no version means something else than before. Where a source is another than before, or gone, the
   * pipelines are started anew: they decode by it.
   */
  async takeUp(definitions: Definitions): Promise<void> {
    const after = sourceHashes(definitions)
    const isAddedOnly = [...sourceHashes(this.options.definitions)].every(([name, hash]) => after.get(name) === hash)
    this.options = { ...this.options, definitions }
    if (isAddedOnly) return this.run(await this.system.replaceDefinitions(definitions))
    await this.stop()
    this.ending = new AbortController()
    this.system = await LambdaSystem.start(this.options)
    this.run()
  }

  private async stop(): Promise<void> {
    this.ending.abort(new Error('The system ends.'))
    await Promise.all(this.loops)
    this.loops = []
    await this.system[Symbol.asyncDispose]()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

/** Name -> what it means, of the sources of events that views read. */
function sourceHashes({ sources, views }: Definitions): Map<string, string> {
  const used = new Set(views.map(({ source }) => source))
  return new Map(sources.filter(({ kind, name }) => kind === 'event' && used.has(name)).map((source) => [source.name, sourceContentHash(source)]))
}
