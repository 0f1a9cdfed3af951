// Servers that are away, of a set of its own: services that are started before any of them wait, and say for what; each server may then be gone for ten
// seconds while events come, and come back. No answer is ever wrong, and nothing is lost.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { seededChance } from '@tidemark/ports/testing/store-cases'
import { startServers, type StartedServers } from '@tidemark/servers/server-set'
import { LAYER_NAMES, type ServiceProcess } from '@tidemark/servers/service-process'
import { ServiceWorld, WrongAnswer } from './service-world.ts'

const TEST_MAX_MS = 400_000
const SERVERS = ['kafka', 'cassandra', 's3', 'redis', 'redis-jobs'] as const
const GONE_MS = 10_000
const FROZEN_MS = 6_000
const seed = Number(process.env['TIDEMARK_SEED'] ?? Date.now() % 100_000)

/** Without their servers, services may leave a question unanswered. */
function unlessWrong(error: unknown): void {
  if (error instanceof WrongAnswer) throw error
}

let servers: StartedServers
let world: ServiceWorld
let services: ServiceProcess[]
let url: string

beforeAll(async () => {
  servers = await startServers({ names: SERVERS })
  world = await ServiceWorld.open(servers.addresses, seededChance(seed))
  await Promise.all(SERVERS.map((name) => servers.stop(name)))
}, TEST_MAX_MS)
afterAll(async () => {
  await world.endServices()
  await servers[Symbol.asyncDispose]()
}, TEST_MAX_MS)

describe(`services whose servers are away (TIDEMARK_SEED=${seed})`, () => {
  it('wait for those that are not there yet, say so once, and work once they are', async () => {
    services = await Promise.all(LAYER_NAMES.map((layer) => world.start(layer)))
    const waitsOf = ({ lines }: ServiceProcess): string[] => lines.flatMap(({ msg }) => /^waits for (\w+)/.exec(msg)?.[1] ?? []).sort()
    const awaited = { 'archiver': ['log', 'objects', 'stores'], 'speed-layer': ['log', 'objects', 'speedViews', 'stores'], 'batch-layer': ['jobs', 'objects', 'stores'], 'serving-layer': ['speedViews', 'stores'] }
    for (const service of services) {
      const all = awaited[service.name as keyof typeof awaited]
      await service.until(`that it waits for ${all.join(', ')}`, () => waitsOf(service).length >= all.length)
      expect(waitsOf(service)).toEqual(all)
    }
    for (const name of SERVERS) await servers.restart(name)
    for (const service of services) {
      const ready = await service.untilReady()
      url = ready.url ?? url
      expect(service.lines.every(({ level }) => level === 'info' || level === 'warn')).toBe(true)
      expect(new Set(waitsOf(service)).size).toBe(waitsOf(service).length)
    }
    await world.append()
    await world.untilWhole(url, 1)
  }, TEST_MAX_MS)

  it.each(SERVERS)('bear that %s is gone for ten seconds', async (name) => {
    await world.whileStreaming(async () => {
      await servers.kill(name)
      const until = performance.now() + GONE_MS
      while (performance.now() < until) {
        await world.judge(url).catch(unlessWrong)
        await sleep(500)
      }
      await servers.restart(name)
    })
    await world.untilWhole(url, (await world.generation(url)) + 1)
    expect(services.map((service) => service.isRunning)).toEqual(services.map(() => true))
  }, TEST_MAX_MS)

  it.each([['redis', 'generation'], ['cassandra', 'whole']] as const)('answer in time while %s hangs, with what the other server or memory has, and say before long that they are degraded', async (name, expected) => {
    const { admin } = await services.find(({ name: layer }) => layer === 'serving-layer')!.until('that it starts', ({ msg }) => msg === 'starts')
    await world.append()
    await world.untilWhole(url)
    await world.judgeAtRest(url)
    await servers.pause(name)
    const [fromMs, statuses, counts] = [performance.now(), new Map<string, number>(), { generation: 0, whole: 0, nothing: 0 }]
    try {
      while (performance.now() - fromMs < FROZEN_MS) {
        counts[await world.judgeAtRest(url)]++
        const { status } = (await (await fetch(`${String(admin)}/readyz`)).json()) as { status: string }
        if (!statuses.has(status)) statuses.set(status, performance.now() - fromMs)
        await sleep(100)
      }
    } finally {
      servers.resume(name)
    }
    // One or two may be late for the machine's sake; without a share of the deadline all of them are.
    expect(counts[expected]).toBeGreaterThan(5)
    expect(counts.nothing).toBeLessThan(counts[expected] / 4)
    expect(statuses.get('degraded')).toBeLessThan(FROZEN_MS - 1_000)
    await world.untilWhole(url)
  }, TEST_MAX_MS)

  it('say nothing that asks for somebody', () => {
    expect(world.complaints()).toEqual([])
  })
})
