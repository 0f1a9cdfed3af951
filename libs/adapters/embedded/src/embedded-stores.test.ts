// The stores on LMDB under the suites of their ports, and what only stored bytes can suffer.
import { randomBytes } from 'node:crypto'
import { describe, expect, it } from '@jest/globals'
import { batchViewStoreContract } from '@tidemark/ports/batch-view-store.contract'
import type { Clock } from '@tidemark/ports/clock'
import { jobQueueContract } from '@tidemark/ports/job-queue.contract'
import { registerStoreContract } from '@tidemark/ports/register-store.contract'
import { createEmbeddedBatchViewStore } from './embedded-batch-view-store.ts'
import { openEmbeddedEnvironment, type EmbeddedEnvironment } from './embedded-environment.ts'
import { createEmbeddedJobQueue } from './embedded-job-queue.ts'
import { createEmbeddedRegisterStore } from './embedded-register-store.ts'
import { createNewRevision } from '@tidemark/machine/new-revision'
import { temporaryFolder } from './testing/temporary-folder.ts'

const newRevision = createNewRevision()

/** One environment for both clients; several of a folder, each in its own process, are in `embedded-stores.processes.test.ts`. */
async function openStores<T extends object>(open: (environment: EmbeddedEnvironment) => Promise<T>): Promise<T & AsyncDisposable> {
  const folder = await temporaryFolder()
  const environment = await openEmbeddedEnvironment({ folder: folder.path, durability: 'process', verify: false })
  return {
    ...(await open(environment)),
    async [Symbol.asyncDispose]() {
      await environment[Symbol.asyncDispose]()
      await folder[Symbol.asyncDispose]()
    },
  }
}

batchViewStoreContract('LMDB', () =>
  openStores(async (environment) => ({
    store: await createEmbeddedBatchViewStore(environment),
    other: await createEmbeddedBatchViewStore(environment),
  })),
)

registerStoreContract('LMDB', () =>
  openStores(async (environment) => ({
    store: await createEmbeddedRegisterStore(environment, { newRevision }),
    other: await createEmbeddedRegisterStore(environment, { newRevision }),
  })),
)

jobQueueContract('LMDB', () =>
  openStores(async (environment) => {
    let nowMs = 1_000_000
    const clock: Clock = { nowMs: () => nowMs, steadyMs: () => nowMs }
    return {
      queue: await createEmbeddedJobQueue(environment, { clock, newRevision }),
      other: await createEmbeddedJobQueue(environment, { clock, newRevision }),
      advance: (durationMs: number) => void (nowMs += durationMs),
      nowMs: clock.nowMs,
    }
  }),
)

describe('stores on LMDB', () => {
  it('refuse what a newer release wrote', async () => {
    await using stores = await openStores(async (environment) => ({ environment, registers: await createEmbeddedRegisterStore(environment, { newRevision }), views: await createEmbeddedBatchViewStore(environment) }))
    const { environment, registers, views } = stores
    await registers.compareAndSet('r', null, new Uint8Array(1))
    await views.write('v', 1, [{ entity: new Uint8Array(1), blob: new Uint8Array(1) }])
    for (const name of ['registers', 'batch-views']) {
      const database = await environment.database(name)
      await environment.write((writer) => {
        for (const { key, value } of writer.entries(database, Buffer.of(0), Buffer.of(0xff))) writer.put(database, key, Uint8Array.from([2, ...value.subarray(1)]))
      })
    }
    await expect(registers.read('r')).rejects.toMatchObject({ code: 'STORE_TOO_NEW' })
    await expect(views.readNewest('v', 1, [new Uint8Array(1)])).rejects.toMatchObject({ code: 'STORE_TOO_NEW' })
  })

  it('notice a row that is of another entity with the same hash', async () => {
    await using stores = await openStores(async (environment) => ({ environment, views: await createEmbeddedBatchViewStore(environment) }))
    const { environment, views } = stores
    const entity = randomBytes(2_000)
    await views.write('v', 1, [{ entity, blob: Buffer.from('blob') }])
    const database = await environment.database('batch-views')
    await environment.write((writer) => {
      for (const { key, value } of writer.entries(database, Buffer.of(0), Buffer.of(0xff))) writer.put(database, key, Buffer.from(value).fill(0, 10, 20))
    })
    await expect(views.readNewest('v', 1, [entity])).rejects.toMatchObject({ code: 'STORE_DAMAGED' })
  })

  it('read the newest rows of a thousand entities without reading the others', async () => {
    await using stores = await openStores(async (environment) => ({ environment, views: await createEmbeddedBatchViewStore(environment) }))
    const { environment, views } = stores
    const entities = Array.from({ length: 1_000 }, (_, i) => Buffer.from(`entity ${i}`))
    for (const generation of [1, 2, 4, 5]) await views.write('v', generation, entities.map((entity) => ({ entity, blob: entity })))
    let readCount = 0
    const counted = await createEmbeddedBatchViewStore({
      ...environment,
      read: (action) =>
        environment.read((reader) =>
          action({
            ...reader,
            *entries(...range) {
              for (const entry of reader.entries(...range)) {
                readCount++
                yield entry
              }
            },
          }),
        ),
    })
    const rows = await counted.readNewest('v', 3, entities)
    expect(rows.every((row) => row?.generation === 2)).toBe(true)
    expect(readCount).toBe(1_000)
    const newest = await counted.readNewest('v', 4, entities)
    expect(newest.every((row) => row?.generation === 4)).toBe(true)
    expect(readCount).toBe(1_000)
  })
})
