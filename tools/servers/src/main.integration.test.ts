// The command line on real servers: exit codes, two sets side by side, what is printed, Ctrl-C, and a reader who leaves.
import { afterAll, describe, expect, it } from '@jest/globals'
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { findFreePorts, PORT_NAMES, portsFrom, isFree } from './ports.ts'
import { ServerSet } from './server-set.ts'
import { SetFolder } from './set-folder.ts'
import { SHARED_SET_VARIABLE } from './shared-servers.ts'

const main = join(import.meta.dirname, 'main.ts')
const set = `command-${process.pid}`
const stranger = `${set}-stranger`

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

function start(args: readonly string[], usualSet?: string): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [main, ...args], { env: { ...process.env, NO_COLOR: '1', [SHARED_SET_VARIABLE]: usualSet } })
}

/** Runs the command; once its output matches `interruptAt` it gets SIGINT. */
async function servers(args: readonly string[], interruptAt?: RegExp, usualSet?: string): Promise<Ended> {
  const child = start(args, usualSet)
  const [stdout, stderr]: [string[], string[]] = [[], []]
  let isInterrupted = false
  child.stdout.on('data', (chunk: Buffer) => {
    stdout.push(chunk.toString())
    if (isInterrupted || !interruptAt?.test(stdout.join(''))) return
    isInterrupted = true
    child.kill('SIGINT')
  })
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stdout: stdout.join(''), stderr: stderr.join('') }
}

/** A port with as many free ones above it as a set takes. */
async function findFreeRange(): Promise<number> {
  for (;;) {
    const first = Math.min(...Object.values(await findFreePorts()))
    const free = await Promise.all(Object.values(portsFrom(first)).map(isFree))
    if (free.every(Boolean)) return first
  }
}

