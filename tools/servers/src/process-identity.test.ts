import { afterEach, describe, expect, it } from '@jest/globals'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { describeListener, identifyProcess, isPaused, isRunning, residentBytesOf, signalProcess, startedAtMsOf, usageOf } from './process-identity.ts'
import { isFree } from './ports.ts'

const children: ChildProcess[] = []

async function startChild(): Promise<ChildProcess & { pid: number }> {
  const child = spawn(process.execPath, ['-e', "console.log('on'); setInterval(() => {}, 1000)"], { stdio: ['ignore', 'pipe', 'ignore'] })
  children.push(child)
  await once(child.stdout, 'data')
  return child as ChildProcess & { pid: number }
}

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

describe('a process identity', () => {
  it('is that of a process for as long as it runs', async () => {
    const child = await startChild()
    const identity = identifyProcess(child.pid)!
    expect(isRunning(identity)).toBe(true)
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(isRunning(identity)).toBe(false)
    expect(identifyProcess(child.pid)).toBeUndefined()
  })

  it('is not that of another process that got the same pid: it is never signalled', async () => {
    const child = await startChild()
    const identity = identifyProcess(child.pid)!
    for (const other of [{ ...identity, startTicks: identity.startTicks - 1 }, { ...identity, bootId: 'another boot' }]) {
      expect(isRunning(other)).toBe(false)
      expect(signalProcess(other, 'SIGKILL')).toBe(false)
    }
    expect(isRunning(identity)).toBe(true)
  })

  it('tells a paused process, its memory and its start', async () => {
    const beforeMs = Date.now()
    const identity = identifyProcess((await startChild()).pid)!
    expect(isPaused(identity)).toBe(false)
    signalProcess(identity, 'SIGSTOP')
    const deadlineMs = Date.now() + 5_000
    while (!isPaused(identity) && Date.now() < deadlineMs) await new Promise(setImmediate)
    expect(isPaused(identity)).toBe(true)
    expect(residentBytesOf(identity)).toBeGreaterThan(100_000)
    // The kernel counts in ticks of 10 ms from a boot time in whole seconds.
    expect(Math.abs(startedAtMsOf(identity) - beforeMs)).toBeLessThan(10_000)
  })

  it('tells what a process and those that it started have used, ended ones too', async () => {
    const work = 'const until = process.cpuUsage().user + 200000; while (process.cpuUsage().user < until);'
    const parent = `const { spawn, spawnSync } = require('child_process'); ${work}
      spawnSync(process.execPath, ['-e', ${JSON.stringify(work)}])
      spawn(process.execPath, ['-e', ${JSON.stringify(`${work} console.log('on'); setInterval(() => {}, 1000)`)}], { stdio: 'inherit' })`
    const child = spawn(process.execPath, ['-e', parent], { stdio: ['ignore', 'pipe', 'ignore'], detached: true })
    const identity = identifyProcess(child.pid!)!
    try {
      await once(child.stdout, 'data')
      const { cpuMs, residentBytes, peakBytes } = usageOf(identity)!
      expect(cpuMs).toBeGreaterThanOrEqual(600)
      expect(peakBytes).toBeGreaterThanOrEqual(residentBytes)
      // Each of the two that run has tens of MiB of its own.
      expect(residentBytes).toBeGreaterThan(1.5 * residentBytesOf(identity))
    } finally {
      process.kill(-child.pid!, 'SIGKILL')
    }
    await once(child, 'exit')
    expect(usageOf(identity)).toBeUndefined()
  }, 60_000)

  it('lasts until the last thread has ended, and with it what the process had open', async () => {
    for (let round = 0; round < 20; round++) {
      const listening = spawn(process.execPath, ['-e', "require('net').createServer().listen(0, '127.0.0.1', function () { console.log(this.address().port) })"])
      children.push(listening)
      const [port] = (await once(listening.stdout, 'data')) as [Buffer]
      const identity = identifyProcess(listening.pid!)!
      signalProcess(identity, 'SIGKILL')
      while (isRunning(identity)) await new Promise(setImmediate)
      expect(await isFree(Number(port))).toBe(true)
    }
  }, 30_000)

  it('is not found for a pid that nobody has', () => {
    expect(identifyProcess(2 ** 22 + 1)).toBeUndefined()
  })
})

describe('describeListener', () => {
  it('names the process that has a port', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    expect(describeListener(port)).toContain(`pid ${process.pid} (`)
    server.close()
    await once(server, 'close')
    expect(describeListener(port)).toBeUndefined()
  })
})
