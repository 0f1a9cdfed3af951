// Objects on the file system: the port's suite, and what only files can suffer: damage, a full disk, a process that stops anywhere.
import { spawnSync } from 'node:child_process'
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import type { ObjectStore } from '@tidemark/ports/object-store'
import { objectStoreContract } from '@tidemark/ports/object-store.contract'
import { bytesOf, collect, textOf } from '@tidemark/ports/testing/store-cases'
import { FILE_CALLS, type FileCalls } from '@tidemark/machine/file-calls'
import { createFileObjectStore } from './file-object-store.ts'
import { createNewRevision } from '@tidemark/machine/new-revision'
import { markOfThisProcess } from '@tidemark/machine/process-mark'
import { temporaryFolder } from './testing/temporary-folder.ts'

const newRevision = createNewRevision()
const openStore = (folder: string, files?: FileCalls): Promise<ObjectStore> => createFileObjectStore({ folder, newRevision, ...(files && { files }) })

/** Waits for no disk, which only a power cut would show. */
const unflushed: FileCalls = { ...FILE_CALLS, write: (path, chunks) => writeFile(path, chunks, { flag: 'wx' }), syncFolder: () => Promise.resolve() }

objectStoreContract('file system', async () => {
  const folder = await temporaryFolder()
  return {
    store: await openStore(join(folder.path, 'made/here'), unflushed),
    other: await openStore(join(folder.path, 'made/here'), unflushed),
    async [Symbol.asyncDispose]() {
      expect(await readdir(join(folder.path, 'made/here/@tmp'))).toEqual([])
      await folder[Symbol.asyncDispose]()
    },
  }
})

/** Every file below the folder but the format, by its path. */
async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile() && entry.name !== '@format').map((entry) => join(entry.parentPath, entry.name)).sort()
}

const textAt = async (store: ObjectStore, key: string): Promise<string | null> => {
  const found = await store.get(key)
  return found && textOf(found.bytes)
}

async function storeOfOne(folder: string): Promise<{ store: ObjectStore; dataPath: string; markerPath: string }> {
  const store = await openStore(folder)
  await store.create('a/k', bytesOf('some bytes'))
  const [dataPath, markerPath] = await filesIn(folder)
  return { store, dataPath: dataPath!, markerPath: markerPath! }
}

describe('damage of an object', () => {
  const damages: [what: string, message: string, damage: (dataPath: string, markerPath: string) => Promise<void>][] = [
    ['a changed byte', 'Its checksum is not that of what was written.', (dataPath) => writeFile(dataPath, 'some bytEs')],
    ['a lost end', 'It has 4 bytes, of 10 that were written.', (dataPath) => writeFile(dataPath, 'some')],
    ['a longer end', 'It has 16 bytes, of 10 that were written.', (dataPath) => writeFile(dataPath, 'some bytes, more')],
    ['no bytes', 'It has 0 bytes, of 10 that were written.', (dataPath) => writeFile(dataPath, '')],
    ['a lost file', 'The file with the bytes of its current version is missing.', (dataPath) => rm(dataPath)],
    ['a lost marker', 'Its folder does not say which version is the current one.', (_, markerPath) => rm(markerPath)],
    ['two markers', 'Its folder does not say which version is the current one.', (_, markerPath) => writeFile(markerPath.replace(/[0-9a-f]{14}/, '0'.repeat(14)), '')],
    ['a marker that names nothing', 'does not name a version of an object.', (_, markerPath) => rename(markerPath, markerPath.replace(/[0-9a-f]{14}\./, ''))],
  ]
  it.each(damages)('is noticed: %s', async (_, message, damage) => {
    await using folder = await temporaryFolder()
    const { store, dataPath, markerPath } = await storeOfOne(folder.path)
    await damage(dataPath, markerPath)
    const damaged = { code: 'STORE_DAMAGED', problems: [{ where: 'object a/k', message: expect.stringContaining(message) }] }
    await expect(store.get('a/k')).rejects.toMatchObject(damaged)
    await expect(store.open('a/k')).rejects.toMatchObject(damaged)
    expect(await store.create('a/k', bytesOf('x'))).toBe(false)
    expect(await readdir(join(folder.path, '@tmp'))).toEqual([])
  })
})

