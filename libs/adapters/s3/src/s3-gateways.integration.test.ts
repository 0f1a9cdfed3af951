// A real S3 server behind what may stand before one: TLS, and a gateway that takes the conditions of puts away.
import { randomInt, randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { CreateBucketCommand, PutBucketPolicyCommand, S3Client } from '@aws-sdk/client-s3'
import type { ObjectStore } from '@tidemark/ports/object-store'
import type { Revision } from '@tidemark/ports/revision'
import { bytesOf, textOf } from '@tidemark/ports/testing/store-cases'
import { sharedServers } from '@tidemark/servers/shared-servers'
import { startTlsProxy, type TlsProxy } from '@tidemark/servers/tls-proxy'
import { createS3ObjectStore, type S3ObjectStoreOptions } from './s3-object-store.ts'

const BUCKET = `tidemark-${randomUUID()}`

let server: { readonly endpoint: string; readonly region: string; readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } }
let folder: string

beforeAll(async () => {
  const { endpoint, region, accessKeyId, secretAccessKey } = (await sharedServers('s3')).s3
  server = { endpoint, region, credentials: { accessKeyId, secretAccessKey } }
  const client = new S3Client({ ...server, forcePathStyle: true })
  await client.send(new CreateBucketCommand({ Bucket: BUCKET }))
  // A gateway asks in its own name: here in nobody's.
  const everything = { Effect: 'Allow', Principal: { AWS: ['*'] }, Action: ['s3:*'], Resource: [`arn:aws:s3:::${BUCKET}`, `arn:aws:s3:::${BUCKET}/*`] }
  await client.send(new PutBucketPolicyCommand({ Bucket: BUCKET, Policy: JSON.stringify({ Version: '2012-10-17', Statement: [everything] }) }))
  client.destroy()
  folder = await mkdtemp(join(tmpdir(), 'tidemark-test-'))
})

afterAll(() => rm(folder, { recursive: true }))

const open = (options: Partial<S3ObjectStoreOptions>): Promise<ObjectStore> =>
  createS3ObjectStore({ ...server, bucket: BUCKET, keyPrefix: `${randomUUID()}/`, openedFolder: folder, newRevision: () => randomInt(2 ** 48 - 1) as Revision, ...options })

describe('S3ObjectStore over TLS', () => {
  let proxy: TlsProxy

  beforeAll(async () => {
    proxy = await startTlsProxy(new URL(server.endpoint).host)
  })
  afterAll(async () => {
    await proxy[Symbol.asyncDispose]()
  })

  it('creates and reads where the authority is known', async () => {
    await using store = await open({ endpoint: `https://${proxy.address}`, tls: { ca: proxy.certificate } })
    const bytes = new Uint8Array(10 * 1_048_576).map((_, i) => i % 251)
    expect(await store.create('large', bytes)).toBe(true)
    expect(Buffer.compare((await store.get('large'))!.bytes, bytes)).toBe(0)
  })

  it('is refused where the authority is not known, or the certificate is for another name', async () => {
    const { port } = new URL(`https://${proxy.address}`)
    for (const [endpoint, more] of [[`https://${proxy.address}`, {}], [`https://localhost:${port}`, { tls: { ca: proxy.certificate } }]] as const) {
      await expect(open({ endpoint, ...more })).rejects.toMatchObject({ code: 'STORE_SETTINGS', problems: [{ message: expect.stringContaining('certificate') }] })
    }
    await expect(open({ endpoint: `http://${proxy.address}`, answerTimeoutMs: 1_000 })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  })
})

describe('S3ObjectStore behind a gateway', () => {
  /** Passes requests on without their signature, and without these headers. */
  async function startGateway(taken: readonly string[]): Promise<{ readonly endpoint: string } & AsyncDisposable> {
    const gateway = createServer((asked, answered) => {
      const headers = Object.fromEntries(Object.entries(asked.headers).filter(([name]) => !['authorization', ...taken].includes(name)))
      const passed = request(`${server.endpoint}${asked.url}`, { method: asked.method, headers }, (answer) => {
        answered.writeHead(answer.statusCode!, answer.headers)
        answer.pipe(answered)
      })
      passed.on('error', () => answered.destroy())
      asked.pipe(passed)
    })
    await new Promise<void>((resolve) => gateway.listen(0, '127.0.0.1', resolve))
    return {
      endpoint: `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`,
      async [Symbol.asyncDispose]() {
        gateway.closeAllConnections()
        await new Promise((resolve) => gateway.close(resolve))
      },
    }
  }

  it('works where it takes no condition away', async () => {
    await using gateway = await startGateway([])
    await using store = await open({ endpoint: gateway.endpoint })
    expect(await store.create('k', bytesOf('one'))).toBe(true)
    expect(await store.create('k', bytesOf('two'))).toBe(false)
    expect(textOf((await store.get('k'))!.bytes)).toBe('one')
  })

  it.each([['if-none-match', 'If-None-Match'], ['if-match', 'If-Match']])('is refused where it takes %s away', async (header, named) => {
    await using gateway = await startGateway([header])
    await expect(open({ endpoint: gateway.endpoint })).rejects.toMatchObject({ code: 'STORE_SETTINGS', problems: [{ message: expect.stringContaining(named) }] })
  })
})
