// Batch views in LMDB: a row for each (view, entity, generation), the newest generation first, so that a reader walks from its own
// generation on. A removed row stays as a tombstone, which a write never covers. The database `batch-views`, numbers big-endian in keys:
//
//   key    u8 length of the view, the view (UTF-8), u16 length of the entity, the entity, u64 2^53 - 1 - generation
//          where the entity has more than 1,024 bytes: u16 0xffff and its SHA-256 in the place of the length and the entity
//   value  0  u8 format version, 1
//          1  u8 kind: 0 tombstone, 1 row
//          2  where the key has a hash: u32 little-endian length of the entity, the entity
//          …  the blob

import { createHash } from 'node:crypto'
import type { BatchViewStore, StoredBatchRow } from '@tidemark/ports/batch-view-store'
import { soon } from '@tidemark/ports/soon'
import type { EmbeddedEnvironment } from './embedded-environment.ts'
import { damaged, tooNew } from './embedded-errors.ts'

const FORMAT_VERSION = 1
const TOMBSTONE = 0
const ROW = 1
const HEAD_BYTES = 2
const VIEW_SIZE_MAX_BYTES = 255
const ENTITY_IN_KEY_SIZE_MAX_BYTES = 1_024
const HASHED = 0xffff
const HASH_BYTES = 32
const GENERATION_BYTES = 8
/** Rows that one transaction takes, and with it the longest that the process does nothing else. */
const WRITE_ROWS_MAX = 2_000

