// Law 10: everything of a folder that may be other than it was written is named, each kind once, as damage and with its place.

import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, jest } from '@jest/globals'
import type { Soon } from '@tidemark/ports/soon'
import { createEmbeddedBatchViewStore } from './embedded-batch-view-store.ts'
import { openEmbeddedEnvironment, type EmbeddedEnvironment } from './embedded-environment.ts'
import { asTidemarkError } from './embedded-errors.ts'
import { openEmbeddedEventLog } from './embedded-event-log.ts'
import { createEmbeddedJobQueue } from './embedded-job-queue.ts'
import { createEmbeddedRegisterStore } from './embedded-register-store.ts'
import { openEmbeddedSpeedViewStore } from './embedded-speed-view-store.ts'
import { openLmdb, openLmdbDatabase, type LmdbDatabase, type LmdbRoot } from './lmdb-store.ts'
import { createNewRevision } from '@tidemark/machine/new-revision'
import { realClock } from './testing/real-clock.ts'
import { temporaryFolder } from './testing/temporary-folder.ts'
import { verifyEmbeddedFolder } from './verify-folder.ts'

// Child processes start slowly on a busy machine.
jest.setTimeout(60_000)

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text))
const newRevision = createNewRevision()
const opened = (folder: string, verify = false): Promise<EmbeddedEnvironment> => openEmbeddedEnvironment({ folder, durability: 'process', verify })

const damagedAs = (message: unknown, where: string): object => ({ code: 'STORE_DAMAGED', problems: [{ message, where, action: expect.stringContaining('backup') }] })

async function fill(folder: string): Promise<void> {
  await using environment = await opened(folder)
  const [things, others] = [await environment.database('things'), await environment.database('others')]
  await environment.write((writer) => {
    for (const key of ['a', 'b']) writer.put(things, bytes(key), bytes('1'))
    writer.put(others, bytes('c'), bytes('1'))
  })
}

/** Changes a closed folder as LMDB lets anybody. */
async function change(folder: string, make: (root: LmdbRoot, database: (name: string) => LmdbDatabase) => void): Promise<void> {
  const root = openLmdb(folder, { durability: 'process', readOnly: false })
  make(root, (name) => openLmdbDatabase(root, name, false)!)
  await root.close()
}

const dropped = (...names: string[]) => (_: LmdbRoot, database: (name: string) => LmdbDatabase): void => names.forEach((name) => database(name).dropSync())
const removed = (from: string, key: string) => (_: LmdbRoot, database: (name: string) => LmdbDatabase): void => void database(from).removeSync(Buffer.from(key))

const openAndWrite = async (folder: string): Promise<unknown> => {
  await using environment = await opened(folder)
  const things = await environment.database('things')
  return await environment.write((writer) => writer.put(things, bytes('d'), bytes('1')))
}

