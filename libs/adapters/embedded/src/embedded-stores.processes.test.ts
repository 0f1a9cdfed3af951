// The stores under several processes at once, and under processes that are killed at any moment.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { crc32 } from 'node:zlib'
import { describe, expect, it } from '@jest/globals'
import { bytesOf, collect, forSeeds, textOf } from '@tidemark/ports/testing/store-cases'
import type { Won } from './testing/compete.ts'
import { contentOf, ENTITIES, PURGED_VIEW, QUEUE, VIEW } from './testing/killed-writes.ts'
import { openStores, type Stores } from './testing/open-stores.ts'
import { temporaryFolder } from './testing/temporary-folder.ts'

const TIMEOUT_MS = 120_000
const KINDS = ['create', 'replace', 'view', 'purge', 'register', 'job']

function start(script: string, args: readonly (string | number)[]): { child: ChildProcess; lines: AsyncIterator<string> } {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'testing', script), ...args.map(String)], { stdio: ['pipe', 'pipe', 'inherit'] })
  return { child, lines: createInterface({ input: child.stdout! })[Symbol.asyncIterator]() }
}

describe('three processes on one data folder', () => {
  it('lose no update, create once and do each job once', async () => {
    await using folder = await temporaryFolder()
    const count = 20
    {
      await using stores = await openStores(folder.path)
      for (let i = 0; i < 3 * count; i++) await stores.jobs.add({ queue: 'raced', id: `job ${i}`, data: i })
    }
    const children = ['a', 'b', 'c'].map((name) => ({ name, ...start('compete.ts', [folder.path, name, count]) }))
    for (const { lines } of children) expect((await lines.next()).value).toBe('ready')
    for (const { child } of children) child.stdin!.write('go\n')
    const won = await Promise.all(children.map(async ({ name, lines }) => ({ name, ...(JSON.parse((await lines.next()).value as string) as Won) })))

    await using stores = await openStores(folder.path)
    expect(textOf((await stores.registers.read('sum'))!.bytes)).toBe(String(3 * count))
    expect(textOf((await stores.objects.get('sum'))!.bytes)).toBe(String(3 * count))
    const created = won.flatMap(({ name, created }) => created.map((key) => [key, name] as const))
    expect(created.map(([key]) => key).sort()).toEqual(Array.from({ length: count }, (_, i) => `raced/${i}`).sort())
    for (const [key, name] of created) expect(textOf((await stores.objects.get(key))!.bytes)).toBe(name)
    const done = won.flatMap(({ name, jobs }) => jobs.map((id) => [id, name] as const))
    expect(new Set(done.map(([id]) => id)).size).toBe(3 * count)
    for (const [id, name] of done) expect(await stores.jobs.status('raced', id)).toMatchObject({ state: 'completed', attempt: 1, result: name })
    expect(won.every(({ created, jobs }) => created.length + jobs.length > 0)).toBe(true)
  }, TIMEOUT_MS)
})

describe('a worker that is killed', () => {
  it('holds its job no longer, whatever its lease', async () => {
    await using folder = await temporaryFolder()
    await using stores = await openStores(folder.path)
    for (const id of ['first', 'second']) await stores.jobs.add({ queue: 'held', id, data: null })
    const { child, lines } = start('hold-job.ts', [folder.path, 'held'])
    const exited = once(child, 'exit')
    expect((await lines.next()).value).toBe('first')
    expect(await stores.jobs.take('held', 60_000, 1)).toBeNull()
    child.kill('SIGKILL')
    await exited
    expect(await stores.jobs.take('held', 60_000, 1)).toMatchObject({ id: 'first', attempt: 2 })
    expect(await stores.jobs.take('held', 60_000, 1)).toBeNull()
  }, TIMEOUT_MS)
})

/** What killed processes acknowledged: the numbers of their writes, by kind. */
type Acknowledged = ReadonlyMap<string, number[]>