describe('the folder of objects', () => {
  it('is refused where a newer release made it, or it does not say', async () => {
    await using folder = await temporaryFolder()
    await openStore(folder.path)
    await writeFile(join(folder.path, '@format'), '{"format":"tidemark-objects","version":2}\n')
    await expect(openStore(folder.path)).rejects.toMatchObject({ code: 'STORE_TOO_NEW' })
    await writeFile(join(folder.path, '@format'), '')
    await expect(openStore(folder.path)).rejects.toMatchObject({ code: 'STORE_DAMAGED' })
  })

  it('gives engines a plain file of the object, under its own name', async () => {
    await using folder = await temporaryFolder()
    const store = await openStore(folder.path)
    await store.create('a/part.parquet', bytesOf('PAR1'))
    await using local = await store.open('a/part.parquet')
    expect(local.path).toMatch(/\/part\.parquet$/)
    expect(await readFile(local.path, 'utf8')).toBe('PAR1')
  })

  it('is swept of what crashed processes left, and of nothing else', async () => {
    await using folder = await temporaryFolder()
    const store = await openStore(folder.path)
    await store.create('k', bytesOf('kept'))
    await using opened = await store.open('k')
    const printMark = `import { markOfThisProcess } from '@tidemark/machine/process-mark'; process.stdout.write(markOfThisProcess())`
    const gone = spawnSync(process.execPath, ['--input-type=module', '-e', printMark], { encoding: 'utf8' }).stdout
    const [host, processId, start] = markOfThisProcess().split('-')
    const left = [`${gone}.1`, `${host}-${processId}-${start}9.1`, 'ffffffffffff-1-1.old']
    const running = [`${markOfThisProcess()}.1`, 'ffffffffffff-1-1.young']
    for (const name of [...left, ...running]) {
      await mkdir(join(folder.path, '@tmp', name))
      await writeFile(join(folder.path, '@tmp', name, 'bytes'), 'half')
      const longAgo = new Date(Date.now() - 2 * 86_400_000)
      if (!name.endsWith('young')) await utimes(join(folder.path, '@tmp', name), longAgo, longAgo)
    }
    const other = await openStore(folder.path)
    const names = await readdir(join(folder.path, '@tmp'))
    expect(names.filter((name) => name !== basename(dirname(opened.path))).sort()).toEqual(running.sort())
    expect(await readFile(opened.path, 'utf8')).toBe('kept')
    expect(await textAt(other, 'k')).toBe('kept')
  })
})

