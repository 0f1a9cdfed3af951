// How far the speed state of a view lags, from its partitions' heartbeats, and what of it makes an answer less than it should be.

import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { Clock } from '@tidemark/ports/clock'
import type { SpeedViewStore } from '@tidemark/ports/speed-view-store'
import { decodeHeartbeat, type Heartbeat } from '../ingest/heartbeat.ts'
import type { Degradation } from './feature-answer.ts'

/** Heartbeats that were read are given to the next requests too, for as long as this. */
export const HEARTBEATS_SHARED_MAX_MS = 500
/** A processor writes one each second; after this long without any it is taken for dead. */
export const HEARTBEAT_AGE_MAX_MS = 5_000
/** A view that lags by more says so in its answers. */
export const LAG_MAX_MS = 10_000

export interface Freshness {
  /** Everything that the log took longer ago than this is in the state; null: not known. */
  readonly lagMs: number | null
  readonly degraded: readonly Degradation[]
}

type Heartbeats = ReadonlyMap<number, Heartbeat>

export class FreshnessReader {
  private readonly store: SpeedViewStore
  private readonly clock: Clock
  private readonly read = new Map<string, { readonly sinceMs: number; readonly heartbeats: Heartbeats | null | Promise<Heartbeats | null> }>()

  constructor(store: SpeedViewStore, clock: Clock) {
    this.store = store
    this.clock = clock
  }

  /** null: they could not be read. At once where they were read a moment ago. */
  heartbeats(view: string): Heartbeats | null | Promise<Heartbeats | null> {
    const nowMs = this.clock.nowMs()
    const known = this.read.get(view)
    return known !== undefined && nowMs - known.sinceMs < HEARTBEATS_SHARED_MAX_MS ? known.heartbeats : this.share(view, nowMs)
  }

  private share(view: string, sinceMs: number): Promise<Heartbeats | null> {
    const heartbeats = this.readNow(view)
    const shared = { sinceMs, heartbeats: heartbeats as Heartbeats | null | Promise<Heartbeats | null> }
    this.read.set(view, shared)
    return heartbeats.then((read) => (shared.heartbeats = read))
  }

  private async readNow(view: string): Promise<Heartbeats | null> {
    try {
      const stored = await this.store.heartbeats(view)
      return new Map([...stored].map(([partition, bytes]) => [partition, decodeHeartbeat(bytes, `heartbeat of view ${view}, partition ${partition}`)]))
    } catch (error) {
      if (error instanceof TidemarkError) return null
      throw error
    }
  }
}

/** What heartbeats say of a view's state at a time, under a cut. */
export function judgeFreshness(view: string, heartbeats: Heartbeats | null, cut: number, nowMs: number): Freshness {
  const degraded: Degradation[] = []
  const degrade = (code: Degradation['code'], message: string): void => void degraded.push({ code, view, message })
  if (heartbeats === null || heartbeats.size === 0) {
    degrade('SPEED_SILENT', 'No processor has said how far it is.')
    return { lagMs: null, degraded }
  }
  let lagMs: number | null = 0
  for (const [partition, { writtenAtMs, caughtUpAtMs, nextOffset, logEnd, stopped, brokenEpochs }] of heartbeats) {
    const partitionLagMs = caughtUpAtMs === null ? null : Math.max(0, nowMs - caughtUpAtMs)
    lagMs = lagMs === null || partitionLagMs === null ? null : Math.max(lagMs, partitionLagMs)
    if (stopped !== null) degrade('PARTITION_STOPPED', `Partition ${partition} stands still at offset ${nextOffset}: ${stopped.code}, ${stopped.message}`)
    else if (nowMs - writtenAtMs > HEARTBEAT_AGE_MAX_MS) degrade('SPEED_SILENT', `The processor of partition ${partition} was last heard ${nowMs - writtenAtMs} ms ago.`)
    else if (partitionLagMs === null) degrade('SPEED_LAGGING', `The processor of partition ${partition} has not caught up with the log since it took it over; ${logEnd - nextOffset} records were left when it last said so.`)
    else if (partitionLagMs > LAG_MAX_MS) degrade('SPEED_LAGGING', `Partition ${partition} was last known to have all of its log ${partitionLagMs} ms ago; ${logEnd - nextOffset} records were left when its processor last said so.`)
    const broken = brokenEpochs.filter((epoch) => epoch > cut)
    if (broken.length > 0) degrade('SEAM_BROKEN', `A record of partition ${partition} came later than the declared skew; a generation with cut ${Math.max(...broken)} will contain it.`)
  }
  return { lagMs, degraded }
}

/** What it means besides that some of a view's buckets are being replayed: they may lack events, whatever their partitions' heartbeats say. */
export function withReplay(view: string, freshness: Freshness, replayedBuckets: readonly number[]): Freshness {
  if (replayedBuckets.length === 0 || freshness.lagMs === null) return freshness
  const message = `The state of bucket ${replayedBuckets.join(', ')} is being computed anew from the log: it may lack events.`
  return { lagMs: null, degraded: [...freshness.degraded, { code: 'SPEED_LAGGING', view, message }] }
}
