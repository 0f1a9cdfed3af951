// The four layers as processes on real servers: started in any order, doubled, told to end, killed. Every answer is what the oracle says at the cut and the
// fences that it names, and at rest everything that the log acknowledged counts once.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { ServiceProcess } from '@tidemark/servers/service-process'
import { LAYER_NAMES, type LayerName } from '@tidemark/servers/service-process'
import { sharedServers } from '@tidemark/servers/shared-servers'
import { seededChance } from '@tidemark/ports/testing/store-cases'
import { NEXT_PAYMENTS, PAYMENTS, ServiceWorld, until } from './service-world.ts'

const TEST_MAX_MS = 300_000
const seed = Number(process.env['TIDEMARK_SEED'] ?? Date.now() % 100_000)
const chance = seededChance(seed)

function shuffled<T>(all: readonly T[]): T[] {
  return all.map((each) => ({ each, order: chance() })).sort((a, b) => a.order - b.order).map(({ each }) => each)
}

let world: ServiceWorld
const running = new Map<LayerName, ServiceProcess>()
let url: string

/** Starts a layer, in the place of the one before. */
async function start(layer: LayerName): Promise<void> {
  const service = await world.start(layer)
  running.set(layer, service)
  const ready = await service.untilReady()
  if (ready.url !== undefined) url = ready.url
}

beforeAll(async () => {
  world = await ServiceWorld.open(await sharedServers('kafka', 'cassandra', 's3', 'redis', 'redis-jobs'), chance, { definitions: null })
}, TEST_MAX_MS)
afterAll(() => world[Symbol.asyncDispose](), TEST_MAX_MS)

describe(`the services (TIDEMARK_SEED=${seed})`, () => {
  it('start in any order, wait until definitions are applied, and answer with everything, of batch and stream', async () => {
    const starting = Promise.all(shuffled(LAYER_NAMES).map(start))
    await until('that all wait for definitions', async () => {
      const waiting = LAYER_NAMES.filter((layer) => running.get(layer)?.lines.some(({ code, msg }) => code === 'NOT_APPLIED' && msg.startsWith('waits for definitions')) === true)
      return waiting.length === LAYER_NAMES.length ? null : `only ${waiting.join(', ')}`
    })
    await world.apply(PAYMENTS)
    await starting
    await world.append(20)
    await world.untilWhole(url, 0)
    await world.untilWhole(url, 1)
  }, TEST_MAX_MS)

  it('answer truly while events come and generations are published', async () => {
    const before = await world.generation(url)
    await world.whileStreaming(async () => {
      await until('three more generations', async () => {
        await world.judge(url)
        const generation = await world.generation(url)
        return generation >= before + 3 ? null : `generation ${generation}`
      })
    })
    await world.untilWhole(url, before + 3)
  }, TEST_MAX_MS)

  it.each(shuffled(LAYER_NAMES))('%s ends with 0 when it is told to, and another goes on where it was', async (layer) => {
    await world.whileStreaming(async () => {
      const service = running.get(layer)!
      expect(await service.stop()).toBe(0)
      expect(service.lines.map(({ msg }) => msg).slice(-2)).toEqual(['drained', 'ended'])
      await start(layer)
      await world.judge(url)
    })
    await world.untilWhole(url)
  }, TEST_MAX_MS)

  it.each(shuffled(LAYER_NAMES))('%s may be killed, and another goes on where it was', async (layer) => {
    await world.whileStreaming(async () => {
      await running.get(layer)!.kill()
      await start(layer)
      await world.judge(url)
    })
    await world.untilWhole(url, (await world.generation(url)) + 1)
  }, TEST_MAX_MS)

  it('may be two of each at once', async () => {
    const before = await world.generation(url)
    await world.whileStreaming(async () => {
      const others = await Promise.all(LAYER_NAMES.map((layer) => world.start(layer, { name: `${layer}-2` })))
      for (const other of others) await other.untilReady()
      await until('two more generations', async () => {
        await world.judge(url)
        const generation = await world.generation(url)
        return generation >= before + 2 ? null : `generation ${generation}`
      })
    })
    await world.untilWhole(url, before + 2)
  }, TEST_MAX_MS)

  it('take a new version up while events come, without a restart, and answer with it once it is whole', async () => {
    await world.whileStreaming(async () => {
      await world.apply(NEXT_PAYMENTS)
      await until('answers of version 2', async () => {
        await world.judge(url)
        const version = await world.version(url)
        return version === 2 ? null : `version ${version}`
      })
      await world.judge(url)
      await world.apply(NEXT_PAYMENTS, ['cards@1'])
      await world.judge(url)
    })
    await world.untilWhole(url)
  }, TEST_MAX_MS)

  it('said nothing that asks for somebody', () => {
    expect(world.complaints()).toEqual([])
  })
})
