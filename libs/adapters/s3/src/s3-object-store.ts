// Objects in a bucket of S3, or of a server that speaks its protocol and honours conditional puts.
//
//   BUCKET/PREFIX archive/flights/part.parquet    the object archive/flights/part.parquet of a store with this prefix
//   BUCKET/PREFIX @probe/0d3fa19b22c7e1           for a moment, when a store is opened: what its conditional puts are tried with ('@' is in no key)
//
// Each object carries a mark: its size, its checksum and which call put it (object-mark.ts).

import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import type { Readable } from 'node:stream'
import { DeleteObjectCommand, GetObjectCommand, HeadObjectCommand, ListObjectsV2Command, PutObjectCommand, type GetObjectCommandOutput, type S3Client } from '@aws-sdk/client-s3'
import { assertObjectKey, assertObjectPrefix, OBJECT_KEY_SIZE_MAX_BYTES } from '@tidemark/ports/object-key'
import type { ETag, LocalObject, ObjectStore, StoredObject } from '@tidemark/ports/object-store'
import type { NewRevision } from '@tidemark/ports/revision'
import { LocalFile } from './local-file.ts'
import { measureParts, putParts } from './multipart-put.ts'
import { base64Of, ContentSum, markOf, metadataOf, parseMark, sumOf } from './object-mark.ts'
import { OpenedObjects } from './opened-objects.ts'
import { getFirstRange, getOtherRanges } from './ranged-get.ts'
import { probeConditions } from './probe-conditions.ts'
import { S3Calls, type FoundObject, type S3Server } from './s3-calls.ts'
import { isMissing, problem } from './s3-errors.ts'

export interface S3ObjectStoreOptions extends S3Server {
  readonly bucket: string
  /** Before each key, so that several systems may share a bucket: `production/`. At most 124 bytes. */
  readonly keyPrefix?: string
  /** Where objects that are opened are put as files: of this machine, with room for the largest ones. */
  readonly openedFolder: string
  readonly newRevision: NewRevision
  /** From 5 MiB; files that are larger are sent in parts of this size, and fetched in ranges of it. */
  readonly partSizeBytes?: number
  /** At most 1,000. */
  readonly listedKeysPerPage?: number
}

/** A file of 156 GiB has the 10,000 parts that S3 takes. */
const PART_SIZE_BYTES = 16 * 1_048_576
/**
 * Before so much is sent, it is looked whether there is an object already; that there is none is decided when it is put. A server that refuses a put
 * whose bytes are still on their way cuts the connection, and its answer may be lost.
 */
const LOOKED_FOR_SIZE_BYTES = 262_144
/** S3's own limit of a key, less that of ours. */
const KEY_PREFIX_SIZE_MAX_BYTES = 1_024 - OBJECT_KEY_SIZE_MAX_BYTES
const RESERVED = '@'
/** A tag as servers give them; nothing else is any object's. */
const ETAG = /^"[^"\s]*"$/

/** Opens a bucket, which has to be there, and tries its conditional puts. STORE_SETTINGS, STORE_REFUSED, STORE_UNAVAILABLE, OUTPUT_FAILED. */
export async function createS3ObjectStore(options: S3ObjectStoreOptions): Promise<ObjectStore & Pick<S3Calls, 'load'>> {
  const { bucket, keyPrefix = '', openedFolder, newRevision } = options
  if (Buffer.byteLength(keyPrefix) > KEY_PREFIX_SIZE_MAX_BYTES) throw new Error(`The prefix ${keyPrefix} has more than ${KEY_PREFIX_SIZE_MAX_BYTES} bytes.`)
  const where = `S3 bucket ${bucket} at ${options.endpoint ?? `AWS ${options.region}`}`
  const calls = new S3Calls(options)
  try {
    await probeConditions(calls, where, bucket, () => `${keyPrefix}${RESERVED}probe/${newRevision().toString(16)}`)
    return new S3ObjectStore(calls, await OpenedObjects.create(openedFolder), options, where)
  } catch (error) {
    calls[Symbol.dispose]()
    throw error
  }
}

class S3ObjectStore implements ObjectStore {
  readonly #calls: S3Calls
  readonly #opened: OpenedObjects
  readonly #bucket: string
  readonly #keyPrefix: string
  readonly #newRevision: NewRevision
  readonly #partSizeBytes: number
  readonly #listedKeysPerPage: number | undefined
  readonly #where: string

  constructor(calls: S3Calls, opened: OpenedObjects, options: S3ObjectStoreOptions, where: string) {
    this.#calls = calls
    this.#opened = opened
    this.#bucket = options.bucket
    this.#keyPrefix = options.keyPrefix ?? ''
    this.#newRevision = options.newRevision
    this.#partSizeBytes = options.partSizeBytes ?? PART_SIZE_BYTES
    this.#listedKeysPerPage = options.listedKeysPerPage
    this.#where = where
  }

  load(): ReturnType<S3Calls['load']> {
    return this.#calls.load()
  }