describe('a full disk', () => {
  const full = (): Promise<never> => Promise.reject(Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' }))
  it.each(['write', 'makeFolder', 'rename', 'link'] as const)('leaves nothing half there where %s fails', async (call) => {
    await using folder = await temporaryFolder()
    let isFull = false
    const store = await openStore(folder.path, { ...FILE_CALLS, [call]: (...args: [string, string & Iterable<Uint8Array>]) => (isFull ? full() : FILE_CALLS[call](...args)) })
    const tag = await store.replace('old', null, bytesOf('old'))
    const before = await filesIn(folder.path)
    isFull = true
    const isNeeded = call !== 'link'
    if (isNeeded) await expect(store.create('a/new', bytesOf('new'))).rejects.toMatchObject({ code: 'STORE_FULL' })
    await expect(store.replace('old', tag, bytesOf('new'))).rejects.toMatchObject({ code: 'STORE_FULL' })
    isFull = false
    expect(await filesIn(folder.path)).toEqual(before)
    expect(await collect(store.list(''))).toEqual(['old'])
    expect(await store.replace('old', tag, bytesOf('new'))).not.toBeNull()
    expect(await store.create('a/new', bytesOf('new'))).toBe(true)
  })

  it('is noticed in the middle of a write, and nothing is half there', async () => {
    await using folder = await temporaryFolder()
    // A limit on the size of files, in blocks of 1,024 bytes, fails a write as a full disk does.
    const script = join(import.meta.dirname, 'testing', 'put-large-object.ts')
    const child = spawnSync('bash', ['-c', 'ulimit -S -f 2000; exec "$0" "$@"', process.execPath, script, folder.path], { encoding: 'utf8' })
    expect(JSON.parse(child.stdout)).toEqual({ large: 'STORE_FULL', small: true, keys: ['a/small'] })
    expect(await readdir(join(folder.path, '@tmp'))).toEqual([])
  })
})

describe('a process that stops at any call to the file system', () => {
  class Stopped extends Error {}

  /** Calls that work until the nth; that one is made first, if `isMade`, and none after it comes back. */
  function stoppingAt(stop: number, isMade: boolean): { files: FileCalls; count: () => number } {
    let count = 0
    const calls = Object.entries(FILE_CALLS) as [string, (...args: unknown[]) => Promise<void>][]
    const files = Object.fromEntries(calls.map(([name, call]) => [name, async (...args: unknown[]) => {
      if (++count < stop) return call(...args)
      if (count === stop && isMade) await call(...args)
      throw new Stopped()
    }])) as unknown as FileCalls
    return { files, count: () => count }
  }

  const acts: [what: string, act: (store: ObjectStore) => Promise<unknown>, allowed: readonly (string | null)[]][] = [
    ['create', (store) => store.create('a/b/k', bytesOf('new')), [null, 'new']],
    ['replace', async (store) => store.replace('old', (await store.get('old'))!.etag, bytesOf('new')), ['old', 'new']],
    ['remove', (store) => store.remove('old'), ['old', null]],
  ]
  it.each(acts)('leaves an object as it was or as it was to be: %s', async (what, act, allowed) => {
    const key = what === 'create' ? 'a/b/k' : 'old'
    const seen = new Set<string | null>()
    let isFinished = false
    for (let stop = 1; !isFinished; stop++) {
      for (const isMade of [false, true]) {
        await using folder = await temporaryFolder()
        const sound = await openStore(folder.path)
        await sound.create('old', bytesOf('old'))
        const { files, count } = stoppingAt(Infinity, false)
        await openStore(folder.path, files)
        const stopping = stoppingAt(count() + stop, isMade)
        const store = await openStore(folder.path, stopping.files)
        const acted = await act(store).then(() => true, (error: unknown) => {
          if (!(error instanceof Stopped)) throw error
          return false
        })
        const after = await openStore(folder.path)
        const text = await textAt(after, key)
        expect(allowed).toContain(text)
        seen.add(text)
        if (acted) expect(text).toBe(allowed[1])
        const found = await after.get(key)
        expect(await after.replace(key, found?.etag ?? null, bytesOf('next'))).not.toBeNull()
        expect(await textAt(after, key)).toBe('next')
        const place = join(folder.path, `${key}@`)
        expect(await readdir(place)).toHaveLength(2)
        isFinished ||= acted && !isMade
      }
    }
    expect([...seen].sort()).toEqual([...allowed].sort())
  })

  it('shows an object only when all of it is flushed, and says so only when its name is', async () => {
    await using folder = await temporaryFolder()
    const made: string[] = []
    const calls = Object.entries(FILE_CALLS) as [string, (...args: string[]) => Promise<void>][]
    const files = Object.fromEntries(calls.map(([name, call]) => [name, async (...args: string[]) => {
      await call(...args)
      const paths = args.filter((arg) => typeof arg === 'string').map((path) => path.slice(folder.path.length + 1).replace(/@tmp\/[^/]+/, 'staging').replace(/[0-9a-f]{14}\.\d+\.[0-9a-f]{8}/, 'version'))
      made.push([name, ...paths].join(' ').trim())
    }])) as unknown as FileCalls
    const store = await openStore(folder.path, files)
    made.length = 0
    const tag = await store.replace('a/k', null, bytesOf('one'))
    expect(made.filter((call) => !call.startsWith('remove'))).toEqual([
      'makeFolder a', 'syncFolder', 'makeFolder staging', 'write staging/bytes', 'rename staging/bytes staging/version', 'write staging/version.current', 'syncFolder staging', 'rename staging a/k@', 'syncFolder a',
    ])
    made.length = 0
    await store.replace('a/k', tag, bytesOf('two'))
    expect(made.filter((call) => !call.startsWith('remove'))).toEqual([
      'makeFolder staging', 'write staging/bytes', 'rename staging/bytes staging/version', 'link staging/version a/k@/version', 'syncFolder a/k@', 'rename a/k@/version.current a/k@/version.current', 'syncFolder a/k@',
    ])
    expect((await stat(join(folder.path, 'a/k@'))).isDirectory()).toBe(true)
  })
})
