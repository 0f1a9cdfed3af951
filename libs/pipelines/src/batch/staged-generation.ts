// A generation in the object store: its parts, and the write-set that lists them. All objects are create-only, and a number is never
// used twice, so that whoever reads a write-set reads what was gated and loaded, or will be.
//
//   views/<name>.<version>/generations/<n>/part-00000 …   rows, in parts of some MiB (staged-part.ts)
//   views/<name>.<version>/generations/<n>/write-set.json  the parts, and what the run found, version 2 (sealed-json.ts); created once its
//                                                          gate has passed

import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { BatchRow } from '@tidemark/ports/batch-view-store'
import type { ObjectStore } from '@tidemark/ports/object-store'
import { z } from 'zod'
import { decodeSealed, encodeSealed } from '../sealed-json.ts'
import type { BlobSink, EntityBlob } from './blob-sink.ts'
import { decodePart, encodePart, rowSizeBytes } from './staged-part.ts'

export const WRITE_SET_VERSION = 2

/** A part holds at most this, or one row. */
export const PART_SIZE_MAX_BYTES = 4_194_304

export interface StagedPart {
  readonly key: string
  readonly rowCount: number
  readonly sizeBytes: number
}

/** What a run found, for its gate and for that of the next one. */
export interface GenerationFigures {
  /** Records of the epochs that the run adds, the rejected ones included. */
  readonly recordCount: number
  readonly rejectedCount: number
  /** Those that the view's filter and keys let through. */
  readonly eventCount: number
  /** Entities that the run writes. */
  readonly entityCount: number
  /** Of these, the ones that had no row before. */
  readonly newEntityCount: number
  /** Entities whose features were looked at; the shares below are of them. */
  readonly sampledCount: number
  /** Feature → share of entities for which it is NULL_VALUE, from 0 to 1. */
  readonly nullShares: Readonly<Record<string, number>>
}

export interface WriteSet {
  readonly formatVersion: number
  readonly view: string
  readonly n: number
  readonly base: number
  readonly cut: number
  readonly figures: GenerationFigures
  readonly parts: readonly StagedPart[]
}

/** What all staged objects of a view begin with. */
export function stagedPrefix(view: string): string {
  return `views/${view.replace('@', '.')}/generations/`
}

export function writeSetKey(view: string, n: number): string {
  return `${stagedPrefix(view)}${n}/write-set.json`
}

/** The generation that a staged object is of; null: the key is no such object's. */
export function stagedNumber(view: string, key: string): number | null {
  const prefix = stagedPrefix(view)
  const found = key.startsWith(prefix) ? /^([1-9]\d*)\//.exec(key.slice(prefix.length)) : null
  return found === null ? null : Number(found[1])
}

/** Writes a run's rows into parts, holding at most one part in memory. */
export class StagingSink implements BlobSink {
  private readonly objects: ObjectStore
  private readonly folder: string
  private readonly partSizeMaxBytes: number
  private readonly parts: StagedPart[] = []
  private rows: BatchRow[] = []
  private sizeBytes = 0

  constructor(objects: ObjectStore, view: string, n: number, partSizeMaxBytes = PART_SIZE_MAX_BYTES) {
    this.objects = objects
    this.folder = `${stagedPrefix(view)}${n}/`
    this.partSizeMaxBytes = partSizeMaxBytes
  }

  async write(blobs: readonly EntityBlob[]): Promise<void> {
    for (const row of blobs) {
      const size = rowSizeBytes(row)
      if (this.rows.length > 0 && this.sizeBytes + size > this.partSizeMaxBytes) await this.flush()
      this.rows.push(row)
      this.sizeBytes += size
    }
  }

  /** Writes what is left; the parts in their order. */
  async finish(): Promise<readonly StagedPart[]> {
    if (this.rows.length > 0) await this.flush()
    return this.parts
  }

  private async flush(): Promise<void> {
    const key = `${this.folder}part-${String(this.parts.length).padStart(5, '0')}`
    const bytes = encodePart(this.rows)
    await createSame(this.objects, key, bytes)
    this.parts.push({ key, rowCount: this.rows.length, sizeBytes: bytes.byteLength })
    this.rows = []
    this.sizeBytes = 0
  }
}

/**
 * Creates an object that only its run creates. One that is there already and is the same was made by this very call, whose answer was
 * lost on the way. Another one is of a number that was used before: the pointer that says so is not the one that was written then. STORE_DAMAGED.
 */
async function createSame(objects: ObjectStore, key: string, bytes: Uint8Array): Promise<void> {
  if (await objects.create(key, bytes)) return
  const found = await objects.get(key)
  if (found === null || Buffer.compare(found.bytes, bytes) !== 0) throw numberUsedTwice(key)
}

function numberUsedTwice(key: string): TidemarkError {
  return new TidemarkError([{
    code: 'STORE_DAMAGED', message: 'Another object is there already, of a generation whose number the registers say was never used: they are older than the objects, or were lost.', where: key,
    action: 'Put the registers back as they were when the objects were written; where they are lost for good, begin in another namespace.',
  }])
}

/** The rows of a part; null: it is not there. Throws STORE_DAMAGED or STORE_TOO_NEW. */
export async function findPart(objects: ObjectStore, { key, rowCount }: StagedPart): Promise<BatchRow[] | null> {
  const found = await objects.get(key)
  if (found === null) return null
  const rows = decodePart(found.bytes, key)
  if (rows.length === rowCount) return rows
  throw new TidemarkError([{ code: 'STORE_DAMAGED', message: `It has ${rows.length} rows; its write-set says ${rowCount}.`, where: key, action: 'Restore the object from a backup.' }])
}

/** The rows of a part that must be there. Throws OBJECT_MISSING, STORE_DAMAGED or STORE_TOO_NEW. */
export async function readPart(objects: ObjectStore, part: StagedPart): Promise<BatchRow[]> {
  const rows = await findPart(objects, part)
  if (rows !== null) return rows
  throw new TidemarkError([{ code: 'OBJECT_MISSING', message: 'A part that a write-set names is not there.', where: part.key, action: 'Restore the object store; the rows of this generation cannot be told without it.' }])
}

/** Records a write-set, before the first of its rows is loaded. */
export async function recordWriteSet(objects: ObjectStore, writeSet: WriteSet): Promise<void> {
  await createSame(objects, writeSetKey(writeSet.view, writeSet.n), encodeSealed(writeSet))
}

/** null: none was recorded. Throws STORE_DAMAGED or STORE_TOO_NEW. */
export async function readWriteSet(objects: ObjectStore, view: string, n: number): Promise<WriteSet | null> {
  const key = writeSetKey(view, n)
  const found = await objects.get(key)
  return found === null ? null : decodeSealed(schema, WRITE_SET_VERSION, found.bytes, key, 'Restore the object from a copy; no row is loaded or deleted by what is not as it was written.')
}

const count = z.int().min(0)

const schema: z.ZodType<WriteSet> = z.strictObject({
  formatVersion: z.union([z.literal(1), z.literal(WRITE_SET_VERSION)]),
  view: z.string(),
  n: z.int().min(1),
  base: count,
  cut: z.int(),
  figures: z.strictObject({
    recordCount: count, rejectedCount: count, eventCount: count, entityCount: count, newEntityCount: count, sampledCount: count,
    nullShares: z.record(z.string(), z.number().min(0).max(1)),
  }),
  parts: z.array(z.strictObject({ key: z.string(), rowCount: count, sizeBytes: count })),
})
