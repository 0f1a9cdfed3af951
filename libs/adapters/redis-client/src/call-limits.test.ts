import { describe, expect, it } from '@jest/globals'
import { createCallLimits } from './call-limits.ts'
import { connectRedis } from './redis-connection.ts'

describe('calls', () => {
  it('end at their deadline, and say of what', async () => {
    const call = createCallLimits({ timeoutMs: 20, callsInFlightMax: 1 })
    await expect(call('redis host:1, reading', () => new Promise(() => undefined))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', problems: [{ where: 'redis host:1, reading', message: expect.stringContaining('20 ms') }] })
    await expect(call('redis', async () => 7)).resolves.toBe(7)
  })

  it('are refused beyond as many as may wait, and taken again once one has ended, however it ended', async () => {
    const call = createCallLimits({ timeoutMs: 60_000, callsInFlightMax: 2 })
    const ends: ((error: Error | null) => void)[] = []
    const waiting = (): Promise<void> => call('redis', () => new Promise((resolve, reject) => ends.push((error) => (error === null ? resolve() : reject(error)))))
    const [first, second] = [waiting(), waiting()]
    await expect(waiting()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', problems: [{ message: expect.stringContaining('2 calls') }] })
    ends[0]!(null)
    await first
    const third = waiting()
    ends[1]!(new Error('broken'))
    await expect(second).rejects.toThrow('broken')
    ends[2]!(null)
    await third
  })
})

describe('where a server is', () => {
  it.each(['', 'nonsense', 'http://host:6379', 'redis://host:6379/name', 'redis://'])('%j is a wrong URL', async (url) => {
    await expect(connectRedis({ server: { url } })).rejects.toMatchObject({ code: 'USAGE' })
  })

  it.each([[[]], [['host:port']], [['redis://host:1']]])('%j are no nodes of a Cluster', async (nodes) => {
    await expect(connectRedis({ server: { nodes } })).rejects.toMatchObject({ code: 'USAGE' })
  })

  it('is told without its password', async () => {
    await expect(connectRedis({ server: { url: 'redis://user:hidden@host:6379/hidden' } })).rejects.toThrow(/^(?!.*user:hidden)/)
    await expect(connectRedis({ server: { url: 'redis://user:hidden@127.0.0.1:1' } })).rejects.toThrow(/^(?!.*hidden)[^]*127\.0\.0\.1:1/)
  })
})
