// A thread that ends by itself: whoever waits for a step, and whoever asks for one later, is told what it ended with.

import { EventEmitter } from 'node:events'
import { expect, it, jest } from '@jest/globals'
import { eventSource, int32, timestamp } from '@tidemark/feature-schema/dsl'
import type { Archiver } from '@tidemark/pipelines/archive/archiver'
import type { ArchiverThread } from './archiver-thread.ts'

const source = eventSource('clicks', { fields: { at: timestamp(), n: int32() }, eventTime: 'at' }).definition

const started: SilentThread[] = []

/** A thread that answers nothing. */
class SilentThread extends EventEmitter {
  constructor() {
    super()
    started.push(this)
  }

  postMessage(): void {}
}

async function start(): Promise<{ ends: SilentThread; thread: ArchiverThread; archiver: Archiver }> {
  jest.resetModules()
  jest.unstable_mockModule('node:worker_threads', () => ({ Worker: SilentThread }))
  const { startArchiverThread } = await import('./archiver-thread.ts')
  const thread = startArchiverThread({ environmentFolder: '', objectsFolder: '', duckDb: { temporaryFolder: '' } })
  return { ends: started.at(-1)!, thread, archiver: thread.createArchiver({ source, clock: { nowMs: () => 0, steadyMs: () => 0 }, onAlarm: () => undefined }) }
}

it('fails the step under way and the next with the error that ended it', async () => {
  const { ends, thread, archiver } = await start()
  const step = archiver.step()
  const reason = new Error('out of memory')
  ends.emit('error', reason)
  ends.emit('exit', 1)
  await expect(step).rejects.toBe(reason)
  await expect(archiver.step()).rejects.toBe(reason)
  await thread[Symbol.asyncDispose]()
})

it('fails the step under way where it ended without a word', async () => {
  const { ends, archiver } = await start()
  const step = archiver.step()
  ends.emit('exit', 0)
  await expect(step).rejects.toThrow('has ended')
})
