// The way on from damage: the bucket is discarded whole, whoever owns its partitions finds its fences gone and takes up again, and its state is
// computed anew from the log, from the view's floor on; the bucket has no record until then, and one that says so until the log's end is
// reached, so that no answer lacks events silently. A disk that damages again and again is not hammered: each pause is twice the last.

import type { Clock } from '@tidemark/ports/clock'
import type { SpeedViewStore } from '@tidemark/ports/speed-view-store'
import type { Alarm, OnAlarm } from '../alarm.ts'
import type { BucketDamagedError } from './bucket-damage.ts'
import type { IngestLimits } from './ingest-limits.ts'
import type { IngestRules } from './ingest-rules.ts'
import { bucketWhere } from './speed-view.ts'

export interface DiscardingPorts {
  readonly store: SpeedViewStore
  readonly clock: Clock
  readonly rules: IngestRules
  readonly limits: IngestLimits
  readonly onAlarm: OnAlarm
}

/** A bucket is damaged again, too soon after it was discarded. */
export interface Halt {
  readonly alarm: Alarm
  /** By the steady clock. */
  readonly untilMs: number
}

/** The buckets that one process discarded. */
export class BucketDiscards {
  private readonly ports: DiscardingPorts
  /** By where it is. */
  private readonly made = new Map<string, { readonly atMs: number; readonly pauseMs: number }>()

  constructor(ports: DiscardingPorts) {
    this.ports = ports
  }

  /** Discards the bucket, with an alarm; where it was changed meanwhile, it is to be read again. null: work goes on. */
  async discard({ bucket, seen, problems: [problem] }: BucketDamagedError): Promise<Halt | null> {
    const { store, clock, rules, limits: { discardPauseMinMs, discardPauseMaxMs }, onAlarm } = this.ports
    const where = bucketWhere(bucket)
    const found = `${problem!.message} (${problem!.where})`
    const nowMs = clock.steadyMs()
    const last = this.made.get(where)
    if (last !== undefined && nowMs < last.atMs + last.pauseMs) {
      const message = `${found} It was discarded and computed anew, and is damaged again: the view stands still, and it is tried again later. Look at the store's disk or transport.`
      return { alarm: { code: problem!.code, message, where }, untilMs: last.atMs + last.pauseMs }
    }
    if (!(await rules.discard(store, bucket, seen))) return null
    const wasLongAgo = last === undefined || nowMs > last.atMs + 2 * discardPauseMaxMs
    this.made.set(where, { atMs: nowMs, pauseMs: wasLongAgo ? discardPauseMinMs : Math.min(discardPauseMaxMs, 2 * last.pauseMs) })
    onAlarm({ code: problem!.code, message: `${found} The bucket is discarded and computed anew from the log, from the view's floor on; answers say so until then. Look at the store's disk or transport.`, where })
    return null
  }
}
