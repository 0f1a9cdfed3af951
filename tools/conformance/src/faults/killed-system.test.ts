// The whole embedded system in a process that is killed again and again: at calls of its ports, and at whatever it is doing at a random moment. What was
// acknowledged counts once, everywhere; every start works without help; nothing of the dead piles up.
import { afterAll, describe, expect, it, jest } from '@jest/globals'
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { openEmbeddedPorts } from '@tidemark/embedded-system/embedded-ports'
import { rollBack } from '@tidemark/pipelines/batch/move-pointer'
import { LambdaSystem } from '@tidemark/pipelines/lambda/lambda-system'
import { cutOf, readPointer } from '@tidemark/pipelines/pointer'
import { seededChance } from '@tidemark/ports/testing/store-cases'
import { judgeAnswers, judgeArchive, judgeDeadLetters, judgeLog } from './judge-folder.ts'
import { EventNotebook } from './event-notebook.ts'
import { createFastClock } from './fast-clock.ts'
import { definitions, EPOCH_LENGTH_MS, PARTITION_COUNT } from './fault-definitions.ts'
import { judgeRunning } from './judge-running.ts'
import type { Begin } from './system-child.ts'
import { SystemProcess } from './system-process.ts'
import { CALL_NAMES } from './watched-ports.ts'

// Some sixty processes, on a machine that may be busy.
jest.setTimeout(900_000)

const KILLS = 50
/** Whoever does not come to where it is to die is killed after this. */
const LIFE_MAX_MS = 120_000
const REQUESTS_MAX = 30
const OPENING_MAX_MS = 300
/** Every value of the folder is read before each of so many starts. */
const VERIFIED_EVERY = 10
const SENDS_PER_ANSWER = 4
const DEADLINE_MS = 120_000
/** Generations that are published between the kills, at least. */
const PUBLISHED_MIN = 10

const seed = Number(process.env.TIDEMARK_SEED ?? 1)
const chance = seededChance(seed)
const folder = mkdtempSync(join(tmpdir(), 'tidemark-killed-'))
const temporary = join(folder, 'temporary')
mkdirSync(temporary)
mkdirSync(join(folder, 'cache'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** When a process is killed: in a call, by itself; while it opens; or, at whatever it is doing then, after so many requests were answered. */
type Kill = NonNullable<Begin['die']> | { readonly afterMs: number } | { readonly afterRequests: number }

/** Each call once; the others at chance. */
function planKills(): Kill[] {
  const directed = CALL_NAMES.map((call): Kill => ({ call, when: chance() < 0.5 ? 'before' : 'after' }))
  const others = Array.from({ length: KILLS - directed.length }, (_, i): Kill => (i % 5 === 0 ? { afterMs: chance() * OPENING_MAX_MS } : { afterRequests: Math.floor(chance() * REQUESTS_MAX) }))
  return [...directed, ...others].map((kill) => ({ kill, order: chance() })).sort((a, b) => a.order - b.order).map(({ kill }) => kill)
}

describe(`the whole system, killed ${KILLS} times (TIDEMARK_SEED=${seed})`, () => {
  const data = join(folder, 'data')
  const clockBeganAtMs = Date.now()
  const clock = createFastClock(clockBeganAtMs)
  const notebook = new EventNotebook(chance, clock.nowMs)
  const seen = { published: 0, judgedAnswers: 0, died: new Set<string>(), complaints: [] as string[] }

  /** Sends and asks for a while, or until the process is gone, which it is after so many requests. */
  async function use(process: SystemProcess, requestsMax: number): Promise<void> {
    const ready = await process.until('ready')
    if (ready === null) return
    for (let sent = 0; sent <= REQUESTS_MAX; sent++) {
      if (sent === requestsMax) process.kill()
      if (!(await notebook.send(ready.url))) return
      if (notebook.below(SENDS_PER_ANSWER) > 0) continue
      const verdict = await judgeRunning(ready.url, notebook, clock)
      if (verdict === null) return
      seen.complaints.push(...verdict)
      seen.judgedAnswers++
    }
  }

  /** One life, from its beginning to its kill. */
  async function live(process: SystemProcess, kill: Kill, verify: boolean): Promise<void> {
    process.begin({ folder: data, clockBeganAtMs, verify, die: 'call' in kill ? kill : null })
    const used = use(process, 'afterRequests' in kill ? kill.afterRequests : Infinity)
    const isOver = new AbortController()
    void setTimeout('afterMs' in kill ? kill.afterMs : LIFE_MAX_MS, undefined, { signal: isOver.signal }).then(() => process.kill(), () => undefined)
    expect(await process.ended).toBe('SIGKILL')
    isOver.abort()
    await used
    seen.complaints.push(...process.complaints())
    seen.published += process.said.filter(({ said }) => said === 'published').length
    for (const each of process.said) if (each.said === 'dies') seen.died.add(each.call)
  }

  it('starts again each time, and answers truly all the while', async () => {
    const newProcess = (): SystemProcess => new SystemProcess(temporary, join(folder, 'cache'))
    let standby = newProcess()
    for (const [i, kill] of planKills().entries()) {
      const process = standby
      await process.until('loaded')
      // The next one is ready when this one is killed.
      standby = newProcess()
      await live(process, kill, i % VERIFIED_EVERY === VERIFIED_EVERY - 1)
    }
    standby.kill()
    await standby.ended
    expect(seen.complaints).toEqual([])
    expect([...seen.died].sort()).toEqual([...CALL_NAMES].sort())
    expect(seen.published).toBeGreaterThan(PUBLISHED_MIN)
    expect(seen.judgedAnswers).toBeGreaterThan(KILLS)
  })

  it('has every acknowledged event once, in archive, batch view and answers, after a rollback too', async () => {
    await using ports = await openEmbeddedPorts({ folder: data, clock })
    const inLog = await judgeLog(ports, notebook)
    await using system = await LambdaSystem.start({
      ports, definitions, member: 'last', partitionCount: PARTITION_COUNT, batch: { gate: { rejectedShareMax: 1, isEmptyAllowed: true } },
      onAlarm: ({ message }) => seen.complaints.push(message),
    })
    const ending = new AbortController()
    const running = Promise.all([...system.sources.values()].map((pipeline) => pipeline.run(ending.signal)))
    const lastEpoch = Math.floor(clock.nowMs() / EPOCH_LENGTH_MS)
    const views = ['cards@1', 'shops@1']
    const deadline = AbortSignal.timeout(DEADLINE_MS)
    for (const view of views) {
      for (let { pointer } = await readPointer(ports.registers, view); cutOf(pointer, pointer.n) < lastEpoch; { pointer } = await readPointer(ports.registers, view)) {
        deadline.throwIfAborted()
        await setTimeout(5)
      }
    }
    ending.abort()
    await running
    await judgeArchive(ports, inLog)
    await judgeDeadLetters(ports, inLog)
    await judgeAnswers(ports, notebook, inLog, true)
    await judgeAnswers(ports, notebook, inLog, false)
    for (const view of views) await rollBack(ports.registers, view, (await readPointer(ports.registers, view)).pointer.floor)
    await judgeAnswers(ports, notebook, inLog, false)
    expect(seen.complaints).toEqual([])
  })

  it('leaves nothing of the dead', () => {
    expect(readdirSync(join(data, 'objects', '@tmp'))).toEqual([])
    expect(readdirSync(join(data, 'work'))).toEqual([])
    expect(readdirSync(temporary)).toEqual([])
  })
})
