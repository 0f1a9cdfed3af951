// A definitions file is run, and may do anything: never end, for one. Whoever loads it goes on, and nothing is left running.
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSystemClock } from '@tidemark/adapter-embedded/system-clock'
import { until } from '../testing/dev-process.ts'
import { loadInChild, markOfModules, watchModules } from './definition-file.ts'

// Processes start slowly on a busy machine.
jest.setTimeout(60_000)

describe('a definitions file that never ends', () => {
  let folder: string
  let file: string
  beforeEach(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'tidemark-spinning-')))
    file = join(folder, 'features.ts')
    writeFileSync(file, `import { writeFileSync } from 'node:fs'\nwriteFileSync('${join(folder, 'pid')}', String(process.pid))\nfor (;;);\n`)
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  const pid = (): Promise<number> => until(async () => (existsSync(join(folder, 'pid')) ? Number(readFileSync(join(folder, 'pid'), 'utf8')) : 0), (found) => found > 0)
  const isGone = (id: number): boolean => {
    try {
      return !process.kill(id, 0)
    } catch {
      return true
    }
  }

  it('is given up where it is changed meanwhile, and its process with it', async () => {
    const stop = new AbortController()
    const marks: string[] = []
    const mark = markOfModules(file)
    let spinning = 0
    writeFileSync(file, `${readFileSync(file, 'utf8')}//\n`)
    await watchModules(file, mark, createSystemClock(), stop.signal, async (outdated) => {
      marks.push(markOfModules(file))
      if (marks.length === 2) return stop.abort()
      const loading = loadInChild(file, outdated)
      spinning = await pid()
      writeFileSync(file, 'export {}\n')
      await expect(loading).rejects.toMatchObject({ name: 'AbortError' })
    })
    expect(marks).toHaveLength(2)
    await until(async () => isGone(spinning), (gone) => gone)
  })

  it('ends with the process that loads it, also where that is killed', async () => {
    const parent = spawn(process.execPath, ['--input-type=module', '-e', `
      const { loadInChild } = await import(${JSON.stringify(join(import.meta.dirname, 'definition-file.ts'))})
      await loadInChild(${JSON.stringify(file)}, new AbortController().signal)`], { stdio: 'inherit', env: { ...process.env, TMPDIR: folder } })
    const spinning = await pid()
    expect(isGone(spinning)).toBe(false)
    parent.kill('SIGKILL')
    await once(parent, 'exit')
    await until(async () => isGone(spinning), (gone) => gone)
  })

  it('is not waited for by a file that ends', async () => {
    writeFileSync(file, "import { eventSource, timestamp } from '@tidemark/feature-schema/dsl'\nexport const s = eventSource('s', { fields: { at: timestamp() }, eventTime: 'at' })\n")
    expect((await loadInChild(file, new AbortController().signal)).sources).toMatchObject([{ name: 's' }])
    writeFileSync(file, 'export const s = 5')
    await expect(loadInChild(file, new AbortController().signal)).rejects.toMatchObject({ code: 'DEFINITION_INVALID' })
    expect(readdirSync(folder)).toEqual(['features.ts'])
  })
})