describe('of an environment, damage is', () => {
  it.each<[string, Parameters<typeof change>[1], (folder: string) => Promise<unknown>, string, string]>([
    ['that its counts are gone as a whole', dropped('counts'), openAndWrite, 'Its database of counts is gone.', ''],
    ['that its counts are not begun', removed('counts', 'counts'), openAndWrite, 'Its counts are gone.', ''],
    ['that a database is gone', dropped('things'), openAndWrite, 'Its database things is gone.', ''],
    ['that a database is not counted any more', removed('counts', 'things'), openAndWrite, 'The count of its database things is gone.', ''],
    ['that a database has fewer entries than were written', removed('things', 'a'), openAndWrite, 'It has 1 entries; 2 were written.', ', database things'],
    ['for who reads all of it, that a database is gone', dropped('others'), verifyEmbeddedFolder, 'The database is not there any more: data.mdb is cut short, or another one than was written.', ', database others'],
  ])('%s', async (_, damage, notice, message, place) => {
    await using folder = await temporaryFolder()
    await fill(folder.path)
    await change(folder.path, damage)
    await expect(notice(folder.path)).rejects.toMatchObject(damagedAs(message, `${folder.path}${place}`))
  })

  it('that it does not say which format it has', async () => {
    await using folder = await temporaryFolder()
    await fill(folder.path)
    for (const text of ['', '{"format":"tidemark-objects","version":1}\n', '{"format":"tidemark-embedded"}\n']) {
      writeFileSync(join(folder.path, 'FORMAT'), text)
      await expect(opened(folder.path)).rejects.toMatchObject(damagedAs('It does not say which format the folder has.', join(folder.path, 'FORMAT')))
    }
  })

  it('that its FORMAT is gone, but not where it was not made yet', async () => {
    await using folder = await temporaryFolder()
    await (await opened(folder.path))[Symbol.asyncDispose]()
    rmSync(join(folder.path, 'FORMAT'))
    await fill(folder.path)
    rmSync(join(folder.path, 'FORMAT'))
    await expect(opened(folder.path)).rejects.toMatchObject(damagedAs(expect.stringContaining('FORMAT'), folder.path))
  })

  it.each(['get', 'entries', 'lastThrough'] as const)('a value under another key, for %s', async (how) => {
    await using folder = await temporaryFolder()
    await fill(folder.path)
    await change(folder.path, (_, database) => void database('things').putSync(Buffer.from('b'), Buffer.from(database('things').getBinary(Buffer.from('a'))!)))
    await using environment = await opened(folder.path)
    const things = await environment.database('things')
    const read = async (): Promise<unknown> => environment.read((reader) => {
      if (how === 'get') return reader.get(things, bytes('b'))
      return how === 'entries' ? [...reader.entries(things, bytes('a'), bytes('c'))] : reader.lastThrough(things, bytes('a'), bytes('b'))
    })
    await expect(read()).rejects.toMatchObject(damagedAs('The checksum of a value is not what was written.', `${folder.path}, database things, key 62`))
  })

  it('that LMDB goes down over it', async () => {
    await using folder = await temporaryFolder()
    await fill(folder.path)
    // No child of this process starts, as if each crashed at once.
    const script = `process.env.NODE_OPTIONS = '--no-such-option'; const { verifyEmbeddedFolder } = await import(${JSON.stringify(join(import.meta.dirname, 'verify-folder.ts'))}); await verifyEmbeddedFolder(process.argv[1]).catch(({ problems }) => process.stdout.write(JSON.stringify(problems)))`
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script, folder.path], { encoding: 'utf8' })
    expect(JSON.parse(stdout)).toMatchObject([{ code: 'STORE_DAMAGED', where: folder.path, message: expect.stringMatching(/^Reading all of it ended with exit code 9: .*--no-such-option/s) }])
  })

  it('in a database that is computed anew, once it was emptied, no damage any more; in another one it is', async () => {
    await using folder = await temporaryFolder()
    await fill(folder.path)
    await change(folder.path, (_, database) => void database('things').putSync(Buffer.from('b'), Buffer.from(database('things').getBinary(Buffer.from('a'))!)))
    const emptied: unknown[] = []
    const open = (...names: readonly string[]): Promise<EmbeddedEnvironment> => openEmbeddedEnvironment({ folder: folder.path, durability: 'process', derived: { names, onEmptied: (broken) => emptied.push(broken) } })
    const where = `${folder.path}, database things, key 62`
    const message = 'The checksum of a value is not what was written.'
    await expect(open('others')).rejects.toMatchObject(damagedAs(message, where))
    await expect(verifyEmbeddedFolder(folder.path, { names: ['things'] })).rejects.toMatchObject({ code: 'STORE_DAMAGED', problems: [{ where, action: expect.stringContaining('tidemark dev') }] })
    {
      await using environment = await open('things', 'others')
      const [things, others] = [await environment.database('things'), await environment.database('others')]
      expect(emptied).toEqual([{ database: 'things', where, message }])
      environment.read((reader) => {
        expect([...reader.keys(things, bytes('a'), bytes('z'))]).toEqual([])
        expect(reader.get(others, bytes('c'))).toEqual(bytes('1'))
      })
      await environment.write((writer) => writer.put(things, bytes('d'), bytes('1')))
    }
    await (await open('things'))[Symbol.asyncDispose]()
    expect(emptied).toHaveLength(1)
    expect(await verifyEmbeddedFolder(folder.path)).toBe(2)
  })

  it('that entries are gone, also of a database that is computed anew: it is LMDB\'s pages that are damaged then', async () => {
    await using folder = await temporaryFolder()
    await fill(folder.path)
    await change(folder.path, removed('things', 'a'))
    await expect(verifyEmbeddedFolder(folder.path, { names: ['things'], onEmptied: () => undefined })).rejects.toMatchObject({ code: 'STORE_DAMAGED' })
  })

  it('that an entry says to be of a kind which there is not', async () => {
    await using folder = await temporaryFolder()
    await fill(folder.path)
    const path = join(folder.path, 'data.mdb')
    const file = readFileSync(path)
    // LMDB's node: u32 size of the value, u16 flags, u16 size of the key, the key. Flag 4: its values are a database.
    const node = Buffer.from('050000000000010061', 'hex')
    for (let at = file.indexOf(node); at >= 0; at = file.indexOf(node, at + 1)) file[at + 4] = 4
    expect(file.equals(readFileSync(path))).toBe(false)
    writeFileSync(path, file)
    for (const names of [[], ['things']]) await expect(verifyEmbeddedFolder(folder.path, { names, onEmptied: () => undefined })).rejects.toMatchObject(damagedAs(expect.stringContaining('Reading it fails'), folder.path))
  })

  it.each(['EIO', 5, -30796])('that a disk or LMDB says so: %s', (code) => {
    expect(asTidemarkError(Object.assign(new Error('bad page'), { code }), 'here')).toMatchObject(damagedAs('Reading it fails ("bad page").', 'here'))
  })
})

