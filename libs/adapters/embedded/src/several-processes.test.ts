// Law 6 and the log across processes: what was acknowledged survives kill -9 and nothing is half there; two processes that append to one
// partition give no offset twice.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, it, jest } from '@jest/globals'
import type { EventLog } from '@tidemark/ports/event-log'
import { seededChance } from '@tidemark/ports/testing/store-cases'
import { openEmbeddedEnvironment } from './embedded-environment.ts'
import { openEmbeddedEventLog } from './embedded-event-log.ts'
import { openEmbeddedSpeedViewStore } from './embedded-speed-view-store.ts'
import { realClock } from './testing/real-clock.ts'
import { temporaryFolder } from './testing/temporary-folder.ts'

jest.setTimeout(120_000)

const KILLS = 10
const BUCKETS = 8
const NO_LIMITS = { countMax: 1_000_000, sizeMaxBytes: 1_000_000_000, waitMaxMs: 0 }

async function readTexts(log: EventLog, topic: string): Promise<string[]> {
  const { records } = await log.fetch(topic, 0, 0, NO_LIMITS)
  return records.map(({ value }) => Buffer.from(value!).toString())
}

/** Runs a child until it ends, or until it has printed so many lines and is killed; all whole lines. */
async function runChild(script: string, args: readonly string[], linesBeforeKill = Infinity): Promise<string[]> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'testing', script), ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines: string[] = []
  createInterface(child.stdout).on('line', (line) => {
    lines.push(line)
    if (lines.length >= linesBeforeKill) child.kill('SIGKILL')
  })
  const [code] = (await once(child, 'close')) as [number | null]
  if (linesBeforeKill === Infinity && code !== 0) throw new Error(`${script} ended with exit code ${code}`)
  return lines
}

/** What was acknowledged, of all rounds so far. */
interface Acknowledged {
  readonly appends: Set<number>
  /** By bucket: the last write. */
  readonly writes: number[]
}

function take(acknowledged: Acknowledged, lines: readonly string[]): void {
  for (const line of lines) {
    const [kind, text] = line.split(' ')
    const i = Number(text)
    if (kind === 'append') acknowledged.appends.add(i)
    else acknowledged.writes[i % BUCKETS] = i
  }
}

/** Checks a folder whose writer was killed against what was acknowledged; the first number that was not used. */
async function check(folder: string, { appends, writes }: Acknowledged, verify: boolean): Promise<number> {
  await using environment = await openEmbeddedEnvironment({ folder, verify })
  const log = await openEmbeddedEventLog(environment, { clock: realClock })
  const store = await openEmbeddedSpeedViewStore(environment)
  const appended = (await readTexts(log, 'b')).map(Number)
  const kept = new Set(appended)
  expect(kept.size).toBe(appended.length)
  expect([...appends].filter((i) => !kept.has(i))).toEqual([])
  expect(await readTexts(log, 'a')).toEqual(appended.flatMap((i) => [0, 1, 2, 3, 4].map((j) => `${i}.${j}`)))
  expect(await log.committed('g', 'a', 0)).toBe(appended.length === 0 ? null : appended.at(-1)! + 1)
  let newest = Math.max(0, ...appended)
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    const [state] = await store.read([{ view: 'v@1', bucket, partitions: [0], entities: ['one', 'two'].map((name) => Buffer.from(name)) }])
    const fence = state!.fences[0] === null ? -1 : Number(Buffer.from(state!.fences[0]!).toString())
    expect(fence).toBeGreaterThanOrEqual(writes[bucket] ?? -1)
    for (const chunk of [state!.entities[0]![0]!, state!.entities[1]![1]!]) {
      if (fence < 0) expect(chunk).toBeNull()
      else expect([chunk!.revision, Buffer.alloc(300, fence % 256).equals(chunk!.bytes)]).toEqual([fence, true])
    }
    newest = Math.max(newest, fence)
  }
  return Math.ceil((newest + 1) / BUCKETS) * BUCKETS
}

describe('an embedded folder', () => {
  it(`keeps all that was acknowledged through ${KILLS} kills, and nothing by half`, async () => {
    await using folder = await temporaryFolder()
    const seed = Number(process.env.TIDEMARK_SEED ?? 1)
    const chance = seededChance(seed)
    const acknowledged: Acknowledged = { appends: new Set(), writes: [] }
    let next = 0
    // It lives through every kill, also of one who holds the lock.
    await using survivor = await openEmbeddedEnvironment({ folder: folder.path, durability: 'process' })
    await using log = await openEmbeddedEventLog(survivor, { clock: realClock })
    await log.ensureTopic('c', 1)
    for (let kill = 1; kill <= KILLS; kill++) {
      take(acknowledged, await runChild('write-until-killed.ts', [folder.path, String(next)], 1 + Math.floor(chance() * 200)))
      expect((await log.append([{ topic: 'c', partition: 0, records: [{ key: null, value: null }] }]))[0]!.firstOffset).toBe(kill - 1)
      next = await check(folder.path, acknowledged, kill === KILLS)
    }
    expect(acknowledged.appends.size).toBeGreaterThan(0)
  })

  it('gives no offset twice and leaves none out while two processes append and a third one reads', async () => {
    await using folder = await temporaryFolder()
    const batchCount = 60
    await using environment = await openEmbeddedEnvironment({ folder: folder.path, durability: 'process' })
    await using log = await openEmbeddedEventLog(environment, { clock: realClock })
    await log.ensureTopic('t', 1)
    let isOver = false
    const children = Promise.all(['left', 'right'].map((name) => runChild('append-batches.ts', [folder.path, name, String(batchCount)]))).finally(() => (isOver = true))
    const texts: string[] = []
    for (let next = 0; !isOver || next < (await log.extent('t', 0)).end; ) {
      const batch = await log.fetch('t', 0, next, { ...NO_LIMITS, countMax: 10, waitMaxMs: 100 })
      texts.push(...batch.records.map(({ value }) => Buffer.from(value!).toString()))
      next = batch.next
    }
    const lines = (await children).flat()
    expect(lines).toHaveLength(2 * batchCount)
    let recordCount = 0
    for (const line of lines) {
      const [name, i, firstOffset] = line.split(' ')
      const expected = Array.from({ length: 1 + (Number(i) % 7) }, (_, j) => `${name} ${i}.${j}`)
      expect(texts.slice(Number(firstOffset), Number(firstOffset) + expected.length)).toEqual(expected)
      recordCount += expected.length
    }
    expect(texts).toHaveLength(recordCount)
  })
})
