// Archivers in a thread of their own, so that what they decode and encode takes no turn from the processors and the server of the process. To the
// folder the thread is one more process, which archivers are made for: what they write is created once, and their register changes by
// compare-and-set. Where the thread ends by itself, its archivers' steps fail with what it ended with.

import { Worker } from 'node:worker_threads'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { ArchiveLimits } from '@tidemark/pipelines/archive/archive-limits'
import type { Archiver, ArchiverOptions, ArchiveStep } from '@tidemark/pipelines/archive/archiver'
import type { ArchiverFolder, FromArchiverThread, ToArchiverThread } from './archiver-messages.ts'
import { processTimeMs } from './step-clock.ts'

/** It takes no turn from anybody: steps so long that what is decoded in one hides that something is written. */
const THREAD_LIMITS: Partial<ArchiveLimits> = { fetchCountMax: 20_000 }

export interface ArchiverThread extends AsyncDisposable {
  /** An archiver on the thread's own ports, by the clock that it is given, which has to go at the system's pace. */
  createArchiver(options: Pick<ArchiverOptions, 'source' | 'clock' | 'onAlarm' | 'limits'>): Archiver
}

interface Waiting {
  resolve(step: ArchiveStep): void
  reject(error: unknown): void
}

/** Starts the thread; a folder that cannot be opened fails the first step. */
export function startArchiverThread(folder: ArchiverFolder): ArchiverThread {
  const thread = new Worker(new URL('./archiver-thread-main.ts', import.meta.url), { workerData: folder })
  const onAlarms: ArchiverOptions['onAlarm'][] = []
  const waiting = new Map<number, Waiting>()
  let ended: Error | null = null
  const exited = new Promise<void>((resolve) => thread.once('exit', () => {
    end(new Error('The archiver\'s thread has ended.'))
    resolve()
  }))
  thread.once('error', end)
  thread.on('message', (message: FromArchiverThread) => {
    if (message.kind === 'alarm') return onAlarms[message.archiver]!(message.alarm)
    const one = waiting.get(message.archiver)!
    waiting.delete(message.archiver)
    if (message.kind === 'done') one.resolve(message.step)
    else one.reject(message.problems === null ? message.error : new TidemarkError(message.problems))
  })

  function end(error: Error): void {
    ended ??= error
    for (const { reject } of waiting.values()) reject(ended)
    waiting.clear()
  }

  function post(message: ToArchiverThread): void {
    if (ended !== null) throw ended
    thread.postMessage(message)
  }

  return {
    createArchiver({ source, clock, onAlarm, limits = {} }) {
      const archiver = onAlarms.push(onAlarm) - 1
      post({ kind: 'create', archiver, source, limits: { ...THREAD_LIMITS, ...limits } })
      return {
        async step(signal) {
          signal?.throwIfAborted()
          const abort = (): void => {
            if (ended === null) post({ kind: 'abort', archiver })
          }
          signal?.addEventListener('abort', abort, { once: true })
          try {
            return await new Promise<ArchiveStep>((resolve, reject) => {
              const processMs = processTimeMs()
              post({ kind: 'step', archiver, nowMs: clock.nowMs(), processMs })
              waiting.set(archiver, { resolve, reject })
            })
          } catch (error) {
            signal?.throwIfAborted()
            throw error
          } finally {
            signal?.removeEventListener('abort', abort)
          }
        },
      }
    },
    async [Symbol.asyncDispose]() {
      if (ended === null) post({ kind: 'close' })
      await exited
    },
  }
}
