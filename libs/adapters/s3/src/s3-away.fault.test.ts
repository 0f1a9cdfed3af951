// A real S3 server that is gone, comes back, and stands still: what callers are told, and that the same store goes on.
import { randomInt } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import type { Revision } from '@tidemark/ports/revision'
import { bytesOf, textOf } from '@tidemark/ports/testing/store-cases'
import { startServers } from '@tidemark/servers/server-set'
import { createS3ObjectStore } from './s3-object-store.ts'

const ANSWER_TIMEOUT_MS = 500
/** Of each call: four attempts, and the pauses between them. */
const CALL_MAX_MS = 4 * ANSWER_TIMEOUT_MS + 8_000

describe('S3ObjectStore beside a server that fails', () => {
  it('says that it is away, loses nothing that was acknowledged, and goes on', async () => {
    await using servers = await startServers({ names: ['s3'] })
    const { endpoint, region, accessKeyId, secretAccessKey } = servers.addresses.s3
    const credentials = { accessKeyId, secretAccessKey }
    await new S3Client({ endpoint, region, credentials, forcePathStyle: true }).send(new CreateBucketCommand({ Bucket: 'bucket' }))
    const folder = await mkdtemp(join(tmpdir(), 'tidemark-test-'))
    const open = () => createS3ObjectStore({
      endpoint, region, credentials, bucket: 'bucket', openedFolder: folder, answerTimeoutMs: ANSWER_TIMEOUT_MS, newRevision: () => randomInt(2 ** 48 - 1) as Revision,
    })
    try {
      await using store = await open()
      const away = { code: 'STORE_UNAVAILABLE' }
      expect(await store.create('before', bytesOf('kept'))).toBe(true)

      await servers.kill('s3')
      await expect(store.get('before')).rejects.toMatchObject(away)
      await expect(store.create('meanwhile', bytesOf('x'))).rejects.toMatchObject(away)
      await expect(open()).rejects.toMatchObject(away)
      await servers.restart('s3')
      expect(textOf((await store.get('before'))!.bytes)).toBe('kept')
      expect(await store.create('after', bytesOf('x'))).toBe(true)

      await servers.pause('s3')
      const fromMs = performance.now()
      await expect(store.get('before')).rejects.toMatchObject(away)
      await expect(store.create('paused', bytesOf('mine'))).rejects.toMatchObject(away)
      expect(performance.now() - fromMs).toBeLessThan(2 * CALL_MAX_MS)
      servers.resume('s3')
      // What was sent to the paused server may have been done since: the outcome was unknown, and is seen by reading.
      await store.create('paused', bytesOf('mine'))
      expect(textOf((await store.get('paused'))!.bytes)).toBe('mine')
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
