// A cache of blobs on a Redis that may evict, one server or a Cluster. It is connected to when it is first asked, and again after that failed: who
// serves without it does not wait for it, not even at the start.
//
//   key:    NAMESPACE:blobs:1:KEY     1 is the version of this layout; KEY has a character for each byte of the key
//   value:  the bytes

import type { Problem } from '@tidemark/feature-schema/errors'
import type { BlobCache, BlobCacheEntry } from '@tidemark/ports/blob-cache'
import { blobCacheKeyText } from '@tidemark/ports/blob-cache-key'
import { packCall, sendPacked } from '@tidemark/redis-client/packed-command'
import { pipelineByNode } from '@tidemark/redis-client/pipeline-by-node'
import { connectRedis, type RedisClient, type RedisConnection, type RedisServerOptions } from '@tidemark/redis-client/redis-connection'
import { lookAtEviction } from '@tidemark/redis-client/redis-settings'
import { bufferOf } from './bucket-script.ts'
import { copyFromLarge } from './copy-together.ts'

/** Who reads through a cache waits for a fraction of it; this frees what nobody waits for. */
const TIMEOUT_MS = 1_000
/** After it nobody asks for what a generation that was replaced had. */
const KEPT_FOR_S = 86_400

/** A longer key becomes a text in any case. */
const LOOKED_THROUGH_MAX_BYTES = 256

export interface RedisBlobCacheOptions extends RedisServerOptions {
  /** What all keys begin with, so that several systems can share a server. Default: tidemark. */
  readonly namespace?: string
  /** Told once for each connection of settings that are worth a thought. */
  readonly onNotice?: (notice: Problem) => void
  readonly keptForS?: number
}

type ReadBlobs = (client: RedisClient) => Promise<(Buffer | null)[]>

/** Calls throw STORE_UNAVAILABLE, STORE_REFUSED, STORE_SETTINGS, STORE_FULL; USAGE where the address is none. */
export function createRedisBlobCache(options: RedisBlobCacheOptions): BlobCache {
  return new RedisBlobCache(options)
}

class RedisBlobCache implements BlobCache {
  private readonly options: RedisBlobCacheOptions
  private readonly prefix: string
  private readonly prefixBytes: Buffer
  /** null: it is to be made. */
  private connection: Promise<RedisConnection> | null = null

  constructor(options: RedisBlobCacheOptions) {
    this.options = options
    this.prefix = `${options.namespace ?? 'tidemark'}:blobs:1:`
    this.prefixBytes = Buffer.from(this.prefix)
  }

  async getMany(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | null)[]> {
    if (keys.length === 0) return []
    const ask = 'nodes' in this.options.server ? this.readEach(keys) : this.readAll(keys)
    const connection = await this.connected()
    return copyFromLarge(await connection.read(`reading ${keys.length} blobs`, ask))
  }

  async putMany(entries: readonly BlobCacheEntry[]): Promise<void> {
    if (entries.length === 0) return
    const named = entries.map(({ key, bytes }) => ({ name: this.nameOf(key), bytes: bufferOf(bytes) }))
    const { keptForS = KEPT_FOR_S } = this.options
    const connection = await this.connected()
    await connection.write(`keeping ${named.length} blobs`, (client) => pipelineByNode(
      client, named, ({ name }) => name,
      (pipeline, { name, bytes }) => pipeline.set(name, bytes, 'EX', keptForS),
      ({ name, bytes }) => client.set(name, bytes, 'EX', keptForS),
    ))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const connection = await this.connection?.catch(() => null)
    await connection?.[Symbol.asyncDispose]()
  }

  /** From one server, in one command. */
  private readAll(keys: readonly Uint8Array[]): ReadBlobs {
    const call = packCall('mget', [], (to) => {
      for (const key of keys) to.joined(this.prefixBytes, keyBytes(key))
    })
    return (client) => sendPacked(client, call)
  }

  /** From the servers of a Cluster, whose slots a command cannot span. */
  private readEach(keys: readonly Uint8Array[]): ReadBlobs {
    const names = keys.map((key) => this.nameOf(key))
    return (client) => pipelineByNode(client, names, (name) => name, (pipeline, name) => pipeline.getBuffer(name), (name) => client.getBuffer(name))
  }

  private nameOf(key: Uint8Array): string {
    return this.prefix + blobCacheKeyText(key)
  }

  private connected(): Promise<RedisConnection> {
    this.connection ??= this.connect().catch((error: unknown) => {
      this.connection = null
      throw error
    })
    return this.connection
  }

  private async connect(): Promise<RedisConnection> {
    const connection = await connectRedis({ timeoutMs: TIMEOUT_MS, ...this.options })
    const { onNotice } = this.options
    if (onNotice !== undefined) for (const notice of await lookAtEviction(connection)) onNotice(notice)
    return connection
  }
}

/** The key's text in UTF-8: mostly the key itself. */
function keyBytes(key: Uint8Array): Uint8Array {
  return key.length <= LOOKED_THROUGH_MAX_BYTES && isAscii(key) ? key : Buffer.from(blobCacheKeyText(key))
}

function isAscii(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes[i]! > 0x7f) return false
  return true
}
