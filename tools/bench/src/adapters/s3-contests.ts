// Objects on S3 beside the SDK's own client, as it comes.

import { randomInt, randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createS3ObjectStore } from '@tidemark/adapter-s3/s3-object-store'
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import type { Revision } from '@tidemark/ports/revision'
import type { Addresses } from '@tidemark/servers/addresses'
import type { Contest, Contests } from './contest.ts'

const LANES = 8

export async function openS3Contests({ s3 }: Addresses): Promise<Contests> {
  const { endpoint, region, accessKeyId, secretAccessKey } = s3
  const server = { endpoint, region, credentials: { accessKeyId, secretAccessKey } }
  const bucket = `bench-${randomUUID()}`
  await using opened = new AsyncDisposableStack()
  const client = opened.adopt(new S3Client({ ...server, forcePathStyle: true }), (it) => it.destroy())
  await client.send(new CreateBucketCommand({ Bucket: bucket }))
  const openedFolder = opened.adopt(await mkdtemp(join(tmpdir(), 'tidemark-bench-')), (folder) => rm(folder, { recursive: true, force: true }))
  const store = opened.use(await createS3ObjectStore({ ...server, bucket, openedFolder, newRevision: () => randomInt(2 ** 48 - 1) as Revision }))

  let putCount = 0
  const sized = async (sizeBytes: number, name: string, operationCount: number): Promise<Contest[]> => {
    const bytes = Buffer.alloc(sizeBytes, 7)
    await store.create(`read/${sizeBytes}`, bytes)
    const newKey = (): string => `put/${sizeBytes}/${++putCount}`
    return [
      {
        name: `s3: put an object of ${name}`, bareName: 'put of the SDK', operationCount,
        ours: () => inLanes(operationCount, async () => demand(await store.create(newKey(), bytes))),
        bare: () => inLanes(operationCount, async () => demand((await client.send(new PutObjectCommand({ Bucket: bucket, Key: newKey(), Body: bytes, IfNoneMatch: '*' }))).ETag !== undefined)),
      },
      {
        name: `s3: get an object of ${name}`, bareName: 'get of the SDK', operationCount,
        ours: () => inLanes(operationCount, async () => demand((await store.get(`read/${sizeBytes}`))!.bytes.length === sizeBytes)),
        bare: () => inLanes(operationCount, async () => {
          const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: `read/${sizeBytes}` }))
          demand((await Body!.transformToByteArray()).length === sizeBytes)
        }),
      },
    ]
  }
  const contests = [...(await sized(16_384, '16 KiB', 400)), ...(await sized(4 * 1_048_576, '4 MiB', 24))]
  const owned = opened.move()
  return { contests, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

async function inLanes(count: number, work: () => Promise<void>): Promise<void> {
  let begun = 0
  await Promise.all(Array.from({ length: LANES }, async () => {
    while (begun++ < count) await work()
  }))
}

function demand(isRight: boolean): void {
  if (!isRight) throw new Error('A contestant did not do its work.')
}
