// Ctrl-C ends the real demo with everything that it started, and so does a reader of its output who leaves; nothing of it is left: no process, no folder.
import { afterEach, expect, it } from '@jest/globals'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { SETS_FOLDER } from '@tidemark/servers/set-folder'

const WITHIN_MS = 300_000

let folder = ''
let demo: ChildProcess | undefined
afterEach(() => {
  demo?.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

/** Processes that were started with our temporary folder, directly or not. */
function left(): string[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && name !== String(process.pid)).flatMap((pid) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`TMPDIR=${folder}`) ? [readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')] : []
    } catch {
      return []
    }
  })
}

it.each([
  ['Ctrl-C while its servers start', /^ +cassandra +starting/, () => demo!.kill('SIGINT'), 130],
  ['Ctrl-C while history streams into log and archive', /history: [1-9]/, () => demo!.kill('SIGINT'), 130],
  ['its reader leaves while its servers start', /^ +cassandra +starting/, () => demo!.stdout!.destroy(), 141],
])('%s', async (_, phase, interrupt, code) => {
  folder = mkdtempSync(join(tmpdir(), 'tidemark-interrupted-test-'))
  demo = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, '..', 'demo.ts'), '--real'], { env: { ...process.env, NO_COLOR: '1', TMPDIR: folder }, stdio: ['ignore', 'pipe', 'pipe'] })
  const said: string[] = []
  const reached = Promise.withResolvers<undefined>()
  for (const stream of [demo.stdout!, demo.stderr!]) {
    createInterface({ input: stream }).on('line', (line) => {
      said.push(line)
      if (phase.test(line)) reached.resolve(undefined)
    })
  }
  const ended = once(demo, 'exit')
  await Promise.race([reached.promise, ended.then(() => Promise.reject(new Error(`It ended before:\n${said.join('\n')}`)))])
  expect(left().length).toBeGreaterThan(1)
  interrupt()
  expect(await ended).toEqual([code, null])
  expect(said.at(-1)).toMatch(/^interrupted/)
  expect(left()).toEqual([])
  expect(readdirSync(folder)).toEqual([])
  expect(existsSync(join(SETS_FOLDER, `demo-${demo.pid}`))).toBe(false)
}, WITHIN_MS)
