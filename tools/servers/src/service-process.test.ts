// A service is waited for until it is ready, and one that ends by itself is never taken for one that was asked to.
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isRunning, type ProcessIdentity } from './process-identity.ts'
import { ServiceEnded, ServiceProcess, type LogLine } from './service-process.ts'

let folder: string
const started: ServiceProcess[] = []
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tidemark-service-test-'))
})
afterEach(async () => {
  delete process.env['TIDEMARK_HTTP_PORT']
  for (const service of started.splice(0)) await service[Symbol.asyncDispose]().catch(() => undefined)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function start(code: string, env: Record<string, string> = {}): Promise<{ readonly service: ServiceProcess; readonly troubles: LogLine[] }> {
  const main = join(folder, `service-${started.length}.mjs`)
  writeFileSync(main, code)
  const troubles: LogLine[] = []
  const service = await ServiceProcess.start({ name: 'small', main, env, onTrouble: (line) => troubles.push(line) })
  started.push(service)
  return { service, troubles }
}

const LIVES = 'setInterval(() => {}, 1000);'
const READY = `console.log(JSON.stringify({ level: 'info', msg: 'ready', url: 'http://here:' + process.env.TIDEMARK_HTTP_PORT }));`

describe('a service', () => {
  it('is ready when it says so, and ends with the code that it ends with when asked to', async () => {
    process.env['TIDEMARK_HTTP_PORT'] = '1'
    const { service } = await start(`process.on('SIGTERM', () => process.exit(7)); ${LIVES} ${READY}`, { TIDEMARK_HTTP_PORT: '2' })
    expect((await service.untilReady()).url).toBe('http://here:2')
    expect(await service.stop()).toBe(7)
    expect(isRunning(service.identity)).toBe(false)
  })

  it('has no settings of its starter\'s', async () => {
    process.env['TIDEMARK_HTTP_PORT'] = '1'
    const { service } = await start(`${LIVES} ${READY}`)
    expect((await service.untilReady()).url).toBe('http://here:undefined')
  })

  it('is killed at once', async () => {
    const { service } = await start(`process.on('SIGTERM', () => {}); ${LIVES} ${READY}`)
    await service.untilReady()
    await service.kill()
    expect(await service.ended).toBe('SIGKILL')
  })

  it('that ends by itself is known to, with the end of its log, before and after it is ready', async () => {
    const early = await start(`console.error('no room'); process.exitCode = 3`)
    await expect(early.service.untilReady()).rejects.toThrow(/ended \(3\)[^]*no room/)
    const late = await start(`${READY} process.exitCode = 0`)
    await late.service.untilReady()
    await expect(late.service.ended).rejects.toBeInstanceOf(ServiceEnded)
    await expect(late.service.ended).rejects.toMatchObject({ how: 0 })
  })

  it('ends with who started it, however that one ended', async () => {
    const main = join(folder, 'child.mjs')
    writeFileSync(main, `${LIVES} ${READY}`)
    const { service: starter } = await start(`
      import { ServiceProcess } from ${JSON.stringify(new URL('./service-process.ts', import.meta.url).href)}
      const service = await ServiceProcess.start({ name: 'child', main: ${JSON.stringify(main)}, env: {}, onTrouble() {} })
      await service.untilReady()
      console.log(JSON.stringify({ level: 'info', msg: 'ready', url: JSON.stringify(service.identity) })); ${LIVES}`)
    const child = JSON.parse((await starter.untilReady()).url!) as ProcessIdentity
    expect(isRunning(child)).toBe(true)
    await starter.kill()
    const deadlineMs = performance.now() + 10_000
    while (isRunning(child) && performance.now() < deadlineMs) await new Promise(setImmediate)
    expect(isRunning(child)).toBe(false)
  })

  it('tells what it warns of, in JSON or not, and nothing else', async () => {
    const { service, troubles } = await start(`
      const say = (line) => console.log(JSON.stringify(line))
      say({ level: 'info', msg: 'works' }); say({ level: 30, msg: 'works' }); say({ level: 'warn', msg: 'waits', code: 'STORE_UNAVAILABLE' })
      say({ level: 50, msg: 'fails' }); console.log('null'); console.log('a crash'); ${LIVES} ${READY}`)
    await service.untilReady()
    expect(troubles.map(({ msg }) => msg)).toEqual(['waits', 'fails', 'null', 'a crash'])
  })

  it('is waited for until it says something, before or after it is asked for, and not for ever', async () => {
    const { service } = await start(`${LIVES} ${READY} setTimeout(() => console.log('{"msg":"later","n":7}'), 50)`)
    expect(await service.until('n', ({ n }) => n === 7)).toMatchObject({ msg: 'later' })
    expect(await service.until('n', ({ n }) => n === 7)).toMatchObject({ msg: 'later' })
    await expect(service.until('what it never says', () => false, 10)).rejects.toThrow(/what it never says after 0.01 s[^]*later/)
  })
})
