// Speed views and the cache of blobs on Redis beside ioredis, which sends the same bytes: the arguments of its commands are made before.

import { randomUUID } from 'node:crypto'
import { bucketRedisKey } from '@tidemark/adapter-redis/bucket-fields'
import { BUCKET_SCRIPT } from '@tidemark/adapter-redis/bucket-script'
import { createRedisBlobCache } from '@tidemark/adapter-redis/redis-blob-cache'
import { openRedisSpeedViewStore } from '@tidemark/adapter-redis/redis-speed-view-store'
import { listRead, listWrite } from '@tidemark/adapter-redis/testing/list-arguments'
import type { Revision } from '@tidemark/ports/revision'
import type { BucketKey, BucketQuestion, BucketWrite } from '@tidemark/ports/speed-view-store'
import type { Addresses } from '@tidemark/servers/addresses'
import { Redis } from 'ioredis'
import type { Contest, Contests } from './contest.ts'

const CHUNK_BYTES = 400
const FENCE_BYTES = 64
const ENTITIES_PER_WRITE = 25
const WRITES = 1_600
/** Written side by side, one write of a bucket after the other, as a processor does. */
const BUCKETS = 8
const READS = 1_500
const BLOB_BYTES = 1_000
const BLOBS_PER_READ = 100

const entityOf = (i: number): Buffer => Buffer.from(`s12:user-${String(i).padStart(7, '0')}`)
const bucketOf = (bucket: number): BucketKey => ({ view: 'totals@1', bucket })

export async function openRedisContests({ redis }: Addresses): Promise<Contests> {
  await using opened = new AsyncDisposableStack()
  const namespace = `bench-${randomUUID()}`
  const store = opened.use(await openRedisSpeedViewStore({ server: { url: redis.stateUrl }, namespace }))
  const cache = opened.use(createRedisBlobCache({ server: { url: redis.cacheUrl }, namespace }))
  const [state, cached] = [redis.stateUrl, redis.cacheUrl].map((url) => opened.adopt(new Redis(url), async (client) => void (await client.quit()))) as [Redis, Redis]
  await state.script('LOAD', BUCKET_SCRIPT.text)
  const evaluate = (key: string, args: readonly (string | Buffer)[]): Promise<unknown> => state.evalsha(BUCKET_SCRIPT.sha, 1, key, ...args)

  let written = 0
  let writes: { readonly key: BucketKey; readonly write: BucketWrite }[] = []
  let commands: { readonly key: string; readonly args: readonly (string | Buffer)[] }[] = []
  const writing: Contest = {
    name: `redis: fenced write of ${ENTITIES_PER_WRITE} chunks of ${CHUNK_BYTES} bytes`, bareName: 'evalsha of ioredis', operationCount: WRITES,
    async prepare() {
      const base = written
      writes = Array.from({ length: WRITES }, (_, i) => ({ key: bucketOf(i % BUCKETS), write: writeOf(base + Math.floor(i / BUCKETS)) }))
      commands = writes.map(({ key, write }) => ({ key: bucketRedisKey(namespace, key), args: listWrite(write) }))
      written += WRITES / BUCKETS
    },
    ours: () => inLanes(writes, async ({ key, write }) => demand(await store.write(key, write))),
    bare: () => inLanes(commands, async ({ key, args }) => demand((await evaluate(key, args)) === 1)),
  }
  await writing.prepare!()
  await writing.ours()

  const blobKeys = Array.from({ length: BLOBS_PER_READ }, (_, i) => entityOf(i))
  await cache.putMany(blobKeys.map((key) => ({ key, bytes: Buffer.alloc(BLOB_BYTES, 7) })))
  const blobNames = blobKeys.map((key) => `${namespace}:blobs:1:${key.toString('latin1')}`)
  const contests = [
    writing,
    reading('50 entities of one bucket', [questionOf(0, 0, 50)]),
    reading('50 entities of 25 buckets', Array.from({ length: 25 }, (_, i) => questionOf(i % BUCKETS, i, 2))),
    {
      name: `redis: ${BLOBS_PER_READ} cached blobs of ${BLOB_BYTES} bytes`, bareName: 'mget of ioredis', operationCount: READS,
      ours: () => inLanes(Array.from({ length: READS }), async () => demand((await cache.getMany(blobKeys)).length === BLOBS_PER_READ)),
      bare: () => inLanes(Array.from({ length: READS }), async () => demand((await cached.mgetBuffer(...blobNames)).length === BLOBS_PER_READ)),
    },
  ]
  const owned = opened.move()
  return {
    contests,
    async [Symbol.asyncDispose]() {
      for (let bucket = 0; bucket < BUCKETS; bucket++) await state.unlink(bucketRedisKey(namespace, bucketOf(bucket)))
      await owned.disposeAsync()
    },
  }

  function reading(what: string, questions: readonly BucketQuestion[]): Contest {
    const hashes = questions.map((question) => {
      const [key, ...fields] = listRead(bucketRedisKey(namespace, question), question)
      return { key: key!, fields }
    })
    return {
      name: `redis: read of ${what}`, bareName: questions.length === 1 ? 'hmget of ioredis' : 'pipeline of ioredis', operationCount: READS,
      ours: () => inLanes(Array.from({ length: READS }), async () => demand((await store.read(questions)).length === questions.length)),
      bare: () => inLanes(Array.from({ length: READS }), async () => {
        if (hashes.length === 1) return demand((await state.hmgetBuffer(hashes[0]!.key, ...hashes[0]!.fields)).length === hashes[0]!.fields.length)
        const pipeline = state.pipeline()
        for (const { key, fields } of hashes) pipeline.hmgetBuffer(key, ...fields)
        demand((await pipeline.exec())!.length === questions.length)
      }),
    }
  }
}

/** Entities that come up again, each time with the revision that they had. */
function writeOf(number: number): BucketWrite {
  const revision = number === 0 ? null : (number as Revision)
  const next = (number + 1) as Revision
  const entities = Array.from({ length: ENTITIES_PER_WRITE }, (_, i) => entityOf(i))
  return {
    expected: { fences: [{ partition: 0, bytes: number === 0 ? null : Buffer.alloc(FENCE_BYTES, number & 0xff) }], chunks: entities.map((entity) => ({ entity, chunk: 0, revision })) },
    put: { fences: [{ partition: 0, bytes: Buffer.alloc(FENCE_BYTES, (number + 1) & 0xff) }], chunks: entities.map((entity) => ({ entity, chunk: 0, stored: { revision: next, bytes: Buffer.alloc(CHUNK_BYTES, 7) } })) },
  }
}

function questionOf(bucket: number, firstEntity: number, entityCount: number): BucketQuestion {
  return { ...bucketOf(bucket), partitions: [], entities: Array.from({ length: entityCount }, (_, i) => entityOf((firstEntity + i) % ENTITIES_PER_WRITE)) }
}

/** Each of so many lanes takes every so-many-th item, one after the other. */
async function inLanes<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: BUCKETS }, async (_, lane) => {
    for (let i = lane; i < items.length; i += BUCKETS) await work(items[i]!)
  }))
}

function demand(isRight: boolean): void {
  if (!isRight) throw new Error('A contestant did not do its work.')
}
