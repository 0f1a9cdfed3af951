// What is counted of answers: plain numbers, which whoever watches reads when he likes.

import type { Histogram } from '@tidemark/observability/metrics'
import type { DegradationCode, FeatureAnswer, ServedValue } from './feature-answer.ts'

/** Where a batch blob was. */
export type BlobPlace = 'memory' | 'cache' | 'store'

export class ServeFigures {
  readonly values: Record<ServedValue['status'], number> = { PRESENT: 0, NULL_VALUE: 0, NOT_FOUND: 0, OUTSIDE_MAX_AGE: 0, UNAVAILABLE: 0 }
  readonly degraded: Partial<Record<DegradationCode, number>> = {}
  readonly blobs: Record<BlobPlace, number> = { memory: 0, cache: 0, store: 0 }
  /** Whether the shared cache is left out at the moment, since it did not answer. */
  isCacheClosed = (): boolean => false
  /** Of each view of an answer. */
  private readonly lagSeconds: Pick<Histogram, 'record'>

  constructor(lagSeconds: Pick<Histogram, 'record'>) {
    this.lagSeconds = lagSeconds
  }

  countValues(values: readonly ServedValue[]): void {
    for (let i = 0; i < values.length; i++) this.values[values[i]!.status]++
  }

  countAnswer({ views, degraded }: Pick<FeatureAnswer, 'views' | 'degraded'>): void {
    for (const { lagMs } of views) if (lagMs !== null) this.lagSeconds.record(lagMs / 1_000)
    for (const { code } of degraded) this.degraded[code] = (this.degraded[code] ?? 0) + 1
  }
}
