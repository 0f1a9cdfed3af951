// What a bucket is asked, as one HMGET, and what its reply says.

import { CHUNKS_PER_ENTITY, type BucketQuestion, type BucketState, type EntityChunks, type StoredChunk } from '@tidemark/ports/speed-view-store'
import type { ArgumentSink } from '@tidemark/redis-client/resp-packer'
import { fenceField, putChunkField, putRevisionsField, readRevision, RECORD_FIELD, REVISIONS_BYTES } from './bucket-fields.ts'
import { copyTogether } from './copy-together.ts'

/** Revisions and chunks. */
const FIELDS_PER_ENTITY = 1 + CHUNKS_PER_ENTITY

/** The key; record, fences, and of each entity revisions and chunks, in this order. */
export function fillRead(to: ArgumentSink, key: string, { partitions, entities }: BucketQuestion): void {
  to.text(key)
  to.text(RECORD_FIELD)
  for (const partition of partitions) to.text(fenceField(partition))
  for (const entity of entities) {
    putRevisionsField(to, entity)
    for (let chunk = 0; chunk < CHUNKS_PER_ENTITY; chunk++) putChunkField(to, entity, chunk)
  }
}

/** By the order of `fillRead`; null: the revisions of an entity are not of the chunks that it has. */
export function stateOf({ partitions, entities, known }: BucketQuestion, reply: readonly (Buffer | null)[]): BucketState | null {
  const [record, ...fences] = copyTogether(reply, 0, 1 + partitions.length)
  const chunks: EntityChunks[] = []
  for (let i = 0; i < entities.length; i++) {
    const ofEntity = chunksOf(reply, 1 + partitions.length + FIELDS_PER_ENTITY * i, known?.[i] ?? null)
    if (ofEntity === null) return null
    chunks.push(ofEntity)
  }
  return { record: record!, fences, entities: chunks }
}

/** Of the entity whose revisions are at `at`. */
function chunksOf(reply: readonly (Buffer | null)[], at: number, known: EntityChunks | null): EntityChunks | null {
  const revisions = reply[at]!
  if (revisions !== null && revisions.length !== REVISIONS_BYTES) return null
  let isKnown = known !== null
  for (let chunk = 0; chunk < CHUNKS_PER_ENTITY; chunk++) {
    const revision = revisions && readRevision(revisions, chunk)
    if ((revision === null) !== (reply[at + 1 + chunk] === null)) return null
    isKnown &&= revision === (known![chunk]?.revision ?? null)
  }
  if (isKnown) return known
  if (revisions === null) return NO_CHUNKS
  return copyTogether(reply, at + 1, at + FIELDS_PER_ENTITY).map((bytes, chunk): StoredChunk | null => bytes && { revision: readRevision(revisions, chunk)!, bytes })
}

const NO_CHUNKS: EntityChunks = Array.from({ length: CHUNKS_PER_ENTITY }, () => null)
