// SIGTERM in the middle of everything, at moments of a seed: while a service starts, while it waits for servers, in the middle of an epoch, a fold, a generation
// or an answer, while a new version is made of the archive, and while it drains. It ends with 0, sooner than a kubelet kills it; no question is left without
// its answer, and what was half done is taken up by the next.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { seededChance } from '@tidemark/ports/testing/store-cases'
import { LAYER_NAMES, type LayerName, type ServiceProcess } from '@tidemark/servers/service-process'
import { sharedServers } from '@tidemark/servers/shared-servers'
import { graceMsOf } from './grace.ts'
import { NEXT_PAYMENTS, ServiceWorld, until } from './service-world.ts'
import { whileAsking } from './steady-askers.ts'

const TEST_MAX_MS = 300_000
const seed = Number(process.env['TIDEMARK_SEED'] ?? Date.now() % 100_000)
const chance = seededChance(seed)
const STARTING_MAX_MS = 1_500
const WORKING_MAX_MS = 2_000
const SECOND_SIGNAL_MAX_MS = 900
/** Of the serving layer: its manifest gives it longer. */
const DRAIN_PAUSE_MS = 1_000
const LOOK_AGAIN_MS = 100
const ASKER_COUNT = 8
const BACKLOG_COUNT = 5_000
const NOBODY = '127.0.0.1:1'
const AWAY = { TIDEMARK_KAFKA_BROKERS: NOBODY, TIDEMARK_CASSANDRA_CONTACT_POINTS: NOBODY, TIDEMARK_S3_ENDPOINT: `http://${NOBODY}`, TIDEMARK_REDIS_STATE_NODES: NOBODY, TIDEMARK_REDIS_JOBS_NODES: NOBODY }

const questions = Array.from({ length: 20 }, (_, question) => JSON.stringify({
  features: ['cards:payments_lifetime', 'cards:spent_1h'], entities: Array.from({ length: 50 }, (_, i) => ({ card: `other-${50 * question + i}` })), deadlineMs: 10_000,
}))

let world: ServiceWorld
const running = new Map<LayerName, ServiceProcess>()
let url: string

const moment = (maxMs: number): Promise<void> => sleep(Math.floor(chance() * maxMs))

function shuffled<T>(all: readonly T[]): T[] {
  return all.map((each) => ({ each, order: chance() })).sort((a, b) => a.order - b.order).map(({ each }) => each)
}

/** Starts a layer, in the place of the one before. */
async function start(layer: LayerName): Promise<void> {
  const service = await world.start(layer)
  running.set(layer, service)
  url = (await service.untilReady()).url ?? url
}

/** With 0, before a kubelet would kill it. */
async function endsInTime(service: ServiceProcess, layer: LayerName): Promise<void> {
  const fromMs = performance.now()
  const how = await service.stop()
  // Before it hears signals, there is nothing that could be half done.
  const mayEnd = service.lines.length === 0 ? ['SIGTERM', 0] : [0]
  expect({ layer, how, lines: service.lines.slice(-3), isInTime: performance.now() - fromMs < graceMsOf(layer) }).toEqual({ layer, how: mayEnd.includes(how) ? how : 0, lines: expect.anything(), isInTime: true })
}

beforeAll(async () => {
  world = await ServiceWorld.open(await sharedServers('kafka', 'cassandra', 's3', 'redis', 'redis-jobs'), chance)
}, TEST_MAX_MS)
afterAll(() => world[Symbol.asyncDispose](), TEST_MAX_MS)

describe(`a service that is told to end (TIDEMARK_SEED=${seed})`, () => {
  it('ends while it starts', async () => {
    await Promise.all([...LAYER_NAMES, ...LAYER_NAMES].map(async (layer, i) => {
      const service = await world.start(layer, { name: `${layer}-starting-${i}` })
      await moment(STARTING_MAX_MS)
      await endsInTime(service, layer)
    }))
  }, TEST_MAX_MS)

  it('ends while it waits for servers', async () => {
    await Promise.all(LAYER_NAMES.map(async (layer) => {
      const service = await world.start(layer, { name: `${layer}-waiting`, ...AWAY })
      await service.until('that it waits', ({ msg }) => msg.startsWith('waits for'))
      await moment(STARTING_MAX_MS)
      await endsInTime(service, layer)
      expect(service.lines.map(({ msg }) => msg)).not.toContain('ready')
    }))
  }, TEST_MAX_MS)

  it('ends in the middle of its work, and the next takes up what was half done', async () => {
    await Promise.all(LAYER_NAMES.map(start))
    await world.whileStreaming(async () => {
      for (const layer of shuffled(LAYER_NAMES)) {
        await world.appendEntities(BACKLOG_COUNT)
        await moment(WORKING_MAX_MS)
        await endsInTime(running.get(layer)!, layer)
        await start(layer)
        await world.judge(url)
      }
    })
    await world.untilWhole(url, 1)
  }, TEST_MAX_MS)

  it('leaves no question without its answer while another answers', async () => {
    const other = await world.start('serving-layer', { name: 'serving-layer-2', TIDEMARK_DRAIN_PAUSE_MS: `${DRAIN_PAUSE_MS}` })
    const otherUrl = (await other.untilReady()).url!
    const { answeredCount, failures } = await whileAsking({ urls: [url, otherUrl], askerCount: ASKER_COUNT, bodies: questions }, async (setUrls) => {
      await moment(WORKING_MAX_MS)
      const ended = endsInTime(other, 'serving-layer')
      // As whoever sends questions on finds out, later than it says so.
      const { admin } = await other.until('that it starts', ({ msg }) => msg === 'starts')
      while (await fetch(`${String(admin)}/readyz`).then(({ status }) => status) === 200) await sleep(LOOK_AGAIN_MS)
      await sleep(LOOK_AGAIN_MS)
      setUrls([url])
      await ended
    })
    expect(failures).toEqual([])
    expect(answeredCount).toBeGreaterThan(ASKER_COUNT)
  }, TEST_MAX_MS)

  it('ends while a new version is made of the archive, and it becomes whole all the same', async () => {
    await world.whileStreaming(async () => {
      await world.apply(NEXT_PAYMENTS)
      for (const layer of shuffled(LAYER_NAMES)) {
        await moment(WORKING_MAX_MS)
        await endsInTime(running.get(layer)!, layer)
        await start(layer)
        await world.judge(url)
      }
      await until('answers of version 2', async () => {
        await world.judge(url)
        const version = await world.version(url)
        return version === 2 ? null : `version ${version}`
      })
    })
    await world.untilWhole(url, 1)
  }, TEST_MAX_MS)

  it('ends in order where it is told twice', async () => {
    await world.whileStreaming(async () => {
      await Promise.all(shuffled(LAYER_NAMES).map(async (layer) => {
        const service = running.get(layer)!
        const ended = endsInTime(service, layer)
        await moment(SECOND_SIGNAL_MAX_MS)
        if (service.isRunning) process.kill(service.identity.pid, 'SIGTERM')
        await ended
      }))
    })
    await Promise.all(LAYER_NAMES.map(start))
    await world.untilWhole(url, 1)
  }, TEST_MAX_MS)

  it('has said nothing that asks for somebody', () => {
    expect(world.complaints()).toEqual([])
  })
})
