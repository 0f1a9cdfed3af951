// Batch views in Cassandra: a row for each (view, entity, generation) in the table `batch_views`, an entity's newest generation first, so that a
// reader takes the first row at or below its own.
//
// A removal is a deletion at a time later than any clock says: it outranks every write of that generation, before or after it, for as long as
// the cluster remembers deletions (gc_grace_seconds of the table). Readers pass deleted rows only above the row that they take.
//
// Entities have up to 1,024 bytes in the key; of a longer one the key has the first 1,024 and its SHA-256, so that no other entity has the same.

import { createHash } from 'node:crypto'
import type { types } from 'cassandra-driver'
import type { BatchRow, BatchViewStore, StoredBatchRow } from '@tidemark/ports/batch-view-store'
import { problem } from './cassandra-errors.ts'
import type { CassandraCalls } from './cassandra-session.ts'

/** Microseconds: in the year 2255. Writes have the coordinator's time. */
const REMOVAL_TIMESTAMP_US = Number.MAX_SAFE_INTEGER
const ENTITY_IN_KEY_SIZE_MAX_BYTES = 1_024

/** The batch views of a session, which stays open when this is disposed of. */
export function createCassandraBatchViewStore(session: CassandraCalls): BatchViewStore {
  const table = `${session.keyspace}.batch_views`
  const ofRow = 'view_name = ? AND entity = ? AND generation = ?'
  const insert = `INSERT INTO ${table} (view_name, entity, generation, bytes) VALUES (?, ?, ?, ?)`
  const remove = `DELETE FROM ${table} USING TIMESTAMP ${REMOVAL_TIMESTAMP_US} WHERE ${ofRow}`
  const selectNewest = `SELECT generation, bytes FROM ${table} WHERE view_name = ? AND entity = ? AND generation <= ? LIMIT 1`
  const selectGenerations = `SELECT generation FROM ${table} WHERE view_name = ? AND entity = ?`
  const whereOf = (view: string): string => `batch view ${view}`

  return {
    async write(view, generation, rows) {
      assertGeneration(generation)
      await session.forEach(rows, ({ entity, blob }: BatchRow) => session.write(whereOf(view), insert, [view, keyOf(entity), generation, asBuffer(blob)]))
    },
    async remove(view, generation, entities) {
      assertGeneration(generation)
      await session.forEach(entities, (entity) => session.write(whereOf(view), remove, [view, keyOf(entity), generation]))
    },
    async readNewest(view, throughGeneration, entities) {
      assertGeneration(throughGeneration)
      return session.forEach(entities, async (entity): Promise<StoredBatchRow | null> => {
        const [row] = await session.read(whereOf(view), selectNewest, [view, keyOf(entity), throughGeneration])
        return row === undefined ? null : storedRow(row, `${session.where}, ${whereOf(view)}`)
      })
    },
    async generationsOf(view, entities) {
      return session.forEach(entities, async (entity) => (await session.read(whereOf(view), selectGenerations, [view, keyOf(entity)])).map(generationOf))
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

function assertGeneration(generation: number): void {
  if (!Number.isSafeInteger(generation) || generation < 0) throw new Error(`${generation} is no number of a generation.`)
}

function keyOf(entity: Uint8Array): Buffer {
  const bytes = asBuffer(entity)
  if (bytes.length <= ENTITY_IN_KEY_SIZE_MAX_BYTES) return bytes
  return Buffer.concat([bytes.subarray(0, ENTITY_IN_KEY_SIZE_MAX_BYTES), createHash('sha256').update(bytes).digest()])
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

const generationOf = (row: types.Row): number => (row.generation as types.Long).toNumber()

/** STORE_DAMAGED. */
function storedRow(row: types.Row, where: string): StoredBatchRow {
  const generation = generationOf(row)
  if (row.bytes === null) throw problem('STORE_DAMAGED', where, `A row of generation ${generation} has no bytes.`, 'Something else than Tidemark wrote into the table. Restore it from a snapshot, or raise the view\'s version.')
  return { generation, blob: row.bytes as Buffer }
}
