// What a poll brings each bucket of a view: which of its records are whose. Commands are made of this; a bucket that a poll brings
// nothing has none.

import { prepareRow } from '@tidemark/aggregation/fold'
import type { Row } from '@tidemark/feature-schema/value'
import type { IngestRules } from './ingest-rules.ts'
import type { Poll, PolledPart } from './poll.ts'
import type { BucketLanes, SpeedView } from './speed-view.ts'
import type { EntityEntry } from './view-entities.ts'

export interface BucketWork {
  readonly view: SpeedView
  readonly bucket: BucketLanes
  /** By index in the poll: the source's fields, then the view's derived columns. */
  readonly rows: readonly (Row | null)[]
  readonly parts: BucketPart[]
}

/** The bucket's records of one partition. */
export interface BucketPart {
  readonly part: PolledPart
  /** Indices in the poll, ascending. */
  readonly indexes: number[]
  /** Whose they are. */
  readonly entries: EntityEntry[]
  /** How many of them are written. */
  doneCount: number
  /** Nothing more is to be written of it. */
  isOver: boolean
}

export function bucketPartOf(part: PolledPart): BucketPart {
  return { part, indexes: [], entries: [], doneCount: 0, isOver: false }
}

/** The work of each bucket of a view that has events in the poll which its fences do not contain. */
export function workOfView(rules: IngestRules, view: SpeedView, poll: Poll, isOnlyView: boolean): BucketWork[] {
  // Each view appends its own derived columns.
  const rows = isOnlyView ? poll.rows : poll.rows.map((row) => row?.slice() ?? null)
  const works: (BucketWork | undefined)[] = []
  for (const part of poll.parts) {
    if (view.blocked.has(part.owned.partition)) continue
    for (let index = part.first; index < part.last; index++) {
      const row = rows[index]!
      if (row === null || !prepareRow(view.plan, row)) continue
      const entry = view.entities.find(row)
      if (entry === null) {
        view.nullKeyCount++
        continue
      }
      const bucket = view.buckets[entry.bucket]!
      if (rules.isContained(poll.records[index]!.offset, bucket.lanes[part.owned.partition]!.fence.next)) continue
      const work = (works[entry.bucket] ??= { view, bucket, rows, parts: [] })
      let inPart = work.parts.at(-1)
      if (inPart?.part !== part) work.parts.push((inPart = bucketPartOf(part)))
      inPart.indexes.push(index)
      inPart.entries.push(entry)
    }
  }
  return works.filter((work) => work !== undefined)
}
