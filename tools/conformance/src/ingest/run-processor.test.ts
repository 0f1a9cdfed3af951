// Running a processor: a store that does not answer is tried again, later each time; a record that comes ends the wait for one (law 8).

import { describe, expect, it } from '@jest/globals'
import { MemoryEventLog } from '@tidemark/adapter-memory/memory-event-log'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { Alarm } from '@tidemark/pipelines/alarm'
import { runProcessor } from '@tidemark/pipelines/ingest/run-processor'
import { createSteppedClock } from '@tidemark/ports/stepped-clock'
import { CLICKS, HERE, totals } from './ingest-definitions.ts'
import { click, drain } from './ingest-schedules.ts'
import { IngestWorld, START_MS } from './ingest-world.ts'

const unavailable = new TidemarkError([{ code: 'STORE_UNAVAILABLE', message: 'It does not answer.', where: 'store', action: 'Start it.' }])
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('runProcessor', () => {
  it('tries again, later each time, with one alarm', async () => {
    const clock = createSteppedClock(START_MS)
    const ended = new AbortController()
    const alarms: Alarm[] = []
    const tried: number[] = []
    const processor = {
      async step() {
        tried.push(clock.nowMs() - START_MS)
        if (tried.length > 3) ended.abort()
        throw unavailable
      },
    }
    const running = runProcessor({ processor, clock, signal: ended.signal, onAlarm: (alarm) => void alarms.push(alarm) })
    while (tried.length <= 3) {
      await settled()
      clock.step(100)
    }
    await running
    expect(tried).toEqual([0, 100, 300, 700])
    expect(alarms).toMatchObject([{ code: 'STORE_UNAVAILABLE' }])
  })

  it('throws what trying again does not mend', async () => {
    const processor = { step: () => Promise.reject(new Error('a bug')) }
    await expect(runProcessor({ processor, clock: createSteppedClock(0), signal: new AbortController().signal, onAlarm: () => undefined })).rejects.toThrow('a bug')
  })
})

describe('a step at the end of the log', () => {
  it('ends with the record that comes, in whichever partition', async () => {
    const world = await IngestWorld.create({ source: CLICKS, views: [totals], partitionCount: 2, limits: { pollWaitMaxMs: 250 } })
    const clock = createSteppedClock(START_MS)
    const log = new MemoryEventLog({ clock })
    await log.ensureTopic(world.topic, 2)
    const processor = world.processor([0, 1], (ports) => ({ ...ports, log }))
    await processor.step()
    await processor.step()
    const step = processor.step()
    await settled()
    await log.append([{ topic: world.topic, partition: 1, records: [{ key: null, value: Buffer.from(JSON.stringify(click(world, HERE[0]))) }] }])
    expect(await step).toMatchObject({ did: 'folded', foldedCount: 1 })
    expect(clock.nowMs()).toBe(START_MS)
    const idle = drain(processor)
    await settled()
    clock.step(250)
    await idle
    expect(clock.waiting()).toEqual([])
  })
})