/** What is sealed was written so: no checksum tells it, but what it says. */
describe('of what a store keeps, damage is', () => {
  type Store = (environment: EmbeddedEnvironment) => Promise<{ write(): Promise<unknown>; read(): Soon<unknown> }>
  const limits = { countMax: 10, sizeMaxBytes: 1_000, waitMaxMs: 0 }
  const logOf: Store = async (environment) => {
    const log = await openEmbeddedEventLog(environment, { clock: realClock })
    await log.ensureTopic('t', 1)
    return { write: () => log.append([{ topic: 't', partition: 0, records: [{ key: null, value: bytes('a') }] }]), read: () => log.fetch('t', 0, 0, limits) }
  }
  const registersOf: Store = async (environment) => {
    const registers = await createEmbeddedRegisterStore(environment, { newRevision })
    return { write: () => registers.compareAndSet('r', null, bytes('a')), read: () => registers.read('r') }
  }
  const batchViewsOf: Store = async (environment) => {
    const views = await createEmbeddedBatchViewStore(environment)
    return { write: () => views.write('v@1', 1, [{ entity: bytes('e'), blob: bytes('a') }]), read: () => views.readNewest('v@1', 1, [bytes('e')]) }
  }
  const jobsOf: Store = async (environment) => {
    const jobs = await createEmbeddedJobQueue(environment, { clock: realClock, newRevision })
    return { write: async () => (await jobs.add({ queue: 'q', id: 'j', data: null }), (await jobs.take('q', 1_000))!.complete(null)), read: () => jobs.trim('q', 0) }
  }

  it.each<[string, Store, string, (key: Uint8Array, value: Uint8Array) => Uint8Array | null | undefined, string, string]>([
    ['a part of the log that is none', logOf, 'log', (_, value) => value.subarray(0, 15), 'It is not a segment of a log.', ', topic t, partition 0, offset 0'],
    ['a part of the log that is not there', logOf, 'log', () => null, 'Records are missing.', ', topic t, partition 0, offset 0'],
    ['a register that is too short', registersOf, 'registers', (_, value) => value.subarray(0, 8), 'It has 8 bytes, at least 9.', ', register r'],
    ['a row of no kind', batchViewsOf, 'batch-views', (_, value) => Uint8Array.from([value[0]!, 2, ...value.subarray(2)]), 'A row is of the kind 2, which there is not.', ', batch view v@1'],
    ['a job that is listed and not there', jobsOf, 'jobs', (key) => (key[0] === 1 ? null : undefined), 'It is listed as finished and is not there.', ', job 0 of queue q'],
  ])('%s', async (_, open, name, damage, message, place) => {
    await using folder = await temporaryFolder()
    await using environment = await opened(folder.path)
    const store = await open(environment)
    await store.write()
    const database = await environment.database(name)
    await environment.write((writer) => {
      for (const { key, value } of writer.entries(database, Buffer.of(0), Buffer.of(0xff))) {
        const changed = damage(key, value)
        if (changed === null) writer.remove(database, key)
        else if (changed !== undefined) writer.put(database, key, changed)
      }
    })
    await expect(store.read()).rejects.toMatchObject(damagedAs(message, `${folder.path}${place}`))
  })

  it('of an entity and of a bucket: whoever asks for others is answered', async () => {
    await using folder = await temporaryFolder()
    {
      await using environment = await opened(folder.path)
      await (await createEmbeddedBatchViewStore(environment)).write('v@1', 1, ['e', 'f'].map((entity) => ({ entity: bytes(entity), blob: bytes('a') })))
      const speed = await openEmbeddedSpeedViewStore(environment)
      for (const bucket of [0, 1]) await speed.write({ view: 'v@1', bucket }, { expected: { fences: [], chunks: [] }, put: { record: bytes('r'), fences: [], chunks: [] } })
    }
    // The last byte of the first value of each.
    await change(folder.path, (_, database) => {
      for (const name of ['batch-views', 'speed']) {
        const [{ key, value }] = [...database(name).getRange({ limit: 1 })] as [{ key: Buffer; value: Buffer }]
        database(name).putSync(key, Buffer.from(value.map((byte, i) => (i === value.length - 1 ? byte ^ 1 : byte))))
      }
    })
    await using environment = await opened(folder.path)
    const batch = await createEmbeddedBatchViewStore(environment)
    const speed = await openEmbeddedSpeedViewStore(environment)
    const question = (bucket: number) => ({ view: 'v@1', bucket, entities: [], partitions: [] })
    await expect(batch.readNewest('v@1', 1, [bytes('f'), bytes('e')])).rejects.toMatchObject({ code: 'STORE_DAMAGED' })
    await expect(speed.read([question(1), question(0)])).rejects.toMatchObject({ code: 'STORE_DAMAGED' })
    expect(await batch.readNewest('v@1', 1, [bytes('f')])).toEqual([{ generation: 1, blob: bytes('a') }])
    expect(await speed.read([question(1)])).toMatchObject([{ record: bytes('r') }])
  })
})
