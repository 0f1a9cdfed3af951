// Speed views on Redis, one server or a Cluster. A bucket is one hash (bucket-fields.ts), a write is one script (bucket-script.ts), a read is
// one HMGET for each bucket, those of a node sent together.

import { TidemarkError, type Problem } from '@tidemark/feature-schema/errors'
import type { Revision } from '@tidemark/ports/revision'
import { CHUNKS_PER_ENTITY, type BucketKey, type BucketQuestion, type BucketState, type BucketWrite, type EntityChunks, type SpeedViewStore, type StoredChunk } from '@tidemark/ports/speed-view-store'
import { assertBucketWrite } from '@tidemark/ports/speed-write-keys'
import { connectRedis, type RedisClient, type RedisConnection, type RedisServerOptions } from '@tidemark/redis-client/redis-connection'
import { pipelineByNode } from '@tidemark/redis-client/pipeline-by-node'
import { checkRedisSettings } from '@tidemark/redis-client/redis-settings'
import { runScript } from '@tidemark/redis-client/run-script'
import { bucketRedisKey, chunkField, encodeStoredChunk, entityOfField, fenceField, heartbeatsRedisKey, RECORD_FIELD, revisionAt, REVISION_BYTES } from './bucket-fields.ts'
import { BUCKET_SCRIPT, scriptArguments, type BucketCommand } from './bucket-script.ts'
import { copyTogether } from './copy-together.ts'

/** Fields that a scan asks for at a time. */
const SCAN_COUNT = 256

export interface RedisSpeedViewStoreOptions extends RedisServerOptions {
  /** What all keys begin with, so that several systems can share a server. Default: tidemark. */
  readonly namespace?: string
  /** Told once for each server whose settings are worth a thought. */
  readonly onNotice?: (notice: Problem) => void
}

interface ScannedEntity {
  readonly entity: Uint8Array
  readonly chunks: EntityChunks
}

/** Connects, and looks at the settings. STORE_UNAVAILABLE, STORE_REFUSED, STORE_SETTINGS where the server may evict, USAGE. */
export async function openRedisSpeedViewStore({ namespace = 'tidemark', onNotice, ...server }: RedisSpeedViewStoreOptions): Promise<SpeedViewStore> {
  const connection = await connectRedis(server)
  try {
    for (const notice of await checkRedisSettings(connection)) onNotice?.(notice)
  } catch (error) {
    await connection[Symbol.asyncDispose]()
    throw error
  }
  return new RedisSpeedViewStore(connection, namespace)
}

class RedisSpeedViewStore implements SpeedViewStore {
  private readonly connection: RedisConnection
  private readonly namespace: string

  constructor(connection: RedisConnection, namespace: string) {
    this.connection = connection
    this.namespace = namespace
  }

  async read(questions: readonly BucketQuestion[]): Promise<readonly BucketState[]> {
    if (questions.length === 0) return []
    const commands = questions.map((question) => ({ key: this.keyOf(question), fields: fieldsOf(question) }))
    const operation = questions.length === 1 ? `reading ${nameOf(questions[0]!)}` : `reading ${questions.length} buckets from ${nameOf(questions[0]!)} on`
    const replies = await this.connection.read(operation, (client) => readHashes(client, commands))
    return questions.map((question, i) => this.stateOf(question, replies[i]!))
  }

  async write(key: BucketKey, write: BucketWrite): Promise<boolean> {
    assertBucketWrite(key, write)
    const { record, fences, chunks } = write.put
    const put: (string | Buffer)[] = record === undefined ? [] : [RECORD_FIELD, bufferOf(record)]
    for (const { partition, bytes } of fences) put.push(fenceField(partition), bufferOf(bytes))
    for (const { entity, chunk, stored } of chunks) put.push(chunkField(entity, chunk), encodeStoredChunk(stored))
    return this.change('writing', key, 'HSET', write.expected, put)
  }

  async remove(key: BucketKey, entity: Uint8Array, revisions: readonly (Revision | null)[]): Promise<boolean> {
    const chunks = Array.from({ length: CHUNKS_PER_ENTITY }, (_, chunk) => ({ entity, chunk, revision: revisions[chunk] ?? null }))
    return this.change('removing an entity of', key, 'HDEL', { fences: [], chunks }, chunks.map(({ chunk }) => chunkField(entity, chunk)))
  }

  async discard(key: BucketKey, expected: BucketWrite['expected']): Promise<boolean> {
    return this.change('discarding', key, 'UNLINK', expected, [])
  }

