// Whether a server honours what exactness rests on: a create that finds an object changes nothing, by one put and by parts, and a replacement
// of another version does nothing. Some servers ignore such conditions without a word, so it is tried before anything is kept there.

import { AbortMultipartUploadCommand, CompleteMultipartUploadCommand, CreateMultipartUploadCommand, DeleteObjectCommand, PutObjectCommand, UploadPartCommand } from '@aws-sdk/client-s3'
import type { S3Calls } from './s3-calls.ts'
import { isConditionFailed, problem } from './s3-errors.ts'

const BODY = Buffer.from('tidemark tries conditional puts')
/** A tag as S3 writes them, which is not BODY's. */
const OTHER_ETAG = '"00000000000000000000000000000000"'

/** Makes an object of a key that `newKey` draws, and removes it. STORE_SETTINGS: a condition is ignored. STORE_REFUSED, STORE_UNAVAILABLE. */
export async function probeConditions(calls: S3Calls, where: string, bucket: string, newKey: () => string): Promise<void> {
  // Each time with another key, so that an attempt cannot meet what one before has left.
  const ignored = await calls.retried(where, () => findIgnored(calls, { Bucket: bucket, Key: newKey() }))
  if (ignored === null) return
  throw problem(
    'STORE_SETTINGS', where, `The server ignores ${ignored}: it would let two processes overwrite each other's objects.`,
    'Use S3 itself or a server that honours conditional puts (MinIO does), without a gateway before it that takes these headers away.',
  )
}

/** What the server ignores; null: nothing. */
async function findIgnored(calls: S3Calls, target: { readonly Bucket: string; readonly Key: string }): Promise<string | null> {
  const { client } = calls
  const put = (condition: { IfNoneMatch?: string; IfMatch?: string }): Promise<unknown> => client.send(new PutObjectCommand({ ...target, Body: BODY, ...condition }))
  try {
    const first = await client.send(new PutObjectCommand({ ...target, Body: BODY, IfNoneMatch: '*' }))
    if (!(await isRefused(put({ IfNoneMatch: '*' })))) return '`If-None-Match: *` of a put'
    if (!(await isRefused(put({ IfMatch: OTHER_ETAG })))) return '`If-Match` of a put'
    await put({ IfMatch: first.ETag! })
    const upload = { ...target, UploadId: (await client.send(new CreateMultipartUploadCommand(target))).UploadId }
    const { ETag } = await client.send(new UploadPartCommand({ ...upload, PartNumber: 1, Body: BODY }))
    const complete = new CompleteMultipartUploadCommand({ ...upload, IfNoneMatch: '*', MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] } })
    if (!(await isRefused(client.send(complete)))) return '`If-None-Match: *` at the end of an upload in parts'
    await client.send(new AbortMultipartUploadCommand(upload))
    return null
  } finally {
    await client.send(new DeleteObjectCommand(target))
  }
}

async function isRefused(call: Promise<unknown>): Promise<boolean> {
  try {
    await call
    return false
  } catch (error) {
    if (isConditionFailed(error)) return true
    throw error
  }
}
