import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { identifyProcess, isRunning, type ProcessIdentity } from './process-identity.ts'
import { endOfLog, runTool } from './run-tool.ts'
import { endProcess, waitUntilReady } from './server-process.ts'

describe('a server process', () => {
  let folder = ''
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tidemark-process-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  async function start(script: string): Promise<ProcessIdentity> {
    const child = spawn(process.execPath, ['-e', `${script}; console.log('on'); setInterval(() => {}, 1000)`], { stdio: ['ignore', 'pipe', 'ignore'] })
    await once(child.stdout, 'data')
    return identifyProcess(child.pid!)!
  }

  it('is killed when it does not end within the limit', async () => {
    const stubborn = await start("process.on('SIGTERM', () => {})")
    expect(await endProcess(stubborn, 50)).toBe(true)
    expect(isRunning(stubborn)).toBe(false)
    expect(await endProcess(await start(''), 10_000)).toBe(false)
  })

  it('that does not answer within the limit is given up, with the reason and its log', async () => {
    const silent = await start('')
    writeFileSync(join(folder, 'log'), 'still reading the ledger\n')
    const ready = waitUntilReady(silent, () => Promise.reject(new Error('it says LOADING')), join(folder, 'log'), { limitMs: 50 })
    await expect(ready).rejects.toThrow(/did not answer within 0\.05 s \(it says LOADING\)[^]*still reading the ledger/)
    await endProcess(silent)
  })

  it('that has ended is not ready, whoever answers in its place', async () => {
    const gone = await start('')
    await endProcess(gone)
    await expect(waitUntilReady(gone, () => Promise.resolve(), join(folder, 'log'))).rejects.toThrow('It ended.')
  })

  it('shows the last lines of a log, however long it is', () => {
    writeFileSync(join(folder, 'log'), Array.from({ length: 50_000 }, (_, index) => `line ${index}\n`).join(''))
    expect(endOfLog(join(folder, 'log'), 2)).toBe('  line 49998\n  line 49999')
  })
})

describe('runTool', () => {
  let folder = ''
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tidemark-tool-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))
  const run = (script: string, signal?: AbortSignal): Promise<void> =>
    runTool({ program: 'sh', args: ['-c', script], cwd: folder, logPath: join(folder, 'log'), signal })

  it('says what failed and how it ended', async () => {
    await run('true')
    await expect(run('echo out of ideas; exit 7')).rejects.toThrow(/sh -c .*\nended with exit code 7[^]* {2}out of ideas/)
    await expect(runTool({ program: 'no-such-tool', args: [], cwd: folder, logPath: join(folder, 'log') })).rejects.toThrow('ENOENT')
  })

  it('ends what the tool has started too when it is aborted', async () => {
    const abort = new AbortController()
    const running = run('sleep 1000 & echo $! > pid; mv pid child; wait', abort.signal)
    const deadlineMs = Date.now() + 5_000
    while (!existsSync(join(folder, 'child')) && Date.now() < deadlineMs) await new Promise((resolve) => setTimeout(resolve, 10))
    const child = identifyProcess(Number(readFileSync(join(folder, 'child'), 'utf8')))!
    abort.abort(new Error('interrupted'))
    await expect(running).rejects.toThrow('interrupted')
    while (isRunning(child) && Date.now() < deadlineMs) await new Promise((resolve) => setTimeout(resolve, 10))
    expect(isRunning(child)).toBe(false)
  })
})
