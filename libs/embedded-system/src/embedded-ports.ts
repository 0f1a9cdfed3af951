// The ports of a whole system on one folder: LMDB for log and stores, files for objects, DuckDB for batch. Several processes may open it.
//
//   FOLDER/lmdb      log, consumer groups, speed and batch views, registers, jobs
//   FOLDER/objects   archive, staged generations
//   FOLDER/work      what engines put aside while they run, in a folder for each process

import { join } from 'node:path'
import { createDuckDbBatchEngine } from '@tidemark/adapter-duckdb/duckdb-batch-engine'
import type { DuckDbLimits } from '@tidemark/adapter-duckdb/duckdb-session'
import { createParquetArchiveFormat } from '@tidemark/adapter-duckdb/parquet-archive-format'
import { createEmbeddedBatchViewStore } from '@tidemark/adapter-embedded/embedded-batch-view-store'
import { openEmbeddedConsumerGroups } from '@tidemark/adapter-embedded/embedded-consumer-groups'
import { openEmbeddedEnvironment, type EmbeddedEnvironmentOptions } from '@tidemark/adapter-embedded/embedded-environment'
import { openEmbeddedEventLog, type EmbeddedEventLog } from '@tidemark/adapter-embedded/embedded-event-log'
import { createEmbeddedJobQueue } from '@tidemark/adapter-embedded/embedded-job-queue'
import { createEmbeddedRegisterStore } from '@tidemark/adapter-embedded/embedded-register-store'
import { openEmbeddedSpeedViewStore, SPEED_DATABASES } from '@tidemark/adapter-embedded/embedded-speed-view-store'
import { createFileObjectStore } from '@tidemark/adapter-embedded/file-object-store'
import { createNewRevision } from '@tidemark/machine/new-revision'
import type { DerivedDatabases } from '@tidemark/adapter-embedded/verify-folder'
import { openProcessFolder } from '@tidemark/machine/process-folder'
import { createSystemClock } from '@tidemark/machine/system-clock'
import type { LambdaPorts } from '@tidemark/pipelines/lambda/lambda-ports'
import type { WaitingClock } from '@tidemark/ports/clock'
import { ALL_JSON } from '@tidemark/ports/record-formats'
import { requireOwnOrEmpty } from './data-folder.ts'
import { startArchiverThread } from './archiver-thread.ts'

export interface EmbeddedPorts extends LambdaPorts, AsyncDisposable {
  readonly log: EmbeddedEventLog
  readonly engine: Awaited<ReturnType<typeof createDuckDbBatchEngine>>
}

export interface EmbeddedPortsOptions extends Pick<EmbeddedEnvironmentOptions, 'folder' | 'durability' | 'verify'> {
  /** Default: the system's. */
  readonly clock?: WaitingClock
  /** Where objects are; default: a folder beside the stores. */
  readonly objectsFolder?: string
  /** Whether archivers have a thread of their own; only with a clock that goes at the system's pace, or stands. Default: false. */
  readonly hasArchiverThread?: boolean
  /** The archivers' clock stands while one of their steps is under way, however long that takes. Default: it goes on. */
  readonly isArchiverClockStanding?: boolean
  /** Hears of state of the stream that was damaged, and emptied: it is computed anew from the log. Without this the folder is refused. */
  readonly onEmptied?: DerivedDatabases['onEmptied']
  /** Of the batch engine, and of what writes the archive: a database each. */
  readonly duckDb?: Omit<DuckDbLimits, 'temporaryFolder'>
}

/** Opens a folder, or makes it. Throws INPUT_UNREADABLE where it holds other things, STORE_DAMAGED, STORE_TOO_NEW, STORE_FULL or STORE_UNAVAILABLE. */
export async function openEmbeddedPorts({ folder, clock = createSystemClock(), objectsFolder = join(folder, 'objects'), hasArchiverThread = false, isArchiverClockStanding = false, duckDb: limits, onEmptied, ...options }: EmbeddedPortsOptions): Promise<EmbeddedPorts> {
  await requireOwnOrEmpty(folder, objectsFolder)
  await using opened = new AsyncDisposableStack()
  const newRevision = createNewRevision()
  const environmentFolder = join(folder, 'lmdb')
  const environment = opened.use(await openEmbeddedEnvironment({ ...options, folder: environmentFolder, derived: { names: SPEED_DATABASES, ...(onEmptied && { onEmptied }) } }))
  const { path: temporaryFolder } = opened.use(await openProcessFolder(join(folder, 'work')))
  const duckDb = { ...limits, temporaryFolder }
  const engine = opened.use(await createDuckDbBatchEngine(duckDb))
  const log = opened.use(await openEmbeddedEventLog(environment, { clock }))
  const ports = {
    log,
    engine,
    clock,
    newRevision,
    groups: await openEmbeddedConsumerGroups(environment, { log, clock }),
    registers: await createEmbeddedRegisterStore(environment, { newRevision }),
    objects: opened.use(await createFileObjectStore({ folder: objectsFolder, newRevision })),
    format: opened.use(await createParquetArchiveFormat(duckDb)),
    schemas: ALL_JSON,
    speedViews: await openEmbeddedSpeedViewStore(environment),
    batchViews: await createEmbeddedBatchViewStore(environment),
    jobs: await createEmbeddedJobQueue(environment, { clock, newRevision }),
    ...(hasArchiverThread && { createArchiver: opened.use(startArchiverThread({ ...options, environmentFolder, objectsFolder, duckDb, isClockStanding: isArchiverClockStanding })).createArchiver }),
  }
  const owned = opened.move()
  return { ...ports, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}
