import { describe, expect, it } from '@jest/globals'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { acquireLock } from './lock.ts'

const uniqueName = (): string => `lock.test ${process.pid} ${Math.random()}`

describe('acquireLock', () => {
  it('lets one in at a time', async () => {
    const name = uniqueName()
    let insideCount = 0
    let waitedCount = 0
    const most = await Promise.all(Array.from({ length: 8 }, async () => {
      await using _lock = await acquireLock(name, { onWait: () => void waitedCount++ })
      const inside = ++insideCount
      await new Promise(setImmediate)
      insideCount--
      return inside
    }))
    expect(most).toEqual(Array(8).fill(1))
    expect(waitedCount).toBeGreaterThan(0)
  })

  it('is free again when its holder was killed', async () => {
    const name = uniqueName()
    const script = `const { acquireLock } = await import(${JSON.stringify(join(import.meta.dirname, 'lock.ts'))})
      await acquireLock(${JSON.stringify(name)}); console.log('held'); setInterval(() => {}, 1000)`
    const holder = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(holder.stdout, 'data')
    let waited = false
    const acquired = acquireLock(name, {
      onWait: () => {
        waited = true
        holder.kill('SIGKILL')
      },
    })
    await using _lock = await acquired
    expect(waited).toBe(true)
  })

  it('stops waiting when it is aborted', async () => {
    const name = uniqueName()
    await using _lock = await acquireLock(name)
    const abort = new AbortController()
    const waiting = acquireLock(name, { signal: abort.signal, onWait: () => abort.abort(new Error('enough')) })
    await expect(waiting).rejects.toThrow('enough')
  })
})
