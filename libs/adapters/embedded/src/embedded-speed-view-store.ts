// Speed views on LMDB: one transaction for each write, one snapshot for each read. Database speed has the buckets (speed-keys.ts), and
// heartbeats has, by view (text) | u32 BE partition, the bytes of the last one.

import type { Revision } from '@tidemark/ports/revision'
import { soon } from '@tidemark/ports/soon'
import { CHUNKS_PER_ENTITY, type BucketQuestion, type BucketState, type BucketWrite, type EntityChunks, type SpeedViewStore, type StoredChunk } from '@tidemark/ports/speed-view-store'
import { assertBucketWrite } from '@tidemark/ports/speed-write-keys'
import type { EmbeddedEnvironment } from './embedded-environment.ts'
import type { Reader } from './embedded-reader.ts'
import { afterPrefix, textKey, u32Key } from './key-bytes.ts'
import { SEAL_BYTES } from './sealed-value.ts'
import { afterEntity, bucketPrefix, chunkKey, chunkOfKey, chunkRange, decodeChunk, encodeChunk, entityOf, fenceKey, firstChunkKey, recordKey, revisionAt } from './speed-keys.ts'
import type { Writer } from './write-queue.ts'

/** A bucket without a record is replayed from the log, and a heartbeat is written each second. */
export const SPEED_DATABASES: readonly string[] = ['speed', 'heartbeats']

/** Entities that one snapshot of a scan gives. */
const SCAN_COUNT = 256

interface ScannedEntity {
  readonly entity: Uint8Array
  readonly chunks: EntityChunks
}

