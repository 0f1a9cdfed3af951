// An archiver in a thread does what one of this thread does, and fails as it fails.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, jest } from '@jest/globals'
import { createSystemClock } from '@tidemark/machine/system-clock'
import { eventSource, int32, timestamp } from '@tidemark/feature-schema/dsl'
import type { Alarm } from '@tidemark/pipelines/alarm'
import { createArchiver, type Archiver } from '@tidemark/pipelines/archive/archiver'
import { readSealRegister } from '@tidemark/pipelines/log/change-seal-register'
import { topicOf } from '@tidemark/pipelines/names'
import { startArchiverThread } from './archiver-thread.ts'
import { openEmbeddedPorts, type EmbeddedPorts } from './embedded-ports.ts'
import { exceptLaterAppends } from './later-appends.ts'

jest.setTimeout(120_000)

const source = eventSource('clicks', { fields: { at: timestamp(), n: int32() }, eventTime: 'at', epochLength: '1m' }).definition
const PAST_EPOCH_MS = 2 * source.epochLengthMs + source.skewMaxMs
let folder: string
const alarms: Alarm[] = []
const onAlarm = (alarm: Alarm): void => void alarms.push(alarm)

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tidemark-thread-'))
  alarms.length = 0
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const open = (hasArchiverThread: boolean): Promise<EmbeddedPorts> => openEmbeddedPorts({ folder, durability: 'process', verify: false, hasArchiverThread })

async function append({ log }: EmbeddedPorts, ...texts: readonly string[]): Promise<void> {
  await log.ensureTopic(topicOf(source), 1)
  await log.append([{ topic: topicOf(source), partition: 0, records: texts.map((text) => ({ key: null, value: Buffer.from(text) })) }])
}

async function drain(archiver: Archiver): Promise<string> {
  for (;;) {
    const { did } = await archiver.step()
    if (did === 'idle' || did === 'stopped') return did
  }
}

it('archives and seals by the clock that it is given, as one of this thread would go on from', async () => {
  await using ports = await open(true)
  await append(ports, '{"at":1,"n":1}', '{"at":2,"n":2}', 'no event')
  const clock = createSystemClock()
  let aheadMs = 0
  const archiver = ports.createArchiver!({ ...ports, source, onAlarm, clock: { ...clock, nowMs: () => clock.nowMs() + aheadMs } })
  expect(await drain(archiver)).toBe('idle')
  expect((await readSealRegister(ports.registers, source)).register.lastSeal).toBeNull()
  aheadMs = PAST_EPOCH_MS
  expect(await drain(archiver)).toBe('idle')
  const { register: { lastSeal } } = await readSealRegister(ports.registers, source)
  expect(lastSeal!.partitions).toMatchObject([{ end: 3, segments: [{ rowCount: 2, rejectedCount: 0 }, { rowCount: 1, rejectedCount: 1 }] }])
  expect(await drain(createArchiver({ ...ports, source, onAlarm, clock: { ...clock, nowMs: () => clock.nowMs() + aheadMs } }))).toBe('idle')
  expect((await readSealRegister(ports.registers, source)).register.lastSeal).toEqual(lastSeal)
  expect(alarms).toEqual([])
})

it('raises its alarms here', async () => {
  await using ports = await open(true)
  await append(ports, '{"at":1,"n":1}')
  const clock = createSystemClock()
  const archiver = ports.createArchiver!({ ...ports, source, onAlarm, clock: { ...clock, nowMs: () => clock.nowMs() - 3_600_000 } })
  expect(await drain(archiver)).toBe('stopped')
  expect(alarms).toMatchObject([{ code: 'APPEND_TIME_AHEAD' }])
})

it('goes on at the next step\'s time behind what was appended later than a step, and says no word of it where that is expected', async () => {
  await using ports = await open(true)
  const clock = createSystemClock()
  const hourAgoMs = clock.nowMs() - 3_600_000
  const append = (appendTimeMs: number) => ports.log.appendAt([{ topic: topicOf(source), partition: 0, appendTimeMs, records: [{ key: null, value: Buffer.from('{"at":1,"n":1}') }] }])
  await ports.log.ensureTopic(topicOf(source), 1)
  await append(hourAgoMs)
  await append(clock.nowMs())
  let nowMs = hourAgoMs
  const archiver = ports.createArchiver!({ ...ports, source, onAlarm: exceptLaterAppends(onAlarm), clock: { ...clock, nowMs: () => nowMs } })
  expect(await drain(archiver)).toBe('stopped')
  nowMs = clock.nowMs()
  expect(await drain(archiver)).toBe('idle')
  expect((await readSealRegister(ports.registers, source)).register.lastSeal!.partitions).toMatchObject([{ end: 1, segments: [{ rowCount: 1 }] }])
  expect(alarms).toEqual([])
})

it('fails a step with its coded error, and does the next', async () => {
  await using ports = await open(true)
  const archiver = ports.createArchiver!({ ...ports, source, onAlarm })
  await expect(archiver.step()).rejects.toMatchObject({ name: 'TidemarkError', code: 'UNKNOWN_NAME' })
  await append(ports, '{"at":1,"n":1}')
  expect(await drain(archiver)).toBe('idle')
})

it('ends a step with the reason of its signal, having done nothing', async () => {
  await using ports = await open(true)
  await append(ports, '{"at":1,"n":1}')
  const archiver = ports.createArchiver!({ ...ports, source, onAlarm })
  const ended = new AbortController()
  const step = archiver.step(ended.signal)
  const reason = new Error('enough')
  ended.abort(reason)
  await expect(step).rejects.toBe(reason)
  await expect(archiver.step(ended.signal)).rejects.toBe(reason)
  expect((await readSealRegister(ports.registers, source)).register.openings).toEqual([])
  expect(await archiver.step()).toMatchObject({ did: 'opened' })
})

it('does the step that is under way before it closes', async () => {
  const ports = await open(true)
  await append(ports, '{"at":1,"n":1}')
  const step = ports.createArchiver!({ ...ports, source, onAlarm }).step()
  await ports[Symbol.asyncDispose]()
  expect(await step).toEqual({ did: 'opened', partitions: [0] })
})

it('fails steps where its folder cannot be opened, and after it was closed', async () => {
  writeFileSync(join(folder, 'file'), '')
  const thread = startArchiverThread({ environmentFolder: join(folder, 'file', 'lmdb'), objectsFolder: join(folder, 'objects'), duckDb: { temporaryFolder: folder } })
  const archiver = thread.createArchiver({ source, onAlarm, clock: createSystemClock() })
  await expect(archiver.step()).rejects.toThrow('ENOTDIR')
  await thread[Symbol.asyncDispose]()
  await expect(archiver.step()).rejects.toThrow('has ended')
  await thread[Symbol.asyncDispose]()
})
