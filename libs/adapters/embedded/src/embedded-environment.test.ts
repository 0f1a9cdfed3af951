import { spawnSync } from 'node:child_process'
import { closeSync, openSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, jest } from '@jest/globals'
import { openEmbeddedEnvironment, type EmbeddedEnvironment } from './embedded-environment.ts'
import { openLmdb, openLmdbDatabase, type LmdbDatabase } from './lmdb-store.ts'
import { checksumSeed, SEAL_BYTES, writeSeal } from './sealed-value.ts'
import { temporaryFolder } from './testing/temporary-folder.ts'
import { verifyEmbeddedFolder } from './verify-folder.ts'

// Child processes start slowly on a busy machine.
jest.setTimeout(60_000)

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text))
const numbered = (i: number): Uint8Array => {
  const key = Buffer.alloc(4)
  key.writeUInt32BE(i)
  return new Uint8Array(key)
}
const opened = (folder: string): Promise<EmbeddedEnvironment> => openEmbeddedEnvironment({ folder, durability: 'process', verify: false })

async function fill(folder: string, count: number): Promise<void> {
  await using environment = await opened(folder)
  const database = await environment.database('things')
  await environment.write((writer) => {
    for (let i = 0; i < count; i++) writer.put(database, numbered(i), bytes(`value ${i} `.repeat(20)))
  })
}

