// A real S3 server that is not there yet, hangs and is killed: what callers are told, that nothing acknowledged is lost, and that the same
// store goes on.
import { randomInt } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, jest } from '@jest/globals'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import type { ObjectStore } from '@tidemark/ports/object-store'
import type { Revision } from '@tidemark/ports/revision'
import { bytesOf, collect, textOf } from '@tidemark/ports/testing/store-cases'
import { callingFor, OUTAGE_MS, until, untilAvailable } from '@tidemark/ports/testing/until'
import { startServers, type StartedServers } from '@tidemark/servers/server-set'
import { createS3ObjectStore } from './s3-object-store.ts'

jest.setTimeout(600_000)

const ANSWER_TIMEOUT_MS = 500
/** Of each call: four attempts, and the pauses between them. */
const CALL_MAX_MS = 4 * ANSWER_TIMEOUT_MS + 8_000
const UNAVAILABLE = { code: 'STORE_UNAVAILABLE' }

interface Opened extends AsyncDisposable {
  readonly servers: StartedServers
  open(): Promise<ObjectStore>
}

async function startS3(): Promise<Opened> {
  const servers = await startServers({ names: ['s3'] })
  const { endpoint, region, accessKeyId, secretAccessKey } = servers.addresses.s3
  const credentials = { accessKeyId, secretAccessKey }
  const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true })
  await client.send(new CreateBucketCommand({ Bucket: 'bucket' }))
  client.destroy()
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-test-'))
  return {
    servers,
    open: () => createS3ObjectStore({
      endpoint, region, credentials, bucket: 'bucket', openedFolder: folder, answerTimeoutMs: ANSWER_TIMEOUT_MS, newRevision: () => randomInt(2 ** 48 - 1) as Revision,
    }),
    async [Symbol.asyncDispose]() {
      await servers[Symbol.asyncDispose]()
      await rm(folder, { recursive: true })
    },
  }
}

describe('S3ObjectStore beside a server', () => {
  it('that is away or hangs at the start says so in time, and is opened once it is there', async () => {
    await using started = await startS3()
    const { servers, open } = started
    for (const [begin, end] of [
      [() => servers.stop('s3'), () => servers.restart('s3')],
      [() => servers.pause('s3'), async () => servers.resume('s3')],
    ] as const) {
      await begin()
      const fromMs = performance.now()
      await expect(open()).rejects.toMatchObject(UNAVAILABLE)
      expect(performance.now() - fromMs).toBeLessThan(CALL_MAX_MS)
      await end()
      await using store = await untilAvailable(open)
      await store.create('k', bytesOf('x'))
    }
  })

  it('that hangs and is then killed, for ten seconds each, creates each object once and loses none, and goes on by itself', async () => {
    await using started = await startS3()
    const { servers, open } = started
    await using store = await open()
    await using other = await open()
    /** By key: who was told that he created it. */
    const told = new Map<string, number[]>()
    let isOver = false
    // Two who put the same keys, as archivers put a manifest.
    const putting = async (who: number, by: ObjectStore): Promise<void> => {
      for (let i = 0; !isOver; i++) {
        const key = `k/${i}`
        const isMine = await untilAvailable(() => by.create(key, bytesOf(`${who}`)))
        if (isMine) told.set(key, [...(told.get(key) ?? []), who])
      }
    }
    const faults = async (): Promise<void> => {
      for (const [begin, end] of [
        [() => servers.pause('s3'), async () => servers.resume('s3')],
        [() => servers.kill('s3'), () => servers.restart('s3')],
      ] as const) {
        const before = told.size
        await until('some are created', () => told.size > before + 20)
        await begin()
        const { results, longestMs } = await callingFor(OUTAGE_MS, () => store.get('k/0'))
        for (const result of results) expect(result).toMatchObject({ status: 'rejected', reason: UNAVAILABLE })
        expect(longestMs).toBeLessThan(CALL_MAX_MS)
        await end()
        await untilAvailable(() => store.create(`after/${before}`, bytesOf('x')))
      }
    }
    const ended = await Promise.allSettled([faults().finally(() => (isOver = true)), putting(1, store), putting(2, other)])
    for (const end of ended) if (end.status === 'rejected') throw end.reason
    const keys = await collect(store.list('k/'))
    expect(keys.length).toBeGreaterThanOrEqual(told.size)
    expect(told.size).toBeGreaterThan(40)
    for (const [key, creators] of told) expect([key, creators]).toEqual([key, [Number(textOf((await other.get(key))!.bytes))]])
  })

  it('that hangs is asked by no more than may wait, and keeps none of them for the time-outs of all before', async () => {
    await using started = await startS3()
    const { servers, open } = started
    await using store = await open()
    await servers.pause('s3')
    const fromMs = performance.now()
    const results = await Promise.allSettled(Array.from({ length: 10_100 }, () => store.get('k')))
    expect(performance.now() - fromMs).toBeLessThan(3 * CALL_MAX_MS)
    servers.resume('s3')
    const messages = results.map((result) => String((result as PromiseRejectedResult).reason))
    expect(messages.filter((message) => message.includes('STORE_UNAVAILABLE'))).toHaveLength(10_100)
    expect(messages.filter((message) => message.includes('calls wait already')).length).toBeGreaterThanOrEqual(50)
    expect(await untilAvailable(() => store.get('k'))).toBeNull()
  })
})
