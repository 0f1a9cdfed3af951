// Two releases side by side on real servers, layer by layer, while events come and somebody asks: the one before runs as it ran, this one from its images'
// folders. It is upgraded in the order of the data, rolled back, and upgraded in the other order. No answer is wrong, none is refused, none is dropped.

import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { PARTITION_COUNT, ServiceWorld, until } from '@tidemark/conformance/services/service-world'
import { serializeDefinitions } from '@tidemark/feature-schema/definitions-json'
import { seededChance } from '@tidemark/ports/testing/store-cases'
import { LAYER_NAMES, type LayerName, type ServiceOptions, type ServiceProcess } from '@tidemark/servers/service-process'
import { sharedServers } from '@tidemark/servers/shared-servers'
import { Balancer } from './balancer.ts'
import { EVERY_FORMAT } from './every-format.ts'
import { ensurePreviousRelease, previousMainOf } from './previous-release.ts'
import { removedOf } from './removed-of.ts'
import { SteadyQuestions } from './steady-questions.ts'

const run = promisify(execFile)
const TEST_MAX_MS = 300_000
const ROOT = join(import.meta.dirname, '..', '..', '..')
/** Generations that both releases see side by side. */
const TOGETHER_COUNT = 2
const ANSWERS_EACH = 10
/** Longer than the balancer takes to see that a process is not ready any more. */
const DRAIN_PAUSE_MS = 500
const BATCH_EVERY_MS = 250
/** Most events are of entities that nobody asks about: the judge goes through all those of one that is asked about, each time. */
const SPREAD = 12
const seed = Number(process.env['TIDEMARK_SEED'] ?? Date.now() % 100_000)

type Release = 'old' | 'new'

const images = mkdtempSync(join(tmpdir(), 'tidemark-upgrade-'))
const file = join(images, 'features.json')
const running = new Map<LayerName, ServiceProcess>()
const streaming = new AbortController()
let previous: string
let world: ServiceWorld
let balancer: Balancer
let questions: SteadyQuestions
let stream = Promise.resolve()

beforeAll(async () => {
  const [servers, folder] = await Promise.all([
    sharedServers('kafka', 'cassandra', 's3', 'redis', 'redis-jobs'), ensurePreviousRelease(), run(process.execPath, [join(ROOT, 'tools/images/src/main.ts'), 'all', '--out', images]),
  ])
  previous = folder
  writeFileSync(file, serializeDefinitions(EVERY_FORMAT))
  world = await ServiceWorld.open(servers, seededChance(seed), { definitions: null, asked: EVERY_FORMAT, spread: SPREAD })
  balancer = await Balancer.open()
}, TEST_MAX_MS)
afterAll(async () => {
  streaming.abort()
  await questions?.end()
  await stream
  await balancer?.[Symbol.asyncDispose]()
  await world?.[Symbol.asyncDispose]()
  rmSync(images, { recursive: true, force: true })
}, TEST_MAX_MS)

async function start(layer: LayerName, release: Release): Promise<ServiceProcess> {
  const what: Pick<ServiceOptions, 'main'> = { main: release === 'old' ? previousMainOf(previous, layer) : join(images, layer, 'main.js') }
  // Settings that one of them does not know are given to both, as a cluster's configuration has them meanwhile.
  const settings = { TIDEMARK_DEFINITIONS: file, TIDEMARK_DRAIN_PAUSE_MS: `${DRAIN_PAUSE_MS}`, TIDEMARK_BATCH_EVERY_MS: `${BATCH_EVERY_MS}` }
  const service = await world.start(layer, { name: `${layer}-${release}`, ...settings }, what)
  const { url } = await service.untilReady()
  if (layer === 'serving-layer') await balancer.add({ name: service.name, url: url!, adminUrl: adminOf(service) })
  return service
}

/** What it says of its HTTP face. */
async function documentOf({ lines }: ServiceProcess): Promise<unknown> {
  const { url } = lines.find(({ msg }) => msg === 'ready')!
  return await (await fetch(`${url}/openapi.json`)).json()
}

/** The previous release has no such port. */
function adminOf({ lines }: ServiceProcess): string | null {
  return (lines.find(({ msg }) => msg === 'starts')?.['admin'] as string | undefined) ?? null
}

async function end(layer: LayerName, service: ServiceProcess): Promise<void> {
  if (layer === 'serving-layer' && adminOf(service) === null) balancer.takeOut(service.name)
  expect(await service.stop()).toBe(0)
  if (layer === 'serving-layer') balancer.takeOut(service.name)
}

