// How far the speed state of a view lags, from its partitions' heartbeats, and what of it makes an answer less than it should be.

import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { Clock } from '@tidemark/ports/clock'
import { momentOf, passedMs, type Moment } from '@tidemark/ports/moment'
import type { SpeedViewStore } from '@tidemark/ports/speed-view-store'
import { decodeHeartbeat, type Heartbeat } from '../ingest/heartbeat.ts'
import type { Degradation } from './feature-answer.ts'

/** Heartbeats that were read are given to the next requests too, for as long as this. */
export const HEARTBEATS_SHARED_MAX_MS = 500
/** A processor writes one each second; after this long without any it is taken for dead. */
export const HEARTBEAT_AGE_MAX_MS = 5_000
/** Of a heartbeat that is stamped further ahead of the reader's clock nobody can tell when it was written. */
export const HEARTBEAT_AHEAD_MAX_MS = 1_000
/** A view that lags by more says so in its answers. */
export const LAG_MAX_MS = 10_000

export interface Freshness {
  /** Everything that the log took longer ago than this is in the state; null: not known. */
  readonly lagMs: number | null
  readonly degraded: readonly Degradation[]
}

/** A heartbeat, and since when the reader has seen no other one in its place: it may be older, and is never younger. */
export interface Heard {
  readonly heartbeat: Heartbeat
  readonly bytes: Uint8Array
  readonly since: Moment
}

/** By partition. */
export type Heartbeats = ReadonlyMap<number, Heard>

interface SharedHeartbeats {
  readonly since: Moment
  /** As they were read last before these. */
  readonly before: Heartbeats
  heartbeats: Heartbeats | null | Promise<Heartbeats | null>
}

export class FreshnessReader {
  private readonly store: Pick<SpeedViewStore, 'heartbeats'>
  private readonly clock: Clock
  private readonly read = new Map<string, SharedHeartbeats>()

  constructor(store: Pick<SpeedViewStore, 'heartbeats'>, clock: Clock) {
    this.store = store
    this.clock = clock
  }

  /** null: they could not be read. At once where they were read a moment ago. */
  heartbeats(view: string): Heartbeats | null | Promise<Heartbeats | null> {
    const known = this.read.get(view)
    return known !== undefined && known.heartbeats !== null && passedMs(this.clock, known.since) < HEARTBEATS_SHARED_MAX_MS ? known.heartbeats : this.share(view, known)
  }

  private share(view: string, last: SharedHeartbeats | undefined): Promise<Heartbeats | null> {
    const since = momentOf(this.clock)
    const before = last?.heartbeats instanceof Map ? last.heartbeats : (last?.before ?? new Map<number, Heard>())
    const heartbeats = this.readNow(view, before, since)
    const shared: SharedHeartbeats = { since, before, heartbeats }
    this.read.set(view, shared)
    return heartbeats.then((read) => (shared.heartbeats = read))
  }

  private async readNow(view: string, before: Heartbeats, since: Moment): Promise<Heartbeats | null> {
    try {
      const stored = await this.store.heartbeats(view)
      return new Map([...stored].map(([partition, bytes]) => {
        const known = before.get(partition)
        if (known !== undefined && Buffer.compare(known.bytes, bytes) === 0) return [partition, known]
        return [partition, { heartbeat: decodeHeartbeat(bytes, `heartbeat of view ${view}, partition ${partition}`), bytes, since }]
      }))
    } catch (error) {
      if (error instanceof TidemarkError) return null
      throw error
    }
  }
}

/**
 * How long ago a heartbeat was written: by its stamp, and at least as long as no other one has come. null: its stamp is ahead of the reader's
 * clock, so that one of the two clocks is wrong, or was when it was written.
 */
export function heardBeforeMs(stampedBeforeMs: number, unchangedForMs: number): number | null {
  return stampedBeforeMs < -HEARTBEAT_AHEAD_MAX_MS ? null : Math.max(0, stampedBeforeMs, unchangedForMs)
}

/** What heartbeats say of a view's state by now, under a cut. */
export function judgeFreshness(view: string, heartbeats: Heartbeats | null, cut: number, clock: Clock, heardBefore: typeof heardBeforeMs = heardBeforeMs): Freshness {
  const degraded: Degradation[] = []
  const degrade = (code: Degradation['code'], message: string): void => void degraded.push({ code, view, message })
  if (heartbeats === null || heartbeats.size === 0) {
    degrade('SPEED_SILENT', heartbeats === null ? 'How far its processors are could not be read.' : 'No processor has said how far it is.')
    return { lagMs: null, degraded }
  }
  const nowMs = clock.nowMs()
  let lagMs: number | null = 0
  for (const [partition, { heartbeat: { writtenAtMs, caughtUpAtMs, nextOffset, logEnd, stopped, brokenEpochs }, since }] of heartbeats) {
    const heardMs = heardBefore(nowMs - writtenAtMs, passedMs(clock, since))
    const partitionLagMs = caughtUpAtMs === null || heardMs === null ? null : heardMs + Math.max(0, writtenAtMs - caughtUpAtMs)
    lagMs = lagMs === null || partitionLagMs === null ? null : Math.max(lagMs, partitionLagMs)
    if (stopped !== null) degrade('PARTITION_STOPPED', `Partition ${partition} stands still at offset ${nextOffset}: ${stopped.code}, ${stopped.message}`)
    else if (heardMs === null) degrade('SPEED_SILENT', `What was last heard of partition ${partition} is stamped ${writtenAtMs - nowMs} ms ahead of this clock: one of the clocks is wrong, or was.`)
    else if (heardMs > HEARTBEAT_AGE_MAX_MS) degrade('SPEED_SILENT', `The processor of partition ${partition} was last heard ${heardMs} ms ago.`)
    else if (partitionLagMs === null) degrade('SPEED_LAGGING', `The processor of partition ${partition} has not caught up with the log since it took it over; ${logEnd - nextOffset} records were left when it last said so.`)
    else if (partitionLagMs > LAG_MAX_MS) degrade('SPEED_LAGGING', `Partition ${partition} was last known to have all of its log ${partitionLagMs} ms ago; ${logEnd - nextOffset} records were left when its processor last said so.`)
    const broken = brokenEpochs.filter((epoch) => epoch > cut)
    if (broken.length > 0) degrade('SEAM_BROKEN', `A record of partition ${partition} came later than the declared skew; a generation with cut ${Math.max(...broken)} will contain it.`)
  }
  return { lagMs, degraded }
}

/** What it means besides that some of a view's buckets are replayed, or are to be: they may lack events, whatever their partitions' heartbeats say. */
export function withLacking(view: string, freshness: Freshness, buckets: readonly number[]): Freshness {
  if (buckets.length === 0 || freshness.lagMs === null) return freshness
  const message = `The state of bucket ${buckets.join(', ')} is being computed anew from the log: it may lack events.`
  return { lagMs: null, degraded: [...freshness.degraded, { code: 'SPEED_LAGGING', view, message }] }
}
