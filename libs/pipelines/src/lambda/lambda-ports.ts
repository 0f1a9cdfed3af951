// Everything that a whole system asks of the outside.

import type { ArchiveFormat } from '@tidemark/ports/archive-format'
import type { BatchEngine } from '@tidemark/ports/batch-engine'
import type { BatchViewStore } from '@tidemark/ports/batch-view-store'
import type { BlobCache } from '@tidemark/ports/blob-cache'
import type { WaitingClock } from '@tidemark/ports/clock'
import type { ConsumerGroups, EventLog } from '@tidemark/ports/event-log'
import type { JobQueue } from '@tidemark/ports/job-queue'
import type { ObjectStore } from '@tidemark/ports/object-store'
import type { RecordSchemas } from '@tidemark/ports/record-formats'
import type { RegisterStore } from '@tidemark/ports/register-store'
import type { NewRevision } from '@tidemark/ports/revision'
import type { SpeedViewStore } from '@tidemark/ports/speed-view-store'
import type { Archiver, ArchiverOptions } from '../archive/archiver.ts'

export interface LambdaPorts {
  readonly log: EventLog
  readonly groups: ConsumerGroups
  readonly registers: RegisterStore
  readonly objects: ObjectStore
  readonly format: ArchiveFormat
  /** Of records that are not JSON. */
  readonly schemas?: RecordSchemas | undefined
  readonly engine: BatchEngine
  readonly speedViews: SpeedViewStore
  readonly batchViews: BatchViewStore
  /** What serving processes share of batch blobs that one of them has read; default: none. */
  readonly batchCache?: BlobCache | undefined
  readonly jobs: JobQueue
  readonly clock: WaitingClock
  readonly newRevision: NewRevision
  /** Makes archivers that work elsewhere, on the same log and stores; default: here. */
  readonly createArchiver?: (options: ArchiverOptions) => Archiver
}