describe('npm run servers', () => {
  afterAll(async () => {
    for (const name of [set, stranger]) await servers(['down', '--set', name])
  })

  it('brings a set up elsewhere, says where and how it is, and takes it down', async () => {
    expect(await servers(['up', 'redis', '--set', set])).toMatchObject({ code: 2, stderr: expect.stringContaining('--ports-from PORT') })
    const first = await findFreeRange()
    const up = await servers(['up', 'redis', 'redis-cache', '--set', set, '--ports-from', `${first}`])
    expect(up).toMatchObject({ code: 0, stderr: '' })
    expect(up.stdout).toMatch(/redis +ready after [\d.]+ s \(pid \d+\)/)
    const again = await servers(['up', 'redis', '--set', set])
    expect(again).toMatchObject({ code: 0, stdout: expect.stringMatching(/^redis +runs already \(pid \d+\)\n$/) })
    const ports = portsFrom(first)
    expect((await servers(['addresses', '--set', set])).stdout).toBe(
      `TIDEMARK_REDIS_STATE_NODES=127.0.0.1:${ports.redis}\nTIDEMARK_REDIS_CACHE_NODES=127.0.0.1:${ports['redis-cache']}\n`,
    )
    const status = await servers(['status', '--set', set])
    expect(status.code).toBe(0)
    expect(status.stdout).toMatch(new RegExp(`^redis +running +${ports.redis} +\\d+ +\\d+ MiB +\\d{4}-`, 'm'))
    expect((await servers(['logs', 'redis', '--set', set])).stdout).toContain('Ready to accept connections')

    expect(await servers(['down', 'redis', '--keep-data', '--set', set])).toMatchObject({ code: 0 })
    expect(await servers(['status', '--set', set])).toMatchObject({ code: 1, stdout: expect.stringMatching(/^redis +stopped/m) })
    expect(await servers(['down', '--set', set])).toMatchObject({ code: 0 })
    expect(await servers(['status', '--set', set])).toMatchObject({ code: 1, stdout: expect.stringContaining(`Nothing of the set ${set} was started`) })
    expect(await servers(['down', '--set', set])).toMatchObject({ code: 0 })
  })

  it('builds without starting anything', async () => {
    const built = await servers(['build', 'redis', 'redis-cache', '--set', set])
    expect(built).toMatchObject({ code: 0, stderr: '' })
    expect(built.stdout).toMatch(/^redis-cache +is built: \/.*$/m)
    expect((await servers(['status', '--set', set])).stdout).toContain(`Nothing of the set ${set} was started`)
  })

  it('says who has a port', async () => {
    const first = await findFreeRange()
    await servers(['up', 'redis-jobs', '--set', set, '--ports-from', `${first}`])
    const port = portsFrom(first)['redis-jobs']
    const clash = await servers(['up', 'redis-jobs', '--set', stranger, '--ports-from', `${first}`])
    expect(clash.code).toBe(1)
    expect(clash.stderr).toMatch(new RegExp(`redis-jobs wants 127\\.0\\.0\\.1:${port}, and pid \\d+ \\(.*redis-server`))
    expect(await servers(['logs', '--set', stranger])).toMatchObject({ code: 1, stderr: expect.stringContaining(`There is no set ${stranger}`) })
    expect(await servers(['logs', 'redis', '--set', set])).toMatchObject({ code: 1, stderr: `error There is no log of redis in the set ${set}: none was started.\n` })
    const elsewhere = await servers(['up', 'redis-jobs', '--set', stranger, '--ports-from', `${await findFreeRange()}`])
    expect(elsewhere).toMatchObject({ code: 0, stderr: '' })
    for (const name of [set, stranger]) await servers(['down', '--set', name])
  })

  it('leaves nothing running when it is interrupted', async () => {
    const first = await findFreeRange()
    const interrupted = await servers(['up', 'redis', 's3', 'kafka', '--set', set, '--ports-from', `${first}`], /redis +ready/)
    expect(interrupted.code).toBe(130)
    const opened = new ServerSet(new SetFolder(set), portsFrom(first))
    expect(opened.folder.names().map((name) => opened.status(name).state)).not.toContain('running')
    expect(await Promise.all(PORT_NAMES.map((name) => isFree(opened.ports[name])))).not.toContain(false)
  })

  it('does what it was to do also when nobody reads what it says', async () => {
    const first = await findFreeRange()
    await servers(['down', '--set', set])
    const unread = start(['up', 'redis', 'redis-cache', '--set', set, '--ports-from', `${first}`])
    unread.stdout.destroy()
    unread.stderr.destroy()
    expect(await once(unread, 'close')).toEqual([0, null])
    expect((await servers(['status', '--set', set])).stdout).toMatch(/^redis +running .*\nredis-cache +running /m)
    await servers(['down', '--set', set])
    expect(await Promise.all(Object.values(portsFrom(first)).map(isFree))).not.toContain(false)
  })

  it('is about the set that TIDEMARK_SERVERS_SET names, unless it is told another', async () => {
    expect((await servers(['status'], undefined, 'never-there')).stdout).toMatch(/^Nothing of the set never-there was started.*: npm run servers -- up --ports-from PORT\n$/)
    expect((await servers(['status', '--set', 'nor-there'], undefined, 'never-there')).stdout).toMatch(/^Nothing of the set nor-there was/)
    expect(await servers(['status'], undefined, '../x')).toMatchObject({ code: 2, stderr: expect.stringMatching(/'\.\.\/x' from env 'TIDEMARK_SERVERS_SET' is invalid/) })
  })

  it('says how it is called, and how to bring up a set that is not there', async () => {
    expect(await servers(['help'])).toMatchObject({ code: 0, stdout: expect.stringContaining('addresses [options] [name...]') })
    expect((await servers(['up', '--help'])).stdout.replaceAll(/\s+/g, ' ')).toContain('without names kafka, cassandra, s3, redis, redis-jobs, redis-cache')
    const call = 'npm run servers -- up --set never-there --ports-from PORT\n'
    expect(await servers(['status', '--set', 'never-there'])).toMatchObject({ code: 1, stdout: expect.stringContaining(`: ${call}`) })
    expect(await servers(['addresses', '--set', 'never-there'])).toMatchObject({ code: 1, stderr: expect.stringContaining(`  do  ${call}`) })
  })

  it('refuses names, sets and ports that are none', async () => {
    expect(await servers(['up', 'redsi'])).toMatchObject({ code: 2, stderr: expect.stringContaining('Of redsi not all are servers: kafka,') })
    expect(await servers(['up', '--set', '../x'])).toMatchObject({ code: 2, stderr: expect.stringMatching(/'\.\.\/x' is invalid\. It is not of small letters/) })
    expect(await servers(['up', '--set', set, '--ports-from', '65530'])).toMatchObject({ code: 2, stderr: expect.stringMatching(/'65530' is invalid\. .* to 65520/) })
    expect(await servers(['up', '--set', set, '--ports-from', 'abc'])).toMatchObject({ code: 2, stderr: expect.stringContaining("'abc' is invalid") })
    expect(await servers(['logs', '--set', set, '--lines', 'many'])).toMatchObject({ code: 2, stderr: expect.stringContaining("'many' is invalid") })
    expect(await servers(['start'])).toMatchObject({ code: 2 })
    expect(await servers(['logs', '--set', 'never-there'])).toMatchObject({ code: 1, stderr: expect.stringContaining('There is no set never-there') })
  })
})
