// All stores of one data folder, as a process has them.
import { join } from 'node:path'
import type { BatchViewStore } from '@tidemark/ports/batch-view-store'
import type { JobQueue } from '@tidemark/ports/job-queue'
import type { ObjectStore } from '@tidemark/ports/object-store'
import type { RegisterStore } from '@tidemark/ports/register-store'
import { createEmbeddedBatchViewStore } from '../embedded-batch-view-store.ts'
import { openEmbeddedEnvironment } from '../embedded-environment.ts'
import { createEmbeddedJobQueue } from '../embedded-job-queue.ts'
import { createEmbeddedRegisterStore } from '../embedded-register-store.ts'
import { createFileObjectStore } from '../file-object-store.ts'
import { createNewRevision } from '@tidemark/machine/new-revision'
import { createSystemClock } from '@tidemark/machine/system-clock'

export interface Stores extends AsyncDisposable {
  readonly objects: ObjectStore
  readonly views: BatchViewStore
  readonly registers: RegisterStore
  readonly jobs: JobQueue
}

export async function openStores(folder: string): Promise<Stores> {
  const newRevision = createNewRevision()
  const environment = await openEmbeddedEnvironment({ folder: join(folder, 'lmdb'), verify: false })
  return {
    objects: await createFileObjectStore({ folder: join(folder, 'objects'), newRevision }),
    views: await createEmbeddedBatchViewStore(environment),
    registers: await createEmbeddedRegisterStore(environment, { newRevision }),
    jobs: await createEmbeddedJobQueue(environment, { clock: createSystemClock(), newRevision }),
    [Symbol.asyncDispose]: () => environment[Symbol.asyncDispose](),
  }
}
