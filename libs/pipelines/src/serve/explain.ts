// What an answer was made of, for one entity and view: the generation its blob is of, the panes of each side of the seam, and how much of
// each source partition the speed state contains. Enough to compute the answer again from the log.

import { decodeBlob } from '@tidemark/aggregation/batch-blob'
import { tailMs } from '@tidemark/aggregation/ladder'
import type { PlannedFeature, ViewPlan } from '@tidemark/aggregation/view-plan'
import type { BucketState } from '@tidemark/ports/speed-view-store'
import { decodeFence } from '../log/fence.ts'

/** Panes of one ladder group, rung and epoch that a window takes, from the oldest to the newest. */
export interface ExplainedPanes {
  readonly side: 'batch' | 'speed'
  /** Of the speed side; null in batch, whose panes are of all epochs up to the cut. */
  readonly epoch: number | null
  readonly rung: number
  readonly paneCount: number
  /** Starts; null: the lifetime pane. */
  readonly oldestMs: number | null
  readonly newestMs: number | null
}

export interface ExplainedFence {
  readonly partition: number
  /** The state contains every record before this offset. */
  readonly nextOffset: number
  /** The epoch of the last of them; null: none. */
  readonly epoch: number | null
  /** The running maximum of append times; null: none. */
  readonly knownTimeMs: number | null
}

export interface EntityExplanation {
  readonly view: string
  readonly bucket: number
  /** null: nothing of the partition is in the bucket yet. */
  readonly fences: readonly (ExplainedFence | { readonly partition: number; readonly nextOffset: null })[]
  readonly features: readonly { readonly feature: string; readonly tailMs: number | null; readonly panes: readonly ExplainedPanes[] }[]
}

export interface ExplainedState {
  readonly view: string
  readonly bucket: number
  readonly cut: number
  readonly t: number
  readonly batchBlob: Uint8Array | null
  readonly speedChunks: readonly Uint8Array[]
  readonly partitions: readonly number[]
  readonly state: BucketState | null
}

export function explainEntity(plan: ViewPlan, features: readonly PlannedFeature[], state: ExplainedState): EntityExplanation {
  const { view, bucket, cut, t, batchBlob, speedChunks, partitions } = state
  const batch = batchBlob === null ? [] : decodeBlob(plan, batchBlob).panes.map((pane) => ({ ...pane, side: 'batch' as const, epoch: null }))
  const speed = speedChunks.flatMap((chunk) => decodeBlob(plan, chunk).panes).filter(({ epoch }) => epoch > cut).map((pane) => ({ ...pane, side: 'speed' as const }))
  const panes = [...batch, ...speed]
  return {
    view,
    bucket,
    fences: partitions.map((partition, i) => fenceOf(partition, state.state?.fences[i] ?? null, `fence of bucket ${bucket}, view ${view}, partition ${partition}`)),
    features: features.map((feature) => {
      const tail = tailMs(feature.window, t)
      const taken = panes.filter(({ group, startMs }) => group === feature.group && startMs >= tail)
      return { feature: feature.name, tailMs: orNull(tail), panes: summarise(taken) }
    }),
  }
}

function fenceOf(partition: number, bytes: Uint8Array | null, where: string): EntityExplanation['fences'][number] {
  if (bytes === null) return { partition, nextOffset: null }
  const { next, epoch, knownTimeMs } = decodeFence(bytes, where)
  return { partition, nextOffset: next, epoch: orNull(epoch), knownTimeMs: orNull(knownTimeMs) }
}

interface SidePane {
  readonly side: 'batch' | 'speed'
  readonly epoch: number | null
  readonly rung: number
  readonly startMs: number
}

function summarise(panes: readonly SidePane[]): ExplainedPanes[] {
  const groups = Map.groupBy(panes, ({ side, epoch, rung }) => `${side} ${epoch} ${rung}`)
  return [...groups.values()].map((inside) => {
    const { side, epoch, rung } = inside[0]!
    const starts = inside.map(({ startMs }) => startMs)
    return { side, epoch, rung, paneCount: inside.length, oldestMs: orNull(Math.min(...starts)), newestMs: orNull(Math.max(...starts)) }
  })
}

function orNull(value: number): number | null {
  return value === -Infinity ? null : value
}
