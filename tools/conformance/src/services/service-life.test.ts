// How a service lives and ends: ready, told to end, drained or not, failed; its log and its exit code say which.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, describe, expect, it } from '@jest/globals'
import { until } from '@tidemark/ports/testing/until'
import { ServiceEnded, ServiceProcess, type LogLine } from '@tidemark/servers/service-process'

const TEST_MAX_MS = 60_000
const ROOT = join(import.meta.dirname, '../../../..')
const SECOND_SIGNAL_AFTER_MS = 1_100
const started: ServiceProcess[] = []
afterEach(async () => {
  for (const service of started.splice(0)) await service.kill().catch(() => undefined)
})

async function start(does: string, environment: Readonly<Record<string, string>> = {}): Promise<ServiceProcess> {
  const env = { SMALL_SERVICE: does, ...environment }
  const service = await ServiceProcess.start({ name: 'small', main: join(import.meta.dirname, 'small-service.ts'), env })
  started.push(service)
  return service
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function untilFetched(what: string, url: string, withinMs: number): Promise<void> {
  let status = 0
  const look = async (): Promise<void> => void (status = await fetch(url).then((answer) => answer.status, () => 0))
  const deadlineMs = performance.now() + withinMs
  for (await look(); status !== 200; await look()) {
    if (performance.now() > deadlineMs) throw new Error(`${what}: not after ${withinMs} ms, but ${status}.`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

async function readyz(url: unknown): Promise<[status: number, body: unknown]> {
  const answer = await fetch(`${String(url)}/readyz`)
  return [answer.status, await answer.json()]
}

const said = ({ lines }: ServiceProcess): string[] => lines.map(({ msg }) => msg)

describe('a service', () => {
  it('is ready, and drains and closes when it is told to end', async () => {
    const service = await start('works', { TIDEMARK_MEMBER: 'small-1' })
    expect(await service.untilReady()).toMatchObject({ level: 'info', service: 'small', member: 'small-1', answer: 42 })
    expect(await service.stop()).toBe(0)
    expect(said(service)).toEqual(['starts', 'ready', 'ends', 'drained', 'closed', 'ended'])
  }, TEST_MAX_MS)

  it.each(['waits', 'waits for an answer'])('ends with 0 while it %s', async (does) => {
    const service = await start(does)
    await service.until('that it starts', ({ msg }) => msg === 'starts')
    if (does === 'waits') expect(await service.until('what it waits for', ({ code }) => code === 'STORE_UNAVAILABLE')).toMatchObject({ level: 'warn', msg: 'waits for a server: It is away.' })
    expect(await service.stop()).toBe(0)
    expect(said(service)).not.toContain('ready')
  }, TEST_MAX_MS)

  it('says what it waits for, that it is ready, and that it drains, while it still works', async () => {
    const waiting = await start('waits')
    const { admin } = await waiting.until('that it starts', ({ msg }) => msg === 'starts')
    await waiting.until('what it waits for', ({ code }) => code === 'STORE_UNAVAILABLE')
    expect(await readyz(admin)).toMatchObject([503, { status: 'waiting', waitsFor: [{ name: 'a server', code: 'STORE_UNAVAILABLE', message: 'It is away.' }] }])

    const works = await start('works', { TIDEMARK_DRAIN_PAUSE_MS: '300' })
    const { admin: url } = await works.until('that it starts', ({ msg }) => msg === 'starts')
    await works.untilReady()
    expect(await readyz(url)).toEqual([200, { status: 'ready', waitsFor: [] }])
    const ended = works.stop()
    await works.until('that it ends', ({ msg }) => msg === 'ends')
    expect(await readyz(url)).toEqual([503, { status: 'draining', waitsFor: [] }])
    expect(said(works)).not.toContain('drained')
    expect(await ended).toBe(0)
  }, TEST_MAX_MS)

  it.each([['a disk that is full', 'works', '/dev/full'], ['a reader that does not read', 'talks', null]])('goes on, and counts the lines that it loses, where its log goes to %s', async (_, does, file) => {
    const port = await freePort()
    const stdout = file === null ? 'pipe' : openSync(file, 'w')
    const env = { ...process.env, TIDEMARK_ADMIN_PORT: `${port}`, SMALL_SERVICE: does }
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'small-service.ts')], { env, stdio: ['ignore', stdout, 'inherit'] })
    if (typeof stdout === 'number') closeSync(stdout)
    try {
      const url = `http://127.0.0.1:${port}`
      await untilFetched('it is ready', `${url}/readyz`, TEST_MAX_MS / 4)
      const lost = /^tidemark_log_lines_lost_total\{[^}]*\} (\d+)$/m.exec(await (await fetch(`${url}/metrics`)).text())?.[1]
      expect(Number(lost)).toBeGreaterThan(0)
      child.kill('SIGTERM')
      expect((await once(child, 'exit'))[0]).toBe(0)
    } finally {
      child.kill('SIGKILL')
    }
  }, TEST_MAX_MS)

  it('that never drains is cut short by a limit, or by a second signal', async () => {
    const limited = await start('never drains', { TIDEMARK_DRAIN_MAX_MS: '10' })
    await limited.untilReady()
    expect(await limited.stop()).toBe(143)
    expect(limited.lines.at(-1)).toMatchObject({ level: 'error', msg: 'ends before it is drained: it took longer than 10 ms' })

    const told = await start('never drains')
    await told.untilReady()
    const ended = told.stop()
    setTimeout(() => process.kill(told.identity.pid, 'SIGINT'), SECOND_SIGNAL_AFTER_MS)
    expect(await ended).toBe(130)
  }, TEST_MAX_MS)

  it('is ended by ending the npm that has started it', async () => {
    // Nobody is there.
    const nowhere = '127.0.0.1:1'
    const env = { ...process.env, TIDEMARK_CASSANDRA_CONTACT_POINTS: nowhere, TIDEMARK_CASSANDRA_DATA_CENTER: 'dc', TIDEMARK_REDIS_STATE_NODES: nowhere, TIDEMARK_HTTP_PORT: '0', TIDEMARK_ADMIN_PORT: '0' }
    const npm = spawn('npm', ['run', '--silent', 'serving-layer'], { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'inherit'] })
    const lines: LogLine[] = []
    const output = createInterface({ input: npm.stdout }).on('line', (line) => lines.push(JSON.parse(line) as LogLine))
    try {
      await once(output, 'line')
      npm.kill('SIGTERM')
      await once(npm, 'exit')
      await until('the service has ended too', () => lines.at(-1)!.msg === 'ended', TEST_MAX_MS / 4)
    } finally {
      const { pid } = lines[0] as unknown as { readonly pid: number }
      if (lines.at(-1)!.msg !== 'ended') process.kill(pid, 'SIGKILL')
    }
  }, TEST_MAX_MS)

  it.each([
    ['is refused', 1, [{ level: 'fatal', code: 'STORE_REFUSED', where: 'a server', action: 'Ask.', msg: 'No.' }]],
    ['fails', 1, [{ level: 'fatal', msg: 'a fault of this program', err: expect.objectContaining({ message: 'a bug', stack: expect.any(String) }) }]],
    ['throws', 1, [{ level: 'fatal', msg: 'a fault of this program', err: expect.objectContaining({ message: 'a bug, later' }) }]],
  ])('that %s ends with %d and says why', async (does, code, why) => {
    const service = await start(does)
    await expect(service.ended).rejects.toMatchObject({ how: code })
    expect(service.lines.filter(({ level }) => level !== 'info')).toEqual(why.map((line) => expect.objectContaining(line)))
  }, TEST_MAX_MS)

  it('says of its settings what is wrong with them, and ends with 78', async () => {
    const settings = await start('works', { TIDEMARK_NAMESPACE: 'Loud', TIDEMARK_LOG_LEVEL: 'loud' })
    await expect(settings.ended).rejects.toBeInstanceOf(ServiceEnded)
    await expect(settings.ended).rejects.toMatchObject({ how: 78 })
    expect(settings.lines.map(({ code, where }) => [code, where])).toEqual([['SETTINGS_INVALID', 'TIDEMARK_NAMESPACE'], ['SETTINGS_INVALID', 'TIDEMARK_LOG_LEVEL']])
  }, TEST_MAX_MS)
})