/** Runs a writer from a number on and kills it at a random moment; gives back a number that it had not come to. */
async function killAtRandom(folder: string, from: number, acknowledged: Acknowledged, chance: () => number): Promise<number> {
  const { child, lines } = start('write-stores-until-killed.ts', [folder, from])
  const exited = once(child, 'exit')
  const killAfter = 1 + Math.floor(chance() * 60)
  let last = from
  for (let count = 1; ; count++) {
    const { value, done } = await lines.next()
    if (done === true) break
    if (count === killAfter) child.kill('SIGKILL')
    const [what, i] = (value as string).split(' ')
    acknowledged.get(what!)!.push(Number(i))
    last = Math.max(last, Number(i))
  }
  expect(await exited).toEqual([null, 'SIGKILL'])
  return last + 2
}

const sumOf = (bytes: Uint8Array | string): string => `${bytes.length} characters, ${crc32(bytes)}`
const contentSumOf = (i: number): string => sumOf(contentOf(i))

/** `underWay`: of each round the write of each kind that came after the last acknowledged one; it may be there, or not. */
async function checkStores({ objects, views, registers, jobs }: Stores, acknowledged: Acknowledged, underWay: ReadonlyMap<string, readonly number[]>): Promise<void> {
  const of = (what: string): readonly number[] => acknowledged.get(what)!
  const possible = (what: string): readonly number[] => underWay.get(what)!

  const created = (await collect(objects.list('o/'))).map((key) => Number(key.split('/')[2]))
  expect(created).toEqual(expect.arrayContaining([...of('create')]))
  for (const i of created) {
    expect(of('create').includes(i) || possible('create').includes(i)).toBe(true)
    expect(sumOf((await objects.get(`o/${i % 7}/${i}`))!.bytes)).toBe(contentSumOf(i))
  }

  for (const [what, found] of [['replace', await objects.get('replaced')], ['register', await registers.read('r')]] as const) {
    const newest = of(what).at(-1)
    const expected = [...(newest === undefined ? [null] : [newest]), ...possible(what).filter((i) => i > (newest ?? -1))]
    expect(expected.map((i) => i === null ? null : contentSumOf(i))).toContain(found && sumOf(found.bytes))
  }

  const entities = ENTITIES.map(bytesOf)
  const [generations, ...others] = await views.generationsOf(VIEW, entities)
  expect(others).toEqual(others.map(() => generations))
  expect(generations).toEqual(expect.arrayContaining(of('view').map((i) => i + 1)))
  for (const generation of generations!) {
    const i = generation - 1
    expect(of('view').includes(i) || possible('view').includes(i)).toBe(true)
    const rows = await views.readNewest(VIEW, generation, entities)
    expect(rows.map((row) => [row!.generation, sumOf(row!.blob)])).toEqual(entities.map(() => [generation, contentSumOf(i)]))
  }
  const [unpurged] = await views.generationsOf(PURGED_VIEW, [bytesOf('a')])
  expect(possible('purge')).toEqual(expect.arrayContaining(unpurged!.map((generation) => generation - 1)))

  const completed = (await jobs.list(QUEUE)).filter(({ state }) => state === 'completed')
  expect(completed.map(({ data }) => data)).toEqual(expect.arrayContaining([...of('job')]))
  expect(completed.every(({ id, data, result }) => result === data && id === `job ${String(data)}`)).toBe(true)
}

describe('a process that is killed ten times at random moments', () => {
  it('has kept what it acknowledged, and has left nothing half', async () => {
    await forSeeds(1, async (chance) => {
      await using folder = await temporaryFolder()
      const acknowledged = new Map(KINDS.map((what) => [what, [] as number[]]))
      const underWay = new Map(KINDS.map((what) => [what, [] as number[]]))
      let from = 0
      for (let round = 0; round < 10; round++) {
        const first = from
        from = await killAtRandom(folder.path, first, acknowledged, chance)
        for (const [what, writes] of underWay) writes.push(Math.max(first, (acknowledged.get(what)!.at(-1) ?? -1) + 1))
        await using stores = await openStores(folder.path)
        await checkStores(stores, acknowledged, underWay)
      }
      expect(KINDS.filter((what) => acknowledged.get(what)!.length === 0)).toEqual([])
    })
  }, TIMEOUT_MS)
})
