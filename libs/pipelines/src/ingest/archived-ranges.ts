// Where a partition's records may be rejected, by the archive's own account of them, so that a search for dead letters behind a view's start need
// not decode what the archiver has accepted by the same schema. A manifest is believed for as many offsets as its segments have records: where
// some have none, as markers of transactions, and where there is no manifest, every record is looked at.

import { TidemarkError, type ErrorCode } from '@tidemark/feature-schema/errors'
import { readManifest } from '../archive/manifest-store.ts'
import { readSealRegister } from '../log/change-seal-register.ts'
import type { Manifest, SealedPartition } from '../log/manifest.ts'
import type { IngestContext } from './ingest-context.ts'

/** Offsets [from, to). */
export interface OffsetRange {
  readonly from: number
  readonly to: number
}

/** Manifests that are read in one go: they are objects, each of a seal. */
const MANIFESTS_AT_ONCE = 64
/** What ends the account, and is for those to report who need the archive. */
const UNREADABLE: readonly ErrorCode[] = ['OBJECT_MISSING', 'STORE_DAMAGED', 'STORE_TOO_NEW']

export class ArchivedRanges {
  private readonly partition: number
  /** The seal whose manifest is read next; null: none is. */
  private nextThrough: number | null
  /** The manifest that was read last is accounted for once it is known where the one before it ends. */
  private last: SealedPartition | null = null
  /** What is accounted for. */
  private from = Infinity
  private to = 0
  /** Where in it something may be rejected, the last range first. */
  private readonly doubtful: OffsetRange[] = []

  private constructor(partition: number, newestThrough: number | null) {
    this.partition = partition
    this.nextThrough = newestThrough
  }

  /** Nothing is read but the register yet. */
  static async of({ registers, source }: IngestContext, partition: number): Promise<ArchivedRanges> {
    return new ArchivedRanges(partition, (await readSealRegister(registers, source)).register.lastSeal?.through ?? null)
  }

  /** Reads some manifests, from the newest back to an offset. Whether all of them are read. */
  async readBack(context: IngestContext, offset: number): Promise<boolean> {
    for (let i = 0; i < MANIFESTS_AT_ONCE && this.nextThrough !== null; i++) {
      const manifest = await readOrNull(context, this.nextThrough)
      const sealed = manifest?.partitions.find(({ partition }) => partition === this.partition) ?? null
      this.account(sealed?.end ?? null)
      const isBelieved = manifest !== null && sealed !== null && manifest.sourceVersion === context.source.version
      this.last = isBelieved ? sealed : null
      this.nextThrough = isBelieved && sealed.end > offset ? manifest.after : null
    }
    if (this.nextThrough !== null) return false
    this.account(null)
    return true
  }

  /** Takes up the manifest that was read last; null: where the one before it ends is not known, and it begins with its first record. */
  private account(previousEnd: number | null): void {
    if (this.last === null) return
    const { end, segments } = this.last
    const from = previousEnd ?? segments.reduce((first, { firstOffset }) => Math.min(first, firstOffset), end)
    const isComplete = segments.reduce((sum, { rowCount }) => sum + rowCount, 0) === end - from
    const rejected = segments.filter(({ rejectedCount }) => rejectedCount > 0).map(({ firstOffset, lastOffset }) => ({ from: firstOffset, to: lastOffset + 1 }))
    this.doubtful.push(...(isComplete ? rejected.reverse() : [{ from, to: end }]))
    this.to = Math.max(this.to, end)
    this.from = from
    this.last = null
  }

  /** What is to be looked at next, from an offset on. */
  next(offset: number): OffsetRange {
    if (offset >= this.to) return { from: offset, to: Infinity }
    if (offset < this.from) return { from: offset, to: this.from }
    const range = this.doubtful.findLast(({ to }) => to > offset)
    return range === undefined ? { from: this.to, to: Infinity } : { from: Math.max(offset, range.from), to: range.to }
  }
}

async function readOrNull({ objects, registers, source }: IngestContext, through: number): Promise<Manifest | null> {
  try {
    return await readManifest(objects, registers, source, through)
  } catch (error) {
    if (error instanceof TidemarkError && UNREADABLE.includes(error.code)) return null
    throw error
  }
}