describe('openEmbeddedEnvironment', () => {
  it('gives back what was written, after it was closed too', async () => {
    await using folder = await temporaryFolder()
    {
      await using environment = await openEmbeddedEnvironment({ folder: folder.path })
      const database = await environment.database('things')
      await environment.write((writer) => {
        writer.put(database, bytes('a\0b'), bytes('1'))
        writer.put(database, bytes('a'), bytes(''))
        writer.put(database, bytes('b'), new Uint8Array(1_000_000).fill(7))
      })
    }
    await using environment = await openEmbeddedEnvironment({ folder: folder.path })
    const database = await environment.database('things')
    environment.read((reader) => {
      expect(reader.get(database, bytes('a\0b'))).toEqual(bytes('1'))
      expect(reader.get(database, bytes('a'))).toEqual(bytes(''))
      expect(Buffer.alloc(1_000_000, 7).equals(reader.get(database, bytes('b'))!)).toBe(true)
      expect(reader.get(database, bytes('c'))).toBeNull()
      expect([...reader.entries(database, bytes('a'), bytes('b'))].map(({ key }) => Buffer.from(key).toString())).toEqual(['a', 'a\0b'])
      expect(reader.lastThrough(database, bytes('a'), bytes('az'))?.value).toEqual(bytes('1'))
      expect(reader.lastThrough(database, bytes('b'), bytes('c'))?.value.length).toBe(1_000_000)
      expect(reader.lastThrough(database, bytes('c'), bytes('d'))).toBeNull()
    })
  })

  it('writes nothing of an action that throws, and all of its neighbours', async () => {
    await using folder = await temporaryFolder()
    await using environment = await opened(folder.path)
    const database = await environment.database('things')
    const settled = await Promise.allSettled([
      environment.write((writer) => writer.put(database, bytes('a'), bytes('1'))),
      environment.write((writer) => {
        writer.put(database, bytes('a'), bytes('2'))
        writer.put(database, bytes('b'), bytes('2'))
        throw new Error('changed its mind')
      }),
      environment.write((writer) => writer.put(database, new Uint8Array(0), bytes('2'))),
      environment.write((writer) => {
        writer.put(database, bytes('c'), bytes('3'))
        return reader(writer.get(database, bytes('a')))
      }),
    ])
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled'])
    expect(settled[3]).toMatchObject({ value: '1' })
    expect(environment.read(({ get }) => ['a', 'b', 'c'].map((key) => reader(get(database, bytes(key)))))).toEqual(['1', null, '3'])
  })

  it('refuses a folder of a newer format', async () => {
    await using folder = await temporaryFolder()
    await fill(folder.path, 1)
    writeFileSync(join(folder.path, 'FORMAT'), '{"format":"tidemark-embedded","version":2}\n')
    await expect(openEmbeddedEnvironment({ folder: folder.path })).rejects.toMatchObject({ code: 'STORE_TOO_NEW' })
  })

  it.each(['data.mdb'])('notices that %s is missing, instead of beginning anew', async (name) => {
    await using folder = await temporaryFolder()
    await fill(folder.path, 1)
    rmSync(join(folder.path, name))
    await expect(openEmbeddedEnvironment({ folder: folder.path })).rejects.toMatchObject({ code: 'STORE_DAMAGED' })
  })

  it('finds nothing wrong with a folder that others write to meanwhile, new databases among it', async () => {
    await using folder = await temporaryFolder()
    await fill(folder.path, 20_000)
    await using environment = await opened(folder.path)
    const database = await environment.database('things')
    let isVerifying = true
    const write = async (): Promise<void> => {
      for (let i = 20_000; isVerifying; i++) {
        await environment.write((writer) => writer.put(database, numbered(i), bytes('later')))
        if (i % 100 === 0 && i < 22_000) await environment.database(`more ${i}`)
      }
    }
    const writing = write()
    try {
      for (let round = 0; round < 3; round++) expect(await verifyEmbeddedFolder(folder.path)).toBeGreaterThanOrEqual(20_000)
    } finally {
      isVerifying = false
      await writing
    }
  })

  const countOf = (count: number): Buffer => {
    const sealed = Buffer.alloc(SEAL_BYTES + 8)
    sealed.writeDoubleLE(count, SEAL_BYTES)
    writeSeal(sealed, checksumSeed('counts'), bytes('things'))
    return sealed
  }

  it.each<[string, string, (things: LmdbDatabase, counts: LmdbDatabase) => void]>([
    ['an entry is gone', 'only 9 entries; 10 were written', (things) => void things.remove(Buffer.from(numbered(3)))],
    ['there is an entry more than was counted', 'more than 9 entries; 9 were written', (_, counts) => void counts.put(Buffer.from('things'), countOf(9))],
    ['the count of a database is gone', 'list of its databases is not complete', (_, counts) => void counts.remove(Buffer.from('things'))],
    ['a value lies under another key', 'checksum of a value', (things) => void things.put(Buffer.from(numbered(3)), Buffer.from(things.getBinary(Buffer.from(numbered(4)))!))],
  ])('notices that %s, though LMDB does not', async (_, message, change) => {
    await using folder = await temporaryFolder()
    await fill(folder.path, 10)
    const root = openLmdb(folder.path, { durability: 'process', readOnly: false })
    const [things, counts] = ['things', 'counts'].map((each) => openLmdbDatabase(root, each, false)!) as [LmdbDatabase, LmdbDatabase]
    root.transactionSync(() => change(things, counts))
    await root.close()
    const problem = await verifyEmbeddedFolder(folder.path).catch((error: unknown) => error)
    expect(problem).toMatchObject({ code: 'STORE_DAMAGED', problems: [{ message: expect.stringContaining(message) }] })
  })

  it('notices an environment that was replaced by an empty one', async () => {
    await using folder = await temporaryFolder()
    await using other = await temporaryFolder()
    await fill(folder.path, 1)
    await fill(other.path, 0)
    rmSync(join(folder.path, 'data.mdb'))
    writeFileSync(join(folder.path, 'data.mdb'), new Uint8Array())
    await expect(openEmbeddedEnvironment({ folder: folder.path })).rejects.toMatchObject({ code: 'STORE_DAMAGED' })
  })

  it('notices garbage anywhere in the file, whether LMDB crashes on it or not', async () => {
    await using folder = await temporaryFolder()
    await fill(folder.path, 20_000)
    const path = join(folder.path, 'data.mdb')
    const sound = readFileSync(path)
    for (const part of [0.1, 0.45, 0.9]) {
      const at = Math.floor((sound.length * part) / 4_096) * 4_096
      writeFileSync(path, sound)
      const file = openSync(path, 'r+')
      writeSync(file, Buffer.alloc(65_536, 0xa5), 0, 65_536, at)
      closeSync(file)
      await expect(openEmbeddedEnvironment({ folder: folder.path })).rejects.toMatchObject({ code: 'STORE_DAMAGED' })
    }
    writeFileSync(path, sound)
    await using environment = await openEmbeddedEnvironment({ folder: folder.path })
    expect(environment.folder).toBe(folder.path)
  })

  it('notices one changed byte of a value when it is read', async () => {
    await using folder = await temporaryFolder()
    await fill(folder.path, 2)
    const path = join(folder.path, 'data.mdb')
    const file = readFileSync(path)
    for (let at = file.indexOf('value 1'); at >= 0; at = file.indexOf('value 1', at + 1)) file[at] = 0x56
    writeFileSync(path, file)
    await using environment = await opened(folder.path)
    const database = await environment.database('things')
    expect(environment.read(({ get }) => reader(get(database, numbered(0))))).toContain('value 0')
    expect(() => environment.read(({ get }) => get(database, numbered(1)))).toThrow(expect.objectContaining({ code: 'STORE_DAMAGED' }))
  })

  it('says STORE_FULL on a full disk, keeps what it acknowledged, and goes on when there is room', async () => {
    await using folder = await temporaryFolder()
    await fill(folder.path, 10)
    const sizeBytes = statSync(join(folder.path, 'data.mdb')).size
    // A limit on the size of files, in blocks of 1,024 bytes, fails a write as a full disk does.
    const script = join(import.meta.dirname, 'testing', 'fill-until-full.ts')
    const child = spawnSync('bash', ['-c', `ulimit -S -f ${Math.ceil(sizeBytes / 1_024) + 300}; exec "$0" "$@"`, process.execPath, script, folder.path], { encoding: 'utf8' })
    // lmdb itself says nothing: what it says is no part of what a process says, and is in the error.
    expect(child).toMatchObject({ status: 0, stderr: '' })
    const { acknowledged, code } = JSON.parse(child.stdout.trimEnd().split('\n').at(-1)!) as { acknowledged: number; code: string }
    expect(code).toBe('STORE_FULL')
    expect(acknowledged).toBeGreaterThan(0)
    await using environment = await openEmbeddedEnvironment({ folder: folder.path })
    const database = await environment.database('things')
    const kept = environment.read((all) => [...all.entries(database, bytes('full'), bytes('fulm'))].length)
    expect(kept).toBe(acknowledged)
    await environment.write((writer) => writer.put(database, bytes('after'), bytes('1')))
  })
})

function reader(value: Uint8Array | null): string | null {
  return value === null ? null : Buffer.from(value).toString()
}
