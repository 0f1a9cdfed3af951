// The stores in memory under the suites of their ports. One object is every client.
import { batchViewStoreContract } from '@tidemark/ports/batch-view-store.contract'
import { blobCacheContract } from '@tidemark/ports/blob-cache.contract'
import { jobQueueContract } from '@tidemark/ports/job-queue.contract'
import { objectStoreContract } from '@tidemark/ports/object-store.contract'
import { registerStoreContract } from '@tidemark/ports/register-store.contract'
import type { Revision } from '@tidemark/ports/revision'
import { createSteppedClock } from '@tidemark/ports/stepped-clock'
import { createMemoryBatchViewStore } from './memory-batch-view-store.ts'
import { createMemoryBlobCache } from './memory-blob-cache.ts'
import { createMemoryJobQueue } from './memory-job-queue.ts'
import { createMemoryObjectStore } from './memory-object-store.ts'
import { createMemoryRegisterStore } from './memory-register-store.ts'

const nothingToClose = { [Symbol.asyncDispose]: () => Promise.resolve() }
let revisionCount = 0

objectStoreContract('memory', () => {
  const store = createMemoryObjectStore()
  return Promise.resolve({ store, other: store, ...nothingToClose })
})

batchViewStoreContract('memory', () => {
  const store = createMemoryBatchViewStore()
  return Promise.resolve({ store, other: store, ...nothingToClose })
})

blobCacheContract('memory', () => {
  const cache = createMemoryBlobCache()
  return Promise.resolve({ cache, other: cache, ...nothingToClose })
})

registerStoreContract('memory', () => {
  const store = createMemoryRegisterStore({ newRevision: () => ++revisionCount as Revision })
  return Promise.resolve({ store, other: store, ...nothingToClose })
})

jobQueueContract('memory', () => {
  const clock = createSteppedClock(1_000_000)
  const queue = createMemoryJobQueue({ clock })
  return Promise.resolve({ queue, other: queue, advance: clock.step, nowMs: clock.nowMs, ...nothingToClose })
})