  async *scan(key: BucketKey): AsyncIterable<ScannedEntity> {
    const hash = this.keyOf(key)
    /** By their bytes as latin1. Redis gives a field twice while a hash grows, and the chunks of an entity at different times. */
    const seen = new Set<string>()
    let cursor = '0'
    do {
      const from = cursor
      const [next, entries] = await this.connection.read(`scanning ${nameOf(key)}`, (client) => client.hscanBuffer(hash, from, 'COUNT', SCAN_COUNT))
      cursor = next.toString()
      const entities: Uint8Array[] = []
      for (let i = 0; i < entries.length; i += 2) {
        const entity = entityOfField(entries[i]!)
        if (entity === null) continue
        const name = Buffer.from(entity.buffer, entity.byteOffset, entity.length).toString('latin1')
        if (seen.has(name)) continue
        seen.add(name)
        entities.push(new Uint8Array(entity))
      }
      if (entities.length === 0) continue
      const [state] = await this.read([{ ...key, entities, partitions: [] }])
      for (const [i, chunks] of state!.entities.entries()) if (chunks.some((chunk) => chunk !== null)) yield { entity: entities[i]!, chunks }
    } while (cursor !== '0')
  }

  async putHeartbeat(view: string, partition: number, bytes: Uint8Array): Promise<void> {
    const key = heartbeatsRedisKey(this.namespace, view)
    await this.connection.write(`writing a heartbeat of ${view}`, (client) => client.hset(key, `${partition}`, bufferOf(bytes)))
  }

  async heartbeats(view: string): Promise<ReadonlyMap<number, Uint8Array>> {
    const key = heartbeatsRedisKey(this.namespace, view)
    const entries = await this.connection.read(`reading the heartbeats of ${view}`, (client) => client.hgetallBuffer(key))
    return new Map(Object.entries(entries).map(([partition, bytes]) => [Number(partition), new Uint8Array(bytes)]))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.connection[Symbol.asyncDispose]()
  }

  private keyOf(key: BucketKey): string {
    return bucketRedisKey(this.namespace, key)
  }

  /** false: something differed, and nothing was done. */
  private async change(operation: string, key: BucketKey, command: BucketCommand, expected: BucketWrite['expected'], commandArguments: readonly (string | Buffer)[]): Promise<boolean> {
    const hash = this.keyOf(key)
    const args = scriptArguments(command, expected, commandArguments)
    const reply = await this.connection.write(`${operation} ${nameOf(key)}`, (client) => runScript(client, BUCKET_SCRIPT, [hash], args))
    return reply === 1
  }

  private stateOf(question: BucketQuestion, reply: readonly (Buffer | null)[]): BucketState {
    const { partitions, entities, known } = question
    const [record, ...fences] = copyTogether(reply.slice(0, 1 + partitions.length))
    const chunksFrom = 1 + partitions.length
    return {
      record: record!, fences,
      entities: entities.map((_, i) => this.chunksOf(question, reply, chunksFrom + CHUNKS_PER_ENTITY * i, known?.[i] ?? null)),
    }
  }

  /** The chunks of the entity whose values are in the reply from there on. */
  private chunksOf(question: BucketKey, reply: readonly (Buffer | null)[], at: number, known: EntityChunks | null): EntityChunks {
    const values = reply.slice(at, at + CHUNKS_PER_ENTITY)
    for (const value of values) if (value !== null && value.length < REVISION_BYTES) throw this.damaged(question)
    if (known !== null && values.every((value, chunk) => (value && revisionAt(value, 0)) === (known[chunk]?.revision ?? null))) return known
    const bytes = copyTogether(values.map((value) => value && value.subarray(REVISION_BYTES)))
    return values.map((value, chunk): StoredChunk | null => value && { revision: revisionAt(value, 0), bytes: bytes[chunk]! })
  }

  private damaged(key: BucketKey): TidemarkError {
    return new TidemarkError([{
      code: 'STORE_DAMAGED', message: `A chunk has fewer than ${REVISION_BYTES} bytes.`, where: `${this.connection.name}, ${nameOf(key)}`,
      action: 'Nothing need be done: the bucket is discarded and computed anew from the log. See who else writes to this server.',
    }])
  }
}

/** Record, fences and chunks of a question, in this order. */
function fieldsOf({ partitions, entities }: BucketQuestion): (string | Buffer)[] {
  const fields: (string | Buffer)[] = [RECORD_FIELD]
  for (const partition of partitions) fields.push(fenceField(partition))
  for (const entity of entities) for (let chunk = 0; chunk < CHUNKS_PER_ENTITY; chunk++) fields.push(chunkField(entity, chunk))
  return fields
}

interface HashRead {
  readonly key: string
  readonly fields: readonly (string | Buffer)[]
}

function readHashes(client: RedisClient, reads: readonly HashRead[]): Promise<(Buffer | null)[][]> {
  if (reads.length === 1) return client.hmgetBuffer(reads[0]!.key, ...reads[0]!.fields).then((reply) => [reply])
  return pipelineByNode(
    client, reads, ({ key }) => key,
    (pipeline, { key, fields }) => pipeline.hmgetBuffer(key, ...fields),
    ({ key, fields }) => client.hmgetBuffer(key, ...fields),
  )
}

function nameOf({ view, bucket }: BucketKey): string {
  return `bucket ${bucket} of ${view}`
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
