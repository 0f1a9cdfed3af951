// A span for each step of a run, called after its stage, which a step says once it is done.

import type { Span, Tracer } from '@tidemark/observability/tracing'
import type { RunStage } from './batch-rules.ts'

interface Staged {
  readonly kind: string
  readonly stage?: RunStage
}

export class StageSpans {
  private readonly tracer: Tracer
  private readonly parent: string

  constructor({ tracer, parent }: { readonly tracer: Tracer; readonly parent: string }) {
    this.tracer = tracer
    this.parent = parent
  }

  /** Does a step within a span of its own. */
  async within<T extends Staged>(step: () => Promise<T>): Promise<T> {
    const span: Span | null = this.tracer.begin('batch step', { parent: this.parent })
    try {
      const done = await this.tracer.within(span, step)
      span?.rename(done.stage ?? done.kind)
      span?.end()
      return done
    } catch (error) {
      span?.end(error)
      throw error
    }
  }
}
