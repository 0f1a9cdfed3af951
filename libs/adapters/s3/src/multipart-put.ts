// A large file as an object, in parts that are sent side by side; it becomes the object all at once, and only where there is none.
//
// The file is read twice: for the sum that the object carries, and to send it; a part that then has another checksum is not sent.

import { crc32 } from 'node:zlib'
import { AbortMultipartUploadCommand, CompleteMultipartUploadCommand, CreateMultipartUploadCommand, UploadPartCommand, type CompletedPart } from '@aws-sdk/client-s3'
import type { ETag } from '@tidemark/ports/object-store'
import { inLanes } from './in-lanes.ts'
import { changed, type LocalFile } from './local-file.ts'
import { base64Of, ContentSum, metadataOf, type ObjectMark } from './object-mark.ts'
import type { FoundObject, S3Calls } from './s3-calls.ts'

/** Parts of one file that are in memory and under way at once. */
const PARTS_AT_ONCE = 4

export interface FileParts {
  readonly file: LocalFile
  readonly path: string
  readonly partSizeBytes: number
  readonly sum: ContentSum
  /** CRC-32 of each part. */
  readonly checksums: readonly number[]
}

/** Reads a file once, a part at a time. */
export async function measureParts(file: LocalFile, path: string, partSizeBytes: number): Promise<FileParts> {
  const sum = new ContentSum()
  const checksums: number[] = []
  for (let from = 0; from < file.sizeBytes; from += partSizeBytes) {
    const part = await file.read(from, Math.min(partSizeBytes, file.sizeBytes - from))
    sum.add(part)
    checksums.push(crc32(part))
  }
  return { file, path, partSizeBytes, sum, checksums }
}

export interface MultipartPut {
  readonly where: string
  readonly bucket: string
  /** With the store's prefix. */
  readonly key: string
  readonly mark: ObjectMark
  readonly find: () => Promise<FoundObject | null>
}

/** null: there is an object of this key. What was sent is given up then, and after a failure. */
export async function putParts(calls: S3Calls, { where, bucket, key, mark, find }: MultipartPut, parts: FileParts): Promise<ETag | null> {
  const target = { Bucket: bucket, Key: key }
  const begun = await calls.retried(where, (client) => client.send(new CreateMultipartUploadCommand({ ...target, Metadata: metadataOf(mark), ChecksumAlgorithm: 'CRC32' })))
  const upload = { ...target, UploadId: begun.UploadId }
  let etag: ETag | null = null
  try {
    const sent = await sendParts(calls, where, upload, parts)
    etag = await calls.writeOnce({
      where,
      attempt: () => calls.client.send(new CompleteMultipartUploadCommand({ ...upload, IfNoneMatch: '*', MultipartUpload: { Parts: sent } })).then(({ ETag }) => ETag),
      find,
    })
    return etag
  } finally {
    // Where this fails too, the parts cost room until the bucket's rule for unfinished uploads removes them; how the put ended matters more.
    if (etag === null) await calls.once((client) => client.send(new AbortMultipartUploadCommand(upload))).catch(() => undefined)
  }
}

async function sendParts(calls: S3Calls, where: string, upload: { Bucket: string; Key: string; UploadId: string | undefined }, parts: FileParts): Promise<CompletedPart[]> {
  const { file, path, partSizeBytes, checksums } = parts
  const sent: CompletedPart[] = []
  await inLanes(checksums.length, PARTS_AT_ONCE, async (i) => {
    const from = i * partSizeBytes
    const bytes = await file.read(from, Math.min(partSizeBytes, file.sizeBytes - from))
    if (crc32(bytes) !== checksums[i]) throw changed(path)
    const about = { PartNumber: i + 1, ChecksumCRC32: base64Of(checksums[i]!) }
    const { ETag } = await calls.retried(where, (client) => client.send(new UploadPartCommand({ ...upload, ...about, Body: bytes })))
    sent[i] = { ...about, ETag }
  })
  return sent
}
