// What polls bring each bucket of a view: which of their records are whose. Commands are made of this; a bucket that is brought nothing has none.

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

/** The work of a view's buckets that have events in a poll which their fences do not contain, until it is taken. */
export class ViewWork {
  private readonly view: SpeedView
  private readonly rows: (Row | null)[]
  private readonly hasOwnRows: boolean
  private readonly works: (BucketWork | undefined)[] = []

  /** `isOnly`: there is no other view, which would append derived columns of its own. */
  constructor(view: SpeedView, poll: Poll, isOnly: boolean) {
    this.view = view
    this.hasOwnRows = !isOnly
    this.rows = isOnly ? poll.rows : []
  }

  /** Adds the records of the poll from an index on. */
  gather(rules: IngestRules, poll: Poll, from: number): void {
    const { view, rows } = this
    if (this.hasOwnRows) for (let index = from; index < poll.rows.length; index++) rows.push(poll.rows[index]?.slice() ?? null)
    for (const part of poll.parts) {
      if (view.blocked.has(part.owned.partition)) continue
      for (let i = firstAtLeast(from, part.indexes); i < part.indexes.length; i++) this.add(rules, poll, part, part.indexes[i]!)
    }
  }

  private add(rules: IngestRules, poll: Poll, part: PolledPart, index: number): void {
    const { view, rows, works } = this
    const row = rows[index]!
    if (row === null || !prepareRow(view.plan, row)) return
    const entry = view.entities.find(row)
    if (entry === null) {
      view.nullKeyCount++
      return
    }
    const bucket = view.buckets[entry.bucket]!
    if (rules.isContained(poll.records[index]!.offset, bucket.lanes[part.owned.partition]!.fence.next)) return
    const work = (works[entry.bucket] ??= { view, bucket, rows, parts: [] })
    let inPart = work.parts.at(-1)
    if (inPart?.part !== part) inPart = work.parts.find((each) => each.part === part)
    if (inPart === undefined) work.parts.push((inPart = bucketPartOf(part)))
    inPart.indexes.push(index)
    inPart.entries.push(entry)
  }

  takeAll(): BucketWork[] {
    return this.works.splice(0).filter((work) => work !== undefined)
  }

  /** undefined: there is none. */
  take(bucket: number): BucketWork | undefined {
    const work = this.works[bucket]
    this.works[bucket] = undefined
    return work
  }
}

/** Where an ascending list has its first value that is not less. */
export function firstAtLeast(least: number, values: readonly number[], valueOf = (value: number): number => value): number {
  let [from, to] = [0, values.length]
  while (from < to) {
    const middle = (from + to) >> 1
    if (valueOf(values[middle]!) < least) from = middle + 1
    else to = middle
  }
  return from
}
