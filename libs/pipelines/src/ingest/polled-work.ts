// What polls brought and no command has taken yet. As a rule that is one poll, and all of it is taken at once. Where work is held back it grows from
// poll to poll, and what a bucket has of it becomes one command instead of one for each poll; until then the bucket's fence stays behind, and what is
// forgotten without being taken has to be polled again, from the fences.

import type { BucketKey } from '@tidemark/ports/speed-view-store'
import { ViewWork, type BucketWork } from './bucket-work.ts'
import type { IngestLimits } from './ingest-limits.ts'
import type { IngestRules } from './ingest-rules.ts'
import { Poll } from './poll.ts'
import type { SpeedView } from './speed-view.ts'

export class PolledWork {
  readonly poll = new Poll()
  /** By the view's id. */
  private readonly ofViews = new Map<string, ViewWork>()
  /** Records of which it is known whose they are. */
  private gatheredCount = 0
  private sizeBytes = 0

  /** Finds out which buckets the records are for that were polled since the last time. */
  gather(rules: IngestRules, views: readonly SpeedView[]): void {
    const { poll, ofViews } = this
    for (const view of views) {
      let work = ofViews.get(view.id)
      if (work === undefined) ofViews.set(view.id, (work = new ViewWork(view, poll, views.length === 1)))
      work.gather(rules, poll, this.gatheredCount)
    }
    for (; this.gatheredCount < poll.records.length; this.gatheredCount++) this.sizeBytes += poll.records[this.gatheredCount]!.value?.length ?? 0
    for (const { owned } of poll.parts) owned.isHeldBack = true
  }

  /** Whether it may wait until its buckets are named. */
  mayWait({ heldCountMax, heldSizeMaxBytes }: Pick<IngestLimits, 'heldCountMax' | 'heldSizeMaxBytes'>): boolean {
    return this.poll.records.length <= heldCountMax && this.sizeBytes <= heldSizeMaxBytes
  }

  takeAll(): BucketWork[] {
    return [...this.ofViews.values()].flatMap((work) => work.takeAll())
  }

  /** The work of some buckets, each named once. */
  take(buckets: readonly BucketKey[]): BucketWork[] {
    return buckets.flatMap(({ view, bucket }) => this.ofViews.get(view)?.take(bucket) ?? [])
  }

  /** Forgets all of it: everything was taken and written. */
  clear(): void {
    for (const { owned } of this.poll.parts) {
      owned.isHeldBack = false
      owned.foldedAll()
    }
    this.forget()
  }

  /** Forgets all of it, written or not: its partitions are taken up again. */
  drop(): void {
    for (const { owned } of this.poll.parts) {
      owned.isHeldBack = false
      owned.rewind()
    }
    this.forget()
  }

  private forget(): void {
    this.poll.clear()
    this.ofViews.clear()
    this.gatheredCount = 0
    this.sizeBytes = 0
  }
}
