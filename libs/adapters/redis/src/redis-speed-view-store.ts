// Speed views on Redis, one server or a Cluster. A bucket is one hash (bucket-fields.ts), a write is one script (bucket-script.ts), a read is
// one HMGET for each bucket, those of a node sent together.

import { TidemarkError, type Problem } from '@tidemark/feature-schema/errors'
import type { Revision } from '@tidemark/ports/revision'
import { CHUNKS_PER_ENTITY, type BucketKey, type BucketQuestion, type BucketState, type BucketWrite, type EntityChunks, type SpeedViewStore } from '@tidemark/ports/speed-view-store'
import { assertBucketWrite } from '@tidemark/ports/speed-write-keys'
import { addPacked, packCall, sendPacked, type PackedCall } from '@tidemark/redis-client/packed-command'
import { connectRedis, type RedisClient, type RedisConnection, type RedisServerOptions } from '@tidemark/redis-client/redis-connection'
import { pipelineByNode } from '@tidemark/redis-client/pipeline-by-node'
import { checkRedisSettings } from '@tidemark/redis-client/redis-settings'
import { runPackedScript } from '@tidemark/redis-client/run-script'
import { bucketRedisKey, entityOfField, heartbeatsRedisKey, REVISIONS_FIELD_PATTERN } from './bucket-fields.ts'
import { fillRead, stateOf } from './bucket-read.ts'
import { BUCKET_SCRIPT, bufferOf, discardArguments, removeArguments, writeArguments, type FillArguments } from './bucket-script.ts'

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
    const reads = questions.map((question) => this.readOf(question))
    const operation = questions.length === 1 ? `reading ${nameOf(questions[0]!)}` : `reading ${questions.length} buckets from ${nameOf(questions[0]!)} on`
    const replies = await this.connection.read(operation, (client) => readHashes(client, reads))
    return questions.map((question, i) => {
      const state = stateOf(question, replies[i]!)
      if (state === null) throw this.damaged(question)
      return state
    })
  }

  async write(key: BucketKey, write: BucketWrite): Promise<boolean> {
    assertBucketWrite(key, write)
    return this.change('writing', key, writeArguments(write.expected, write.put))
  }

  async remove(key: BucketKey, entity: Uint8Array, revisions: readonly (Revision | null)[]): Promise<boolean> {
    const chunks = Array.from({ length: CHUNKS_PER_ENTITY }, (_, chunk) => ({ entity, chunk, revision: revisions[chunk] ?? null }))
    return this.change('removing an entity of', key, removeArguments(entity, chunks))
  }

  async discard(key: BucketKey, expected: BucketWrite['expected']): Promise<boolean> {
    return this.change('discarding', key, discardArguments(expected))
  }

  async *scan(key: BucketKey): AsyncIterable<ScannedEntity> {
    const hash = this.keyOf(key)
    /** By their bytes as latin1: Redis gives a field twice where a hash grows meanwhile. */
    const seen = new Set<string>()
    let cursor = '0'
    do {
      const from = cursor
      const [next, entries] = await this.connection.read(`scanning ${nameOf(key)}`, (client) => client.hscanBuffer(hash, from, 'MATCH', REVISIONS_FIELD_PATTERN, 'COUNT', SCAN_COUNT))
      cursor = next.toString()
      const entities: Uint8Array[] = []
      for (let i = 0; i < entries.length; i += 2) {
        const entity = entityOfField(entries[i]!)
        const name = bufferOf(entity).toString('latin1')
        if (seen.has(name)) continue
        seen.add(name)
        entities.push(new Uint8Array(entity))
      }
      if (entities.length === 0) continue
      const [state] = await this.read([{ ...key, entities, partitions: [] }])
      for (const [i, chunks] of state!.entities.entries()) if (chunks.some((chunk) => chunk !== null)) yield { entity: entities[i]!, chunks }
    } while (cursor !== '0')
  }

  async putHeartbeats(view: string, heartbeats: ReadonlyMap<number, Uint8Array>): Promise<void> {
    if (heartbeats.size === 0) return
    const key = heartbeatsRedisKey(this.namespace, view)
    const fields = [...heartbeats].flatMap(([partition, bytes]) => [`${partition}`, bufferOf(bytes)])
    await this.connection.write(`writing heartbeats of ${view}`, (client) => client.hset(key, ...fields))
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

  private readOf(question: BucketQuestion): PackedCall {
    const key = this.keyOf(question)
    return packCall('hmget', [key], (to) => fillRead(to, key, question))
  }

  /** false: something differed, and nothing was done. */
  private async change(operation: string, key: BucketKey, fill: FillArguments | null): Promise<boolean> {
    if (fill === null) return false
    const hash = this.keyOf(key)
    return (await this.connection.write(`${operation} ${nameOf(key)}`, (client) => runPackedScript(client, BUCKET_SCRIPT, hash, fill))) === 1
  }

  private damaged(key: BucketKey): TidemarkError {
    return new TidemarkError([{
      code: 'STORE_DAMAGED', message: 'The revisions of an entity are not of the chunks that it has.', where: `${this.connection.name}, ${nameOf(key)}`,
      action: 'Nothing need be done: the bucket is discarded and computed anew from the log. See who else writes to this server.',
    }])
  }
}

function readHashes(client: RedisClient, reads: readonly PackedCall[]): Promise<(Buffer | null)[][]> {
  const ask = (read: PackedCall): Promise<(Buffer | null)[]> => sendPacked(client, read)
  if (reads.length === 1) return ask(reads[0]!).then((reply) => [reply])
  return pipelineByNode(client, reads, ({ routing: [key] }) => key!, addPacked, ask)
}

function nameOf({ view, bucket }: BucketKey): string {
  return `bucket ${bucket} of ${view}`
}
