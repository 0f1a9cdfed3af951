// Data is never put among somebody else's things, and a folder that cannot be made is told and not tried for ever.
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openEmbeddedEnvironment } from '@tidemark/adapter-embedded/embedded-environment'
import { requireData, requireOwnOrEmpty } from './data-folder.ts'
import { openEmbeddedPorts } from './embedded-ports.ts'

// Child processes start slowly on a busy machine.
jest.setTimeout(60_000)

describe('a data folder', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tidemark-data-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  it('is refused where it holds other things, and nothing is made in it', async () => {
    writeFileSync(join(folder, 'letter.txt'), 'dear')
    await expect(openEmbeddedPorts({ folder })).rejects.toMatchObject({ code: 'INPUT_UNREADABLE', problems: [{ where: folder, message: expect.stringContaining('letter.txt'), action: expect.stringContaining(join(folder, 'tidemark')) }] })
    expect(readdirSync(folder)).toEqual(['letter.txt'])
  })

  it('is made where it is empty or not there, gone on with where it is half made, and opened with whatever was put beside the data later', async () => {
    await expect(requireOwnOrEmpty(folder, join(folder, 'objects'))).resolves.toBeUndefined()
    mkdirSync(join(folder, 'lmdb'))
    for (const path of [folder, join(folder, 'new', 'deep')]) await (await openEmbeddedPorts({ folder: path }))[Symbol.asyncDispose]()
    writeFileSync(join(folder, 'notes.txt'), 'mine')
    await expect(requireOwnOrEmpty(folder, join(folder, 'objects'))).resolves.toBeUndefined()
  })

  it.each<[string, readonly string[], string]>([
    ['its lmdb', ['lmdb'], 'lmdb, which has the log'],
    ['the FORMAT of its lmdb', ['lmdb/FORMAT'], 'the file FORMAT of lmdb'],
  ])('that has lost %s is refused as it is, by whoever opens it and by whoever looks for it', async (_, gone, message) => {
    await (await openEmbeddedPorts({ folder }))[Symbol.asyncDispose]()
    for (const name of gone) rmSync(join(folder, name), { recursive: true })
    const names = readdirSync(folder, { recursive: true })
    const refused = { code: 'STORE_DAMAGED', problems: [{ where: folder, message: expect.stringContaining(message), action: expect.stringContaining('backup') }] }
    await expect(openEmbeddedPorts({ folder })).rejects.toMatchObject(refused)
    await expect((async () => requireData(folder))()).rejects.toMatchObject(refused)
    expect(readdirSync(folder, { recursive: true })).toEqual(names)
  })

  it('is being made until its objects are there, at each step', async () => {
    const unmade: readonly string[] = ['objects/@format', 'objects', 'work', 'lmdb/FORMAT', 'lmdb/data.mdb', 'lmdb']
    await (await openEmbeddedPorts({ folder }))[Symbol.asyncDispose]()
    for (const [i] of unmade.entries()) {
      // A folder without databases: they are opened once FORMAT is there.
      if (i >= unmade.indexOf('lmdb/FORMAT')) {
        rmSync(folder, { recursive: true })
        await (await openEmbeddedEnvironment({ folder: join(folder, 'lmdb') }))[Symbol.asyncDispose]()
      }
      for (const name of unmade.slice(0, i + 1)) rmSync(join(folder, name), { recursive: true, force: true })
      await (await openEmbeddedPorts({ folder }))[Symbol.asyncDispose]()
    }
  })

  it.each(['/proc/tidemark', '/dev/null/tidemark', '/proc/version'])('%s cannot be made, which is STORE_UNAVAILABLE', async (path) => {
    await expect(openEmbeddedPorts({ folder: path })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', problems: [{ where: expect.stringContaining(path) }] })
  })
})
