// What a processor knows of a view's speed state: for each bucket and partition a lane, which is the fence as it was last read or
// written, and through where the log was inspected for the bucket since.

import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import type { BucketKey } from '@tidemark/ports/speed-view-store'
import type { Alarm } from '../alarm.ts'
import type { BucketRecord } from '../log/bucket-record.ts'
import type { PartitionPosition } from '../log/partition-position.ts'
import { viewId } from '../names.ts'
import { emptyPointer, type Pointer } from '../pointer.ts'
import type { Halt } from './bucket-discards.ts'
import { ViewEntities } from './view-entities.ts'

export interface Lane {
  fence: PartitionPosition
  /** The same as it is stored. */
  fenceBytes: Uint8Array
  /** Where the next range begins: after the last position inspected without a break since the fence was read. */
  through: number
  /** When the fence was read at first, or written. */
  fenceAtMs: number
  /** The store was found to have less than this fence. */
  isLost: boolean
}

export class BucketLanes implements BucketKey {
  readonly view: string
  readonly bucket: number
  /** By partition. */
  readonly lanes: (Lane | undefined)[] = []
  /** As last read; null: there is none, or it was not read yet. */
  record: BucketRecord | null = null
  recordBytes: Uint8Array | null = null
  /** Rises when entities' states in memory may not be the stored ones any more. */
  stateVersion = 0

  constructor(view: string, bucket: number) {
    this.view = view
    this.bucket = bucket
  }
}

export class SpeedView {
  readonly plan: ViewPlan
  /** `airport_delays@1` */
  readonly id: string
  readonly buckets: readonly BucketLanes[]
  readonly entities: ViewEntities
  /** As last read. */
  pointer: Pointer
  /** Partitions that this view cannot be folded of, and why. */
  readonly blocked = new Map<number, Alarm>()
  /** A bucket of it is damaged again and again. */
  halt: Halt | null = null
  /** Events that nobody counts, because a key is NULL. */
  nullKeyCount = 0

  constructor(plan: ViewPlan, cacheSizeMaxBytes: number) {
    this.plan = plan
    this.id = viewId(plan.view)
    this.buckets = Array.from({ length: plan.view.bucketCount }, (_, bucket) => new BucketLanes(this.id, bucket))
    this.entities = new ViewEntities(plan, cacheSizeMaxBytes)
    this.pointer = emptyPointer(this.id)
  }

  /** Whether nothing of it is to be read, since it would be damaged again. */
  isHalted(steadyMs: number): boolean {
    return this.halt !== null && steadyMs < this.halt.untilMs
  }

  /** Forgets the lanes of a partition. */
  release(partition: number): void {
    for (const { lanes } of this.buckets) lanes[partition] = undefined
    this.blocked.delete(partition)
  }
}

export function bucketWhere({ view, bucket }: BucketKey): string {
  return `bucket ${bucket} of view ${view}`
}

export function fenceWhere(bucket: BucketKey, partition: number): string {
  return `fence of partition ${partition}, ${bucketWhere(bucket)}`
}