/** The speed views of an environment, which outlives them. */
export async function openEmbeddedSpeedViewStore(environment: EmbeddedEnvironment): Promise<SpeedViewStore> {
  const speed = await environment.database('speed')
  const heartbeats = await environment.database('heartbeats')

  function readBucket(reader: Reader, question: BucketQuestion): BucketState {
    const prefix = bucketPrefix(question)
    return {
      record: readRecord(reader, prefix, question.knownRecord ?? null),
      fences: question.partitions.map((partition) => reader.get(speed, fenceKey(prefix, partition))),
      entities: question.entities.map((entity, i) => readEntity(reader, prefix, entity, question.known?.[i] ?? null)),
    }
  }

  function readRecord(reader: Reader, prefix: Buffer, known: Uint8Array | null): Uint8Array | null {
    const key = recordKey(prefix)
    if (known !== null) {
      const sealed = reader.peek(speed, key)
      if (sealed !== null && areBytesAt(sealed, SEAL_BYTES, known)) return known
    }
    return reader.get(speed, key)
  }

  function readEntity(reader: Reader, prefix: Buffer, entity: Uint8Array, known: EntityChunks | null): EntityChunks {
    const key = firstChunkKey(prefix, entity)
    if (known !== null && haveRevisions(reader, key, known)) return known
    const chunks: (StoredChunk | null)[] = []
    for (let chunk = 0; chunk < CHUNKS_PER_ENTITY; chunk++) {
      key[key.length - 1] = chunk
      const value = reader.get(speed, key)
      chunks.push(value && decodeChunk(key, prefix, value))
    }
    return chunks
  }

  /** Whether an entity's chunks, whose first key is given, are the known ones: a revision is never given twice. */
  function haveRevisions(reader: Reader, key: Buffer, known: EntityChunks): boolean {
    for (let chunk = 0; chunk < CHUNKS_PER_ENTITY; chunk++) {
      key[key.length - 1] = chunk
      if (revisionOf(reader, key) !== (known[chunk]?.revision ?? null)) return false
    }
    return true
  }

  function revisionOf(reader: Reader, key: Buffer): Revision | null {
    const sealed = reader.peek(speed, key)
    return sealed && revisionAt(sealed, SEAL_BYTES)
  }

  function isAsExpected(reader: Reader, prefix: Buffer, { record, fences, chunks }: BucketWrite['expected']): boolean {
    if (record !== undefined && !isSame(reader.get(speed, recordKey(prefix)), record)) return false
    for (const { partition, bytes } of fences) if (!isSame(reader.get(speed, fenceKey(prefix, partition)), bytes)) return false
    const keyOf = chunkKeys(prefix)
    for (const { entity, chunk, revision } of chunks) if (revisionOf(reader, keyOf(entity, chunk)) !== revision) return false
    return true
  }

  function put(writer: Writer, prefix: Buffer, { record, fences, chunks }: BucketWrite['put']): void {
    if (record !== undefined) writer.put(speed, recordKey(prefix), record)
    for (const { partition, bytes } of fences) writer.put(speed, fenceKey(prefix, partition), bytes)
    for (const { entity, chunk, stored } of chunks) writer.put(speed, chunkKey(prefix, entity, chunk), encodeChunk(entity, stored))
  }

  /** The next entities from a key on, and where to go on; null: that was all. */
  function scanPage(reader: Reader, prefix: Buffer, from: Buffer, to: Buffer): { page: ScannedEntity[]; next: Buffer | null } {
    const page: { entity: Uint8Array; chunks: (StoredChunk | null)[] }[] = []
    let end: Buffer | null = null
    for (const { key, value } of reader.entries(speed, from, to)) {
      if (end === null || Buffer.compare(key, end) >= 0) {
        if (page.length === SCAN_COUNT) return { page, next: Buffer.from(key) }
        page.push({ entity: entityOf(prefix, key, value), chunks: new Array<null>(CHUNKS_PER_ENTITY).fill(null) })
        end = afterEntity(key)
      }
      page.at(-1)!.chunks[chunkOfKey(key)] = decodeChunk(key, prefix, value)
    }
    return { page, next: null }
  }

  return {
    read: (questions) => soon(() => environment.read((reader) => questions.map((question) => readBucket(reader, question)))),
    async write(key, write) {
      assertBucketWrite(key, write)
      const prefix = bucketPrefix(key)
      return environment.write((writer) => {
        if (!isAsExpected(writer, prefix, write.expected)) return false
        put(writer, prefix, write.put)
        return true
      })
    },
    async remove(key, entity, revisions) {
      const prefix = bucketPrefix(key)
      return environment.write((writer) => {
        for (let chunk = 0; chunk < CHUNKS_PER_ENTITY; chunk++) if (revisionOf(writer, chunkKey(prefix, entity, chunk)) !== (revisions[chunk] ?? null)) return false
        for (let chunk = 0; chunk < CHUNKS_PER_ENTITY; chunk++) writer.remove(speed, chunkKey(prefix, entity, chunk))
        return true
      })
    },
    async discard(key, expected) {
      const prefix = bucketPrefix(key)
      return environment.write((writer) => {
        if (!isAsExpected(writer, prefix, expected)) return false
        for (const each of writer.keys(speed, prefix, afterPrefix(prefix))) writer.remove(speed, Buffer.from(each))
        return true
      })
    },
    async *scan(key) {
      const prefix = bucketPrefix(key)
      const { from, to } = chunkRange(prefix)
      for (let next: Buffer | null = from; next !== null; ) {
        const begin: Buffer = next
        const scanned = environment.read((reader) => scanPage(reader, prefix, begin, to))
        yield* scanned.page
        next = scanned.next
      }
    },
    async putHeartbeats(view, all) {
      await environment.write((writer) => {
        for (const [partition, bytes] of all) writer.put(heartbeats, Buffer.concat([textKey(view), u32Key(partition)]), bytes)
      })
    },
    async heartbeats(view) {
      const prefix = textKey(view)
      return environment.read((reader) => new Map([...reader.entries(heartbeats, prefix, afterPrefix(prefix))].map(({ key, value }) => [Buffer.from(key).readUInt32BE(prefix.length), value])))
    },
    async [Symbol.asyncDispose]() {},
  }
}

/** Keys of chunks, good until the next one is made: those of an entity mostly follow each other, and differ in their last byte. */
function chunkKeys(prefix: Buffer): (entity: Uint8Array, chunk: number) => Buffer {
  let last: Uint8Array | null = null
  let key = prefix
  return (entity, chunk) => {
    if (entity !== last) key = firstChunkKey(prefix, entity)
    last = entity
    key[key.length - 1] = chunk
    return key
  }
}

/** Whether the bytes from a place on to the end are these. */
function areBytesAt(sealed: Uint8Array, at: number, bytes: Uint8Array): boolean {
  if (sealed.length - at !== bytes.length) return false
  for (let i = 0; i < bytes.length; i++) if (sealed[at + i] !== bytes[i]) return false
  return true
}

function isSame(stored: Uint8Array | null, expected: Uint8Array | null): boolean {
  if (stored === null || expected === null) return stored === expected
  return Buffer.compare(stored, expected) === 0
}
