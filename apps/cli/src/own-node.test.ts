// The command started from an older Node: it is the same process as its starter, or one that ends with it, whatever it is doing.
import { describe, expect, it, jest } from '@jest/globals'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import packageJson from '../package.json' with { type: 'json' }
import { until } from './testing/dev-process.ts'
import { makeFolder, stub, type Folder } from './testing/run-cli.ts'

// Each test starts processes, on a machine that may be busy.
jest.setTimeout(60_000)

const bin = join(stub, '..')
const ownNode = pathToFileURL(join(bin, 'own-node.js')).href

/** Starts the command as the older Node does that has this function, with this Node in place of both. */
function startBy(start: 'runAsChild' | 'replaceBy', folder: Folder, ...args: readonly string[]): ChildProcess {
  const script = `import { ${start} } from '${ownNode}'\n${start}(process.execPath, ${JSON.stringify(args)})`
  return spawn(process.execPath, ['--input-type=module', '-e', script], { cwd: folder.path, stdio: ['ignore', 'pipe', 'pipe'] })
}

/** Definitions that never end, and say in which process. */
function writeSpinning(folder: Folder): () => Promise<number> {
  const file = join(folder.path, 'pid')
  folder.write('spinning.ts', `import { renameSync, writeFileSync } from 'node:fs'\nwriteFileSync('written', String(process.pid))\nrenameSync('written', '${file}')\nfor (;;);\n`)
  return async () => {
    await until(async () => existsSync(file), (isThere) => isThere)
    return Number(readFileSync(file, 'utf8'))
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describe('the command, started from an older Node', () => {
  it('as its child ends with it, however that ends', async () => {
    using folder = makeFolder()
    const spinning = writeSpinning(folder)
    const starter = startBy('runAsChild', folder, 'check', 'spinning.ts')
    const pid = await spinning()
    expect([pid === starter.pid, isAlive(pid)]).toEqual([false, true])
    starter.kill('SIGKILL')
    await until(async () => isAlive(pid), (lives) => !lives)
  })

  it('as its child ends with it while its main thread never comes back', async () => {
    const script = `new (require('node:worker_threads').Worker)(${JSON.stringify(join(bin, 'end-with-parent.js'))})\nrequire('node:fs').writeSync(1, 'begun')\nfor (;;);`
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit', 'pipe'] })
    await once(child.stdout!, 'data')
    const ended = once(child, 'exit')
    child.stdio[3]!.destroy()
    expect(await ended).toEqual([null, 'SIGKILL'])
  })

  it('as its child answers as usual, and hands on its exit code', async () => {
    using folder = makeFolder()
    const starter = startBy('runAsChild', folder, 'check', 'absent.ts', '--json')
    let said = ''
    starter.stdout!.on('data', (bytes: Buffer) => (said += bytes.toString()))
    expect(await once(starter, 'close')).toEqual([3, null])
    expect(JSON.parse(said)).toMatchObject({ ok: false, files: [{ problems: [{ code: 'INPUT_UNREADABLE' }] }] })
  })

  it('in its place is the same process', async () => {
    using folder = makeFolder()
    const spinning = writeSpinning(folder)
    const starter = startBy('replaceBy', folder, 'check', 'spinning.ts')
    expect(await spinning()).toBe(starter.pid)
    starter.kill('SIGKILL')
    await once(starter, 'close')
    const other = startBy('replaceBy', folder, '--version')
    let said = ''
    for (const stream of [other.stdout!, other.stderr!]) stream.on('data', (bytes: Buffer) => (said += bytes.toString()))
    expect(await once(other, 'close')).toEqual([0, null])
    expect(said).toBe(`${packageJson.version}\n`)
  })
})
