// A definitions file is run, and may do anything: never end, for one. Whoever loads it goes on, and nothing is left running.
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals'
import { existsSync, mkdtempSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { loadDefinitions, loadSoundDefinitions } from './load-definitions.ts'
import { DEFINITIONS_LOAD_LIMIT_MS, loadModule } from './load-module.ts'

// Threads start slowly on a busy machine.
jest.setTimeout(60_000)

const SOUND = "import { eventSource, timestamp } from '@tidemark/feature-schema/dsl'\nexport const s = eventSource('s', { fields: { at: timestamp() }, eventTime: 'at' })\n"

let folder: string
let file: string
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'tidemark-spinning-')))
  file = join(folder, 'features.ts')
})
afterEach(() => rmSync(folder, { recursive: true }))

/** It goes on and on, as can be seen. */
function writeSpinning(): void {
  writeFileSync(file, `import { appendFileSync } from 'node:fs'\nfor (;;) appendFileSync('${join(folder, 'trace')}', '.')\n`)
}

const traceBytes = (): number => (existsSync(join(folder, 'trace')) ? statSync(join(folder, 'trace')).size : 0)

/** While another file is loaded, which takes a while. */
async function expectStandsStill(): Promise<void> {
  const before = traceBytes()
  writeFileSync(join(folder, 'sound.ts'), SOUND)
  expect((await loadDefinitions(join(folder, 'sound.ts'))).sources).toMatchObject([{ name: 's' }])
  expect([before > 0, traceBytes()]).toEqual([true, before])
}

describe('a definitions file that never ends', () => {
  it('is given up after a limit, where it loops', async () => {
    writeSpinning()
    const loading = loadModule(file, { limitMs: 10_000 })
    await expect(loading).rejects.toMatchObject({ code: 'DEFINITION_INVALID', problems: [{ where: file, message: 'It cannot be loaded within 10 s.', action: expect.stringContaining('loop') }] })
    await expectStandsStill()
    expect(DEFINITIONS_LOAD_LIMIT_MS).toBe(30_000)
  })

  it('is given up after a limit, where it waits and something else goes on', async () => {
    writeFileSync(file, 'await new Promise(() => setInterval(() => undefined, 1_000))\n')
    await expect(loadDefinitions(file, { limitMs: 1_000 })).rejects.toMatchObject({ problems: [{ where: file, message: 'It cannot be loaded within 1 s.' }] })
  })

  it('is given up where nobody waits for it any more', async () => {
    writeSpinning()
    const stop = new AbortController()
    const loading = loadSoundDefinitions(file, { signal: stop.signal })
    const refused = expect(loading).rejects.toMatchObject({ name: 'AbortError' })
    while (traceBytes() === 0) await setImmediate()
    stop.abort()
    await refused
    await expectStandsStill()
    await expect(loadDefinitions(file, { signal: stop.signal })).rejects.toMatchObject({ name: 'AbortError' })
  })
})

describe('a definitions file that ends', () => {
  it('is what it is by then, however often it is loaded, and what it leaves running ends', async () => {
    for (const name of ['s', 't']) {
      writeFileSync(file, `${SOUND.replace("'s'", `'${name}'`)}\nsetInterval(() => undefined, 1_000)\n`)
      expect((await loadSoundDefinitions(file)).sources).toMatchObject([{ name }])
    }
    writeFileSync(file, 'export const s = 5')
    await expect(loadSoundDefinitions(file)).rejects.toMatchObject({ code: 'DEFINITION_INVALID', problems: [{ message: 'There is nothing in them.' }] })
  })

  it.each([
    ['what it does later fails', 'setTimeout(() => { throw new Error("later") })\nawait new Promise((resolve) => setTimeout(resolve, 60_000))\n', 'later.'],
    ['what nobody waits for fails', `${SOUND}void Promise.reject(new Error('unheard'))\n`, 'unheard.'],
    ['a definition has what is no data', `${SOUND.replace("'at' })", "'at', epochLength: () => '1h' })")}`, 'epochLength'],
    ['it ends the process', 'process.exit(0)\n', 'It ended before its definitions were there'],
  ])('is refused where %s', async (_, text, message) => {
    writeFileSync(file, text)
    await expect(loadSoundDefinitions(file)).rejects.toMatchObject({ code: 'DEFINITION_INVALID', problems: [{ where: expect.stringContaining(file) }] })
    await expect(loadSoundDefinitions(file)).rejects.toThrow(message)
  })
})
