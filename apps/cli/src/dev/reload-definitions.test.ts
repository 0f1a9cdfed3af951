// A definitions file that never ends is given up where it is changed meanwhile, and the next state of it is loaded.
import { expect, it, jest } from '@jest/globals'
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSystemClock } from '@tidemark/machine/system-clock'
import { loadSoundDefinitions } from '../load-definitions.ts'
import { until } from '../testing/dev-process.ts'
import { markOfModules, watchModules } from './definition-file.ts'

// Threads start slowly on a busy machine.
jest.setTimeout(60_000)

it('is given up where it is changed meanwhile', async () => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'tidemark-spinning-')))
  try {
    const [file, trace] = [join(folder, 'features.ts'), join(folder, 'trace')]
    const traceBytes = (): number => (existsSync(trace) ? statSync(trace).size : 0)
    writeFileSync(file, `import { appendFileSync } from 'node:fs'\nfor (;;) appendFileSync('${trace}', '.')\n`)
    const stop = new AbortController()
    const marks: string[] = []
    const mark = markOfModules(file)
    writeFileSync(file, `${readFileSync(file, 'utf8')}//\n`)
    await watchModules(file, mark, createSystemClock(), stop.signal, async (outdated) => {
      marks.push(markOfModules(file))
      if (marks.length === 2) return stop.abort()
      const loading = loadSoundDefinitions(file, { signal: outdated })
      await until(async () => traceBytes(), (found) => found > 0)
      writeFileSync(file, 'export {}\n')
      await expect(loading).rejects.toMatchObject({ name: 'AbortError' })
    })
    expect(marks).toHaveLength(2)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
