// The thread of archiver-thread.ts: it opens the folder as another process would, and does the steps that it is asked for.

import { parentPort, workerData } from 'node:worker_threads'
import { createParquetArchiveFormat } from '@tidemark/adapter-duckdb/parquet-archive-format'
import { openEmbeddedEnvironment } from '@tidemark/adapter-embedded/embedded-environment'
import { openEmbeddedEventLog } from '@tidemark/adapter-embedded/embedded-event-log'
import { createEmbeddedRegisterStore } from '@tidemark/adapter-embedded/embedded-register-store'
import { createFileObjectStore } from '@tidemark/adapter-embedded/file-object-store'
import { createNewRevision } from '@tidemark/machine/new-revision'
import { createSystemClock } from '@tidemark/machine/system-clock'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import { createArchiver, type Archiver, type ArchiverOptions } from '@tidemark/pipelines/archive/archiver'
import { ALL_JSON } from '@tidemark/ports/record-formats'
import { StepClock } from './step-clock.ts'
import type { ArchiverFolder, FromArchiverThread, ToArchiverThread } from './archiver-messages.ts'

/** An archiver once it was asked to do something. */
interface Asked {
  readonly create: Extract<ToArchiverThread, { kind: 'create' }>
  readonly clock: StepClock
  archiver: Archiver | null
  abort: AbortController
  running: Promise<void>
}

type Ports = Pick<ArchiverOptions, 'log' | 'registers' | 'objects' | 'format' | 'schemas'>

const { isClockStanding, ...folder } = workerData as ArchiverFolder
const opened = new AsyncDisposableStack()
const asked = new Map<number, Asked>()
let opening: Promise<Ports> | null = null

const tell = (message: FromArchiverThread): void => parentPort!.postMessage(message)

async function openPorts({ environmentFolder, objectsFolder, durability = 'disk', duckDb }: Omit<ArchiverFolder, 'isClockStanding'>): Promise<Ports> {
  const newRevision = createNewRevision()
  const environment = opened.use(await openEmbeddedEnvironment({ folder: environmentFolder, durability, verify: false }))
  return {
    log: opened.use(await openEmbeddedEventLog(environment, { clock: createSystemClock() })),
    registers: await createEmbeddedRegisterStore(environment, { newRevision }),
    objects: opened.use(await createFileObjectStore({ folder: objectsFolder, newRevision })),
    format: opened.use(await createParquetArchiveFormat(duckDb)),
    schemas: ALL_JSON,
  }
}

async function step(one: Asked): Promise<void> {
  const { create: { archiver: number, source, limits }, clock } = one
  try {
    const ports = await (opening ??= openPorts(folder))
    one.archiver ??= createArchiver({ source, limits, clock, ...ports, onAlarm: (alarm) => tell({ kind: 'alarm', archiver: number, alarm }) })
    tell({ kind: 'done', archiver: number, step: await one.archiver.step(one.abort.signal) })
  } catch (error) {
    tell({ kind: 'failed', archiver: number, error, problems: error instanceof TidemarkError ? [error.problems[0]!, ...error.problems.slice(1)] : null })
  }
}

async function close(): Promise<void> {
  await Promise.all(Array.from(asked.values(), ({ running }) => running))
  await opened.disposeAsync()
  parentPort!.close()
}

parentPort!.on('message', (message: ToArchiverThread) => {
  if (message.kind === 'close') return void close()
  if (message.kind === 'create') return void asked.set(message.archiver, { create: message, clock: new StepClock(isClockStanding), archiver: null, abort: new AbortController(), running: Promise.resolve() })
  const one = asked.get(message.archiver)!
  if (message.kind === 'abort') return one.abort.abort()
  one.abort = new AbortController()
  one.clock.begin(message.nowMs, message.processMs)
  one.running = step(one)
})