/** The batch views of an environment, which stays open when this is disposed of. Views have up to 255 bytes. */
export async function createEmbeddedBatchViewStore(environment: EmbeddedEnvironment): Promise<BatchViewStore> {
  const database = await environment.database('batch-views')
  const whereOf = (view: string): string => `${environment.folder}, batch view ${view}`

  /** Of each part of the items at a time, in a transaction of its own. */
  const inParts = async <T>(items: readonly T[], write: (part: readonly T[]) => Promise<void>): Promise<void> => {
    for (let from = 0; from < items.length; from += WRITE_ROWS_MAX) await write(items.slice(from, from + WRITE_ROWS_MAX))
  }

  return {
    async write(view, generation, rows) {
      const prefix = viewPrefix(view)
      await inParts(rows, (part) =>
        environment.write((writer) => {
          for (const { entity, blob } of part) {
            const key = rowKey(prefix, entity, generation)
            const stored = writer.get(database, key)
            if (stored === null || kindOf(stored, whereOf(view)) !== TOMBSTONE) writer.put(database, key, encodeRow(ROW, entity, blob))
          }
        }),
      )
    },
    async remove(view, generation, entities) {
      const prefix = viewPrefix(view)
      await inParts(entities, (part) =>
        environment.write((writer) => {
          for (const entity of part) writer.put(database, rowKey(prefix, entity, generation), encodeRow(TOMBSTONE, entity, new Uint8Array(0)))
        }),
      )
    },
    readNewest: (view, throughGeneration, entities) => soon(() => {
      const prefix = viewPrefix(view)
      const where = whereOf(view)
      return environment.read((reader) =>
        entities.map((entity): StoredBatchRow | null => {
          const from = rowKey(prefix, entity, throughGeneration)
          // Most entities that are asked for are of the newest generation, and a get costs much less than a walk.
          const newest = reader.get(database, from)
          if (newest !== null && kindOf(newest, where) === ROW) return { generation: throughGeneration, blob: blobOf(newest, entity, where) }
          for (const { key, value } of reader.entries(database, from, rowsEnd(prefix, entity))) {
            if (kindOf(value, where) === ROW) return { generation: generationOf(key), blob: blobOf(value, entity, where) }
          }
          return null
        }),
      )
    }),
    async generationsOf(view, entities) {
      const prefix = viewPrefix(view)
      return environment.read((reader) =>
        entities.map((entity) => {
          const rows = [...reader.entries(database, rowKey(prefix, entity, Number.MAX_SAFE_INTEGER), rowsEnd(prefix, entity))]
          return rows.filter(({ value }) => kindOf(value, whereOf(view)) === ROW).map(({ key }) => generationOf(key))
        }),
      )
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

function viewPrefix(view: string): Buffer {
  const bytes = Buffer.from(view)
  if (bytes.length > VIEW_SIZE_MAX_BYTES) throw new Error(`The view ${view} has ${bytes.length} bytes, at most ${VIEW_SIZE_MAX_BYTES}.`)
  return Buffer.concat([Buffer.of(bytes.length), bytes])
}

function isHashed(entity: Uint8Array): boolean {
  return entity.length > ENTITY_IN_KEY_SIZE_MAX_BYTES
}

/** The key of an entity's row, its last 8 bytes still to be set. */
function entityKey(prefix: Buffer, entity: Uint8Array): Buffer {
  const entityBytes = isHashed(entity) ? HASH_BYTES : entity.length
  const key = Buffer.allocUnsafe(prefix.length + 2 + entityBytes + GENERATION_BYTES)
  key.set(prefix)
  key.writeUInt16BE(isHashed(entity) ? HASHED : entity.length, prefix.length)
  key.set(isHashed(entity) ? createHash('sha256').update(entity).digest() : entity, prefix.length + 2)
  return key
}

function rowKey(prefix: Buffer, entity: Uint8Array, generation: number): Buffer {
  if (!Number.isSafeInteger(generation) || generation < 0) throw new Error(`${generation} is no number of a generation.`)
  const key = entityKey(prefix, entity)
  const left = Number.MAX_SAFE_INTEGER - generation
  key.writeUInt32BE(Math.floor(left / 2 ** 32), key.length - 8)
  key.writeUInt32BE(left % 2 ** 32, key.length - 4)
  return key
}

/** Greater than the key of any row of the entity. */
function rowsEnd(prefix: Buffer, entity: Uint8Array): Buffer {
  const key = entityKey(prefix, entity)
  return key.fill(0xff, key.length - GENERATION_BYTES)
}

function generationOf(key: Uint8Array): number {
  const view = new DataView(key.buffer, key.byteOffset + key.length - GENERATION_BYTES, GENERATION_BYTES)
  return Number.MAX_SAFE_INTEGER - (view.getUint32(0) * 2 ** 32 + view.getUint32(4))
}

function encodeRow(kind: typeof TOMBSTONE | typeof ROW, entity: Uint8Array, blob: Uint8Array): Uint8Array {
  const blobAt = blobStart(entity)
  const value = Buffer.allocUnsafe(blobAt + blob.length)
  value[0] = FORMAT_VERSION
  value[1] = kind
  if (isHashed(entity)) {
    value.writeUInt32LE(entity.length, HEAD_BYTES)
    value.set(entity, HEAD_BYTES + 4)
  }
  value.set(blob, blobAt)
  return value
}

function blobStart(entity: Uint8Array): number {
  return HEAD_BYTES + (isHashed(entity) ? 4 + entity.length : 0)
}

/** STORE_DAMAGED, STORE_TOO_NEW. */
function kindOf(value: Uint8Array, where: string): number {
  if (value[0] !== FORMAT_VERSION) throw tooNew(where, value[0] ?? 0, FORMAT_VERSION)
  if (value[1] !== TOMBSTONE && value[1] !== ROW) throw damaged(where, `A row is of the kind ${value[1]}, which there is not.`)
  return value[1]
}

/** STORE_DAMAGED: the row is of another entity than the one whose hash is its key. */
function blobOf(value: Uint8Array, entity: Uint8Array, where: string): Uint8Array {
  const blobAt = blobStart(entity)
  if (isHashed(entity)) {
    const stored = value.subarray(HEAD_BYTES, blobAt)
    const expected = Buffer.alloc(4 + entity.length)
    expected.writeUInt32LE(entity.length)
    expected.set(entity, 4)
    if (Buffer.compare(stored, expected) !== 0) throw damaged(where, 'A row of a long entity key is of another entity.')
  }
  return value.subarray(blobAt)
}
