// A large object as a local file, by ranges that are fetched side by side, each tried again by itself. All are of one state of the object: the later
// ones ask for the tag that came with the first.

import { createReadStream, createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import type { Readable } from 'node:stream'
import { GetObjectCommand, type GetObjectCommandOutput, type S3Client } from '@aws-sdk/client-s3'
import type { ETag } from '@tidemark/ports/object-store'
import { inLanes } from './in-lanes.ts'
import { ContentSum, parseMark, type ObjectMark } from './object-mark.ts'
import type { S3Calls } from './s3-calls.ts'
import { damagedObject, isConditionFailed, problem } from './s3-errors.ts'

/** Ranges of one object that are under way at once. */
const RANGES_AT_ONCE = 4

export interface RangedGet {
  readonly where: string
  readonly target: { readonly Bucket: string; readonly Key: string }
  readonly rangeSizeBytes: number
  /** Where the object is put. */
  readonly path: string
}

/** The first range, which is in the file: what the others must be of. */
export interface FirstRange {
  readonly mark: ObjectMark
  readonly etag: ETag
  readonly rangeCount: number
}

/**
 * Puts the first range into the file. null: the object has to be got as a whole, because it has no mark and a server vouches for a whole object only,
 * or because it has no bytes, which no range is of. Throws the client's own errors, and STORE_DAMAGED.
 */
export async function getFirstRange(client: S3Client, { where, target, rangeSizeBytes, path }: RangedGet): Promise<FirstRange | null> {
  const first = await client.send(new GetObjectCommand({ ...target, Range: rangeOf(0, rangeSizeBytes) })).catch(nullIfEmpty)
  if (first === null) return null
  const mark = parseMark(first.Metadata, where)
  if (mark === null) {
    ;(first.Body as Readable).destroy()
    return null
  }
  await pipeline(first.Body as Readable, createWriteStream(path))
  return { mark, etag: first.ETag!, rangeCount: Math.ceil(rangedSizeOf(first, where) / rangeSizeBytes) }
}

/** Puts the other ranges into the file, and checks it. Each range is a call by itself: one that waited for others in its turn could wait for ever. STORE_UNAVAILABLE, STORE_DAMAGED. */
export async function getOtherRanges(calls: S3Calls, { where, target, rangeSizeBytes, path }: RangedGet, { mark, etag, rangeCount }: FirstRange): Promise<void> {
  await inLanes(Math.max(0, rangeCount - 1), RANGES_AT_ONCE, (piece) => calls.retried(where, async (client) => {
    const from = (piece + 1) * rangeSizeBytes
    const part = await client.send(new GetObjectCommand({ ...target, Range: rangeOf(from, rangeSizeBytes), IfMatch: etag })).catch((error: unknown) => {
      throw isConditionFailed(error) ? problem('STORE_UNAVAILABLE', where, 'It was replaced while it was read.', 'Nothing need be done: it is read again.') : error
    })
    await pipeline(part.Body as Readable, createWriteStream(path, { flags: 'r+', start: from }))
  }))
  const sum = new ContentSum()
  for await (const chunk of createReadStream(path)) sum.add(chunk as Uint8Array)
  sum.assertIs(mark, where)
}

function rangeOf(from: number, sizeBytes: number): string {
  return `bytes=${from}-${from + sizeBytes - 1}`
}

/** Of the whole object; 0: the server gave all of it, although a range was asked for. */
function rangedSizeOf({ ContentRange }: GetObjectCommandOutput, where: string): number {
  if (ContentRange === undefined) return 0
  const [, size] = /^bytes \d+-\d+\/(\d+)$/.exec(ContentRange) ?? []
  if (size === undefined) throw damagedObject(where, `The server says that its bytes are ${ContentRange}, which names no size.`)
  return Number(size)
}

function nullIfEmpty(error: unknown): null {
  if ((error as { name?: unknown }).name === 'InvalidRange') return null
  throw error
}
