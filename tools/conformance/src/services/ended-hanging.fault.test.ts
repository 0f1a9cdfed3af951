// SIGTERM while a server hangs that services wait for: frozen, it takes connections and requests and answers none. Each service ends all the same before a
// kubelet would kill it, and once the server is back the next one has lost nothing.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { seededChance } from '@tidemark/ports/testing/store-cases'
import { startServers, type StartedServers } from '@tidemark/servers/server-set'
import type { ServerName } from '@tidemark/servers/names'
import { LAYER_NAMES, type ServiceProcess } from '@tidemark/servers/service-process'
import { graceMsOf } from './grace.ts'
import { ServiceWorld } from './service-world.ts'

const TEST_MAX_MS = 400_000
const SERVERS = ['kafka', 'cassandra', 's3', 'redis', 'redis-jobs'] as const
/** After which each service has met that the server hangs. */
const HANGING_MS = 2_000
const BACKLOG_COUNT = 5_000
const seed = Number(process.env['TIDEMARK_SEED'] ?? Date.now() % 100_000)

let servers: StartedServers
let world: ServiceWorld
let services: ServiceProcess[]
let url: string

async function startAll(): Promise<void> {
  services = await world.startReady(...LAYER_NAMES)
  for (const service of services) url = (await service.untilReady()).url ?? url
}

beforeAll(async () => {
  servers = await startServers({ names: SERVERS })
  world = await ServiceWorld.open(servers.addresses, seededChance(seed))
  await startAll()
}, TEST_MAX_MS)
afterAll(async () => {
  await world.endServices()
  await servers[Symbol.asyncDispose]()
}, TEST_MAX_MS)

/** Each of them hangs meanwhile. */
async function whileHanging(names: readonly ServerName[], work: () => Promise<void>): Promise<void> {
  for (const name of names) await servers.pause(name)
  try {
    await work()
  } finally {
    for (const name of names) servers.resume(name)
  }
}

/** Each with 0, before a kubelet would kill it. */
async function endInTime(ending: readonly ServiceProcess[]): Promise<void> {
  const ended = await Promise.all(ending.map(async (service) => {
    const fromMs = performance.now()
    return { service, how: await service.stop(), tookMs: Math.round(performance.now() - fromMs) }
  }))
  const late = ended.filter(({ service: { name }, how, tookMs }) => how !== 0 || tookMs > graceMsOf(name))
  expect(late.map(({ service: { name, lines }, how, tookMs }) => ({ name, how, tookMs, lines: lines.slice(-5) }))).toEqual([])
}

describe(`services that are told to end while servers hang (TIDEMARK_SEED=${seed})`, () => {
  it.each([
    { names: ['kafka', 'redis-jobs'] },
    { names: ['s3', 'redis'] },
    { names: SERVERS },
  ] as const)('end in time while $names hang, and nothing is lost', async ({ names }) => {
    await world.appendEntities(BACKLOG_COUNT)
    await world.append()
    const generation = await world.generation(url)
    await whileHanging(names, async () => {
      await sleep(HANGING_MS)
      await endInTime(services)
    })
    await startAll()
    await world.untilWhole(url, generation + 1)
  }, TEST_MAX_MS)

  it('end in time while they wait for servers that hang', async () => {
    await endInTime(services)
    await whileHanging(SERVERS, async () => {
      const starting = await Promise.all(LAYER_NAMES.map((layer) => world.start(layer)))
      for (const service of starting) await service.until('that it starts', ({ msg }) => msg === 'starts')
      await sleep(HANGING_MS)
      await endInTime(starting)
    })
    await startAll()
    await world.untilWhole(url)
  }, TEST_MAX_MS)
})
