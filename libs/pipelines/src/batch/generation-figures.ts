// Counts what a run writes on its way to the staged parts, and looks at the features of some entities: what the gate judges.

import { decodeBlob } from '@tidemark/aggregation/batch-blob'
import { mergeAtCut } from '@tidemark/aggregation/merge'
import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import type { BlobSink, EntityBlob } from './blob-sink.ts'

/** All of the first entities are looked at, and afterwards one of so many: enough for a share, and little beside packing them. */
const SAMPLED_FIRST_COUNT = 500
const SAMPLED_STRIDE = 500

export class FigureSink implements BlobSink {
  private readonly sink: BlobSink
  private readonly plan: ViewPlan
  private readonly cut: number
  private writtenCount = 0
  private readonly nullCounts: number[]
  sampledCount = 0

  constructor(sink: BlobSink, plan: ViewPlan, cut: number) {
    this.sink = sink
    this.plan = plan
    this.cut = cut
    this.nullCounts = plan.features.map(() => 0)
  }

  async write(blobs: readonly EntityBlob[]): Promise<void> {
    for (const { blob } of blobs) {
      if (this.writtenCount < SAMPLED_FIRST_COUNT || this.writtenCount % SAMPLED_STRIDE === 0) this.sample(blob)
      this.writtenCount++
    }
    await this.sink.write(blobs)
  }

  nullShares(): Record<string, number> {
    return Object.fromEntries(this.plan.features.map(({ name }, i) => [name, this.sampledCount === 0 ? 0 : this.nullCounts[i]! / this.sampledCount]))
  }

  /** The entity's features right after its newest event. */
  private sample(blob: Uint8Array): void {
    const { logTimeMs } = decodeBlob(this.plan, blob)
    const { values } = mergeAtCut(this.plan, blob, [], { cut: this.cut, t: logTimeMs + 1 })
    this.sampledCount++
    for (let i = 0; i < values.length; i++) if (values[i]!.status === 'NULL_VALUE') this.nullCounts[i]!++
  }
}
