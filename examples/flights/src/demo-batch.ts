// The batch step: every view's panes up to the cut, in full.
import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import { type BatchRunResult, runBatch } from '@tidemark/pipelines/batch/batch-run'
import { BlobMap } from '@tidemark/pipelines/batch/blob-sink'
import type { BatchEngine, EventInput, InputReport } from '@tidemark/ports/batch-engine'

export interface DemoBatches {
  /** By view, in the plans' order. */
  readonly blobs: readonly BlobMap[]
  /** Of the source: the same for every view. */
  readonly report: InputReport
  /** Flights of one view; every view reads them all. */
  readonly eventCount: number
  readonly paneCount: number
  readonly blobCount: number
  readonly bytes: number
}

export async function runBatches(engine: BatchEngine, plans: readonly ViewPlan[], input: EventInput, cut: number): Promise<DemoBatches> {
  const blobs = plans.map(() => new BlobMap())
  const results: BatchRunResult[] = []
  for (const [i, plan] of plans.entries()) results.push(await runBatch({ engine, plan, input, sink: blobs[i]!, throughEpoch: cut }))
  const total = (count: (result: BatchRunResult) => number): number => results.reduce((sum, result) => sum + count(result), 0)
  return {
    blobs,
    report: results[0]!.report,
    eventCount: results[0]!.eventCount,
    paneCount: total(({ paneCount }) => paneCount),
    blobCount: total(({ entityCount }) => entityCount),
    bytes: total(({ writtenBytes }) => writtenBytes),
  }
}