/** A layer of the other release beside the one that runs, then in its place. That it works alone, the generations show that the next layer waits for. */
async function replace(layer: LayerName, release: Release): Promise<void> {
  const before = running.get(layer)!
  const next = await start(layer, release)
  const generation = questions.generation
  const [older, newer] = release === 'new' ? [before, next] : [next, before]
  await until(`generation ${generation + TOGETHER_COUNT}`, async () => (questions.generation >= generation + TOGETHER_COUNT ? null : `${questions.generation}; ${questions.told.join('; ')}`))
  if (layer === 'serving-layer') await untilBothAnswer(older, newer)
  if (layer === 'speed-layer') await untilBothFold(newer)
  await end(layer, before)
  running.set(layer, next)
  expect(questions.told).toEqual([])
}

/** And say the same of how they may be asked, but for what is added. */
async function untilBothAnswer(older: ServiceProcess, newer: ServiceProcess): Promise<void> {
  expect(removedOf(await documentOf(older), await documentOf(newer))).toEqual([])
  const least = [older, newer].map(({ name }) => ({ name, count: questions.answersOf(name) + ANSWERS_EACH }))
  await until('answers of both', async () => (least.every(({ name, count }) => questions.answersOf(name) >= count) ? null : JSON.stringify([...questions.answered])))
}

/** One that has some of the partitions leaves the others to the other one. */
function untilBothFold(one: ServiceProcess): Promise<void> {
  return until('partitions of both', async () => {
    const page = await (await fetch(`${adminOf(one)}/metrics`)).text()
    const owned = Number(/^tidemark_speed_partitions\{[^}]*\} (\d+)/m.exec(page)?.[1])
    return owned > 0 && owned < PARTITION_COUNT ? null : `${one.name} owns ${owned}`
  })
}

function aborted(signal: AbortSignal): Promise<unknown> {
  return signal.aborted ? Promise.resolve() : once(signal, 'abort')
}

/** Of the command of a release, which says nothing but its answer. */
async function tidemark(release: Release, ...words: readonly string[]): Promise<unknown> {
  const main = release === 'old' ? previousMainOf(previous, 'cli') : join(images, 'tidemark', 'main.js')
  const { stdout } = await run(process.execPath, ['--disable-warning=ExperimentalWarning', main, ...words, '--servers', '--json'], { env: { PATH: process.env['PATH'], ...world.environment } })
  return JSON.parse(stdout)
}

describe(`an upgrade (TIDEMARK_SEED=${seed})`, () => {
  it('begins where the previous release answers with everything', async () => {
    for (const [i, service] of (await Promise.all(LAYER_NAMES.map((layer) => start(layer, 'old')))).entries()) running.set(LAYER_NAMES[i]!, service)
    await world.append(20)
    await world.untilWhole(balancer.url, 1)
    stream = world.whileStreaming(async () => void (await aborted(streaming.signal)))
    questions = new SteadyQuestions(world, balancer.url)
  }, TEST_MAX_MS)

  it('finds its definitions applied, which the release before had of a file, and nothing to back-fill', async () => {
    expect(await tidemark('new', 'apply', file, '--yes')).toMatchObject({ revision: 1, isApplied: true, backFills: [] })
  }, TEST_MAX_MS)

  it.each(LAYER_NAMES)('takes place in the order of the data: %s', (layer) => replace(layer, 'new'), TEST_MAX_MS)
  it.each(LAYER_NAMES.toReversed())('is rolled back: %s', (layer) => replace(layer, 'old'), TEST_MAX_MS)
  it.each(LAYER_NAMES.toReversed())('takes place in the other order: %s', (layer) => replace(layer, 'new'), TEST_MAX_MS)

  it('leaves registers that the command of each release reads', async () => {
    const shown = { pointers: [{ view: 'cards@1' }, { view: 'shops@1' }] }
    expect([await tidemark('old', 'pointer', 'show'), await tidemark('new', 'pointer', 'show')]).toMatchObject([shown, shown])
  }, TEST_MAX_MS)

  it('has lost no event, and said nothing that asks for somebody', async () => {
    streaming.abort()
    await stream
    await questions.end()
    console.log(`${questions.asked} questions, the slowest ${Math.round(questions.slowestMs)} ms; answered by ${JSON.stringify(Object.fromEntries(questions.answered))}; degraded ${JSON.stringify(Object.fromEntries(questions.degraded))}; ${world.recordCount} events`)
    expect(questions.faults).toEqual([])
    await world.untilWhole(balancer.url, questions.generation + 1)
    expect(world.complaints()).toEqual([])
  }, TEST_MAX_MS)
})
