// An image's folder: the same bytes each time, small enough, nothing of this machine in it, and the terms of all that it holds.

import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals'
import { ROOT } from './bundle.ts'
import { IMAGE_SIZE_MAX_BYTES, writeImageContext } from './image-context.ts'
import { IMAGE_NAMES, IMAGES } from './images.ts'
import type { Release } from './release.ts'

// Eighty megabytes are copied for most of them.
jest.setTimeout(120_000)

const RELEASE: Release = { version: '1.2.3', commit: '0123456789abcdef0123456789abcdef01234567', epochSeconds: 1_700_000_000 }
const folder = mkdtempSync(join(tmpdir(), 'tidemark-images-'))
const pathOf = (name: string): string => join(folder, name)

beforeAll(async () => {
  for (const name of IMAGE_NAMES) await writeImageContext(IMAGES[name], pathOf(name), RELEASE)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Each file's and folder's path, mode and time, and of a file its bytes' hash. */
function describeTree(path: string): string[] {
  const entries = readdirSync(path, { recursive: true, withFileTypes: true })
  return entries.map((entry) => {
    const file = join(entry.parentPath, entry.name)
    const { mode, mtimeMs } = statSync(file)
    return `${file.slice(path.length)} ${mode.toString(8)} ${mtimeMs} ${entry.isFile() ? createHash('sha256').update(readFileSync(file)).digest('hex') : ''}`
  }).sort()
}

function sizeOf(path: string): number {
  return readdirSync(path, { recursive: true, encoding: 'utf8' }).reduce((sum, name) => sum + (statSync(join(path, name)).isFile() ? statSync(join(path, name)).size : 0), 0)
}

function textsOf(path: string): string[] {
  return readdirSync(path, { recursive: true, encoding: 'utf8' }).filter((name) => /\.(?:js|json|txt)$/.test(name) && !name.startsWith('node_modules')).map((name) => readFileSync(join(path, name), 'utf8'))
}

// One with packages that have binaries, and the one with threads, children and modules by name.
it.each(['archiver', 'tidemark'] as const)("the folder of %s's image is the same, byte for byte, when it is made again elsewhere", async (name) => {
  const again = pathOf(`other place/${name}`)
  await writeImageContext(IMAGES[name], again, RELEASE)
  expect(describeTree(again)).toEqual(describeTree(pathOf(name)))
})

describe.each(IMAGE_NAMES)("the folder of %s's image", (name) => {
  it('has a program, what it needs, its release and everybody\'s terms, and is small enough', () => {
    const names = readdirSync(pathOf(name))
    expect(names).toEqual(expect.arrayContaining(['LICENSE', 'THIRD-PARTY-LICENSES.txt', 'main.js', 'package.json', 'release.json']))
    expect(JSON.parse(readFileSync(join(pathOf(name), 'release.json'), 'utf8'))).toEqual({ name, version: '1.2.3', commit: RELEASE.commit, committedAt: '2023-11-14T22:13:20.000Z' })
    const { dependencies } = JSON.parse(readFileSync(join(pathOf(name), 'package.json'), 'utf8')) as { dependencies: Record<string, string> }
    for (const [dependency, version] of Object.entries(dependencies)) {
      expect(readFileSync(join(pathOf(name), 'THIRD-PARTY-LICENSES.txt'), 'utf8')).toContain(`${dependency} ${version}: `)
    }
    expect(sizeOf(pathOf(name))).toBeLessThan(IMAGE_SIZE_MAX_BYTES)
  })

  it('says nothing of the machine that it was made on', () => {
    for (const text of textsOf(pathOf(name))) expect(text).not.toContain(ROOT)
  })
})

describe('making the folder of an image', () => {
  it('has the terms of what is bundled too', () => {
    const text = readFileSync(join(pathOf('serving-layer'), 'THIRD-PARTY-LICENSES.txt'), 'utf8')
    expect(text).toMatch(/^express 5\.\d+\.\d+: MIT\n\n.*\n?\(The MIT License\)/m)
    expect(text).not.toContain('@tidemark/')
  })

  it('refuses a folder that is somebody\'s, and leaves it', async () => {
    const mine = pathOf('mine')
    mkdirSync(mine)
    writeFileSync(join(mine, 'notes.txt'), 'mine')
    await expect(writeImageContext(IMAGES.archiver, mine, RELEASE)).rejects.toThrow(`${mine} is there, and holds something else`)
    expect(readdirSync(mine)).toEqual(['notes.txt'])
  })

  it('refuses a program that asks for a package which nobody knows to be absent', async () => {
    const main = pathOf('main.cjs')
    writeFileSync(main, "try { require('no-such-package') } catch {}\n")
    await expect(writeImageContext({ name: 'archiver', main: relative(ROOT, main) }, pathOf('broken'), RELEASE)).rejects.toThrow('would not find no-such-package')
  })
})