  async create(key: string, bytes: Uint8Array): Promise<boolean> {
    assertObjectKey(key)
    if (bytes.length >= LOOKED_FOR_SIZE_BYTES && (await this.#findMark(key)) !== null) return false
    return (await this.#put(key, { IfNoneMatch: '*' }, bytes)) !== null
  }

  async createFromFile(key: string, path: string): Promise<boolean> {
    assertObjectKey(key)
    await using file = await LocalFile.open(path)
    if (file.sizeBytes <= this.#partSizeBytes) return await this.create(key, await file.read(0, file.sizeBytes))
    if ((await this.#findMark(key)) !== null) return false
    const parts = await measureParts(file, path, this.#partSizeBytes)
    const mark = markOf(this.#newRevision(), parts.sum.sizeBytes, parts.sum.checksum)
    const target = { where: this.#whereOf(key), bucket: this.#bucket, key: this.#keyPrefix + key, mark, find: () => this.#find(key, mark.write) }
    return (await putParts(this.#calls, target, parts)) !== null
  }

  async replace(key: string, expected: ETag | null, bytes: Uint8Array): Promise<ETag | null> {
    assertObjectKey(key)
    if (expected === null) return this.#put(key, { IfNoneMatch: '*' }, bytes)
    return ETAG.test(expected) ? this.#put(key, { IfMatch: expected }, bytes) : null
  }

  async get(key: string): Promise<StoredObject | null> {
    assertObjectKey(key)
    return this.#read(key, async (output, sum) => {
      const bytes = await output.Body!.transformToByteArray()
      sum.add(bytes)
      return { etag: output.ETag!, bytes }
    })
  }

  async open(key: string): Promise<LocalObject> {
    assertObjectKey(key)
    const path = await this.#opened.pathFor(key)
    const close = (): Promise<void> => this.#opened.remove(path)
    try {
      if (!(await this.#download(key, path))) throw problem('OBJECT_MISSING', this.#whereOf(key), 'There is no object of this key.', 'Restore it from a copy of the bucket: objects that a manifest names are never removed by Tidemark.')
    } catch (error) {
      await close()
      throw error
    }
    return { path, [Symbol.asyncDispose]: close }
  }

  /** false: there is none. */
  async #download(key: string, path: string): Promise<boolean> {
    const get = { where: this.#whereOf(key), target: this.#target(key), rangeSizeBytes: this.#partSizeBytes, path }
    const first = await this.#orNull(get.where, async (client) => ({ range: await getFirstRange(client, get) }))
    if (first === null) return false
    if (first.range !== null) {
      await getOtherRanges(this.#calls, get, first.range)
      return true
    }
    const isThere = await this.#read(key, async (output, sum) => {
      await pipeline(output.Body as Readable, summing(sum), createWriteStream(path))
      return true
    })
    return isThere === true
  }

  async *list(prefix: string): AsyncIterable<string> {
    assertObjectPrefix(prefix)
    const asked = { Bucket: this.#bucket, Prefix: this.#keyPrefix + prefix, MaxKeys: this.#listedKeysPerPage }
    let after: string | undefined
    do {
      const page = await this.#calls.retried(this.#where, (client) => client.send(new ListObjectsV2Command({ ...asked, ContinuationToken: after })))
      for (const { Key } of page.Contents ?? []) {
        const key = Key!.slice(this.#keyPrefix.length)
        if (!key.startsWith(RESERVED)) yield key
      }
      after = page.IsTruncated ? page.NextContinuationToken : undefined
    } while (after !== undefined)
  }

  async remove(key: string): Promise<void> {
    assertObjectKey(key)
    await this.#calls.retried(this.#whereOf(key), (client) => client.send(new DeleteObjectCommand(this.#target(key))))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#calls[Symbol.dispose]()
    await this.#opened[Symbol.asyncDispose]()
  }

  #put(key: string, condition: { IfNoneMatch: '*' } | { IfMatch: ETag }, bytes: Uint8Array): Promise<ETag | null> {
    const { sizeBytes, checksum } = sumOf(bytes)
    const mark = markOf(this.#newRevision(), sizeBytes, checksum)
    const put = { ...this.#target(key), ...condition, Body: bytes, ChecksumCRC32: base64Of(checksum), Metadata: metadataOf(mark) }
    return this.#calls.writeOnce({
      where: this.#whereOf(key),
      attempt: async () => (await this.#calls.client.send(new PutObjectCommand(put))).ETag,
      find: () => this.#find(key, mark.write),
    })
  }

  /** Whole, and checked by the mark; by the server's own checksum where the object has none. null: there is none. */
  async #read<T>(key: string, use: (output: GetObjectCommandOutput, sum: ContentSum) => Promise<T>): Promise<T | null> {
    const where = this.#whereOf(key)
    return this.#orNull(where, async (client) => {
      let output = await client.send(new GetObjectCommand(this.#target(key)))
      const mark = parseMark(output.Metadata, where)
      if (mark === null) {
        ;(output.Body as Readable).destroy()
        output = await client.send(new GetObjectCommand({ ...this.#target(key), ChecksumMode: 'ENABLED' }))
      }
      const sum = new ContentSum()
      const result = await use(output, sum)
      if (mark !== null) sum.assertIs(mark, where)
      return result
    })
  }

  async #findMark(key: string): Promise<{ readonly write: string | undefined; readonly etag: ETag } | null> {
    const where = this.#whereOf(key)
    return this.#orNull(where, async (client) => {
      const { Metadata, ETag } = await client.send(new HeadObjectCommand(this.#target(key)))
      return { write: parseMark(Metadata, where)?.write, etag: ETag! }
    })
  }

  async #find(key: string, write: string): Promise<FoundObject | null> {
    const found = await this.#findMark(key)
    return found && { etag: found.etag, isOwn: found.write === write }
  }

  #orNull<T>(where: string, call: (client: S3Client) => Promise<T>): Promise<T | null> {
    return this.#calls.retried(where, async (client) => {
      try {
        return await call(client)
      } catch (error) {
        if (isMissing(error)) return null
        throw error
      }
    })
  }

  #target(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.#bucket, Key: this.#keyPrefix + key }
  }

  #whereOf(key: string): string {
    return `${this.#where}, object ${key}`
  }
}

function summing(sum: ContentSum): (chunks: AsyncIterable<Uint8Array>) => AsyncGenerator<Uint8Array> {
  return async function* (chunks) {
    for await (const chunk of chunks) {
      sum.add(chunk)
      yield chunk
    }
  }
}
