// Data is never put among somebody else's things, and a folder that cannot be made is told and not tried for ever.
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { requireOwnOrEmpty } from './data-folder.ts'
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
    await expect(requireOwnOrEmpty(folder)).resolves.toBeUndefined()
    mkdirSync(join(folder, 'lmdb'))
    for (const path of [folder, join(folder, 'new', 'deep')]) await (await openEmbeddedPorts({ folder: path }))[Symbol.asyncDispose]()
    writeFileSync(join(folder, 'notes.txt'), 'mine')
    await expect(requireOwnOrEmpty(folder)).resolves.toBeUndefined()
  })

  it.each(['/proc/tidemark', '/dev/null/tidemark', '/proc/version'])('%s cannot be made, which is STORE_UNAVAILABLE', async (path) => {
    await expect(openEmbeddedPorts({ folder: path })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', problems: [{ where: expect.stringContaining(path) }] })
  })
})
