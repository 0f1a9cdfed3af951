// Each image's folder holds all that its program needs: the four layers run from them on real servers as containers do that have a read-only root, answer
// an event truly, and drain; and the command in its own does what an operator asks of it. Nothing is written but into the one folder that may be.

import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { ServiceWorld, until } from '@tidemark/conformance/services/service-world'
import { seededChance } from '@tidemark/ports/testing/store-cases'
import { LAYER_NAMES, type ServiceProcess } from '@tidemark/servers/service-process'
import { sharedServers } from '@tidemark/servers/shared-servers'
import { ROOT } from './bundle.ts'
import { containedRun } from './testing/run-contained.ts'

const TEST_MAX_MS = 300_000
const images = mkdtempSync(join(tmpdir(), 'tidemark-images-'))
const roots = mkdtempSync(join(tmpdir(), 'tidemark-roots-'))

let world: ServiceWorld
let services: readonly ServiceProcess[]
beforeAll(async () => {
  execFileSync(process.execPath, [join(ROOT, 'tools/images/src/main.ts'), 'all', '--out', images], { stdio: 'pipe' })
  const servers = await sharedServers('kafka', 'cassandra', 's3', 'redis', 'redis-jobs')
  world = await ServiceWorld.open(servers, seededChance(1), { definitions: null, runOf: (layer, folder) => containedRun(join(images, layer), roots, folder) })
}, TEST_MAX_MS)
afterAll(async () => {
  await world[Symbol.asyncDispose]()
  for (const folder of [images, roots]) rmSync(folder, { recursive: true, force: true })
}, TEST_MAX_MS)

/** Of the command in its image, without a word on stderr. */
function tidemark(...words: readonly string[]): unknown {
  const { main, node = [process.execPath] } = containedRun(join(images, 'tidemark'), roots, world.folder)
  const [command, ...args] = [...node, main, ...words, '--json']
  const { status, stdout, stderr } = spawnSync(command!, args, { env: { PATH: process.env['PATH'], ...world.environment }, encoding: 'utf8' })
  expect({ status, stderr, stdout }).toEqual({ status: 0, stderr: '', stdout: expect.stringMatching(/^[[{]/) })
  return JSON.parse(stdout)
}

describe('the services, each from its image', () => {
  it('find their tables made by the command in its own', () => {
    const made = { servers: world.namespace, keyspace: world.namespace }
    expect([tidemark('migrate', '--servers'), tidemark('migrate', '--servers')]).toEqual([made, made])
  }, TEST_MAX_MS)

  it('find what to run applied by the command in its own, from a file that is a program', () => {
    const [file, imported] = [join(world.folder, 'features.ts'), join(world.folder, 'payments.ts')]
    copyFileSync(join(ROOT, 'tools/conformance/src/services/payments.ts'), imported)
    writeFileSync(file, "export { payments, cards, shops } from './payments.ts'\n")
    expect(tidemark('apply', file, '--servers', '--yes')).toMatchObject({ servers: world.namespace, revision: 1, isApplied: true })
    for (const each of [file, imported]) rmSync(each)
  }, TEST_MAX_MS)

  it('start, and answer with every event, of batch and stream', async () => {
    services = await Promise.all(LAYER_NAMES.map((layer) => world.start(layer)))
    for (const service of services) await service.untilReady()
    const { url } = services.at(-1)!.lines.find(({ msg }) => msg === 'ready')!
    await world.whileStreaming(() => until('two generations', async () => {
      await world.judge(url!)
      const generation = await world.generation(url!)
      return generation >= 2 ? null : `generation ${generation}`
    }))
    await world.untilWhole(url!, 2)
  }, TEST_MAX_MS)

  it('let the command look at what they do', () => {
    expect(tidemark('pointer', 'show', '--servers')).toMatchObject({ pointers: [{ view: 'cards@1' }, { view: 'shops@1' }] })
  }, TEST_MAX_MS)

  it.each(LAYER_NAMES)('%s drains when it is told to end', async (layer) => {
    const service = services[LAYER_NAMES.indexOf(layer)]!
    expect(await service.stop()).toBe(0)
    expect(service.lines.map(({ msg }) => msg).slice(-2)).toEqual(['drained', 'ended'])
    expect(world.complaints()).toEqual([])
  }, TEST_MAX_MS)

  it('leave nothing where they may write', () => {
    expect(readdirSync(world.folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map(({ name }) => name)).toEqual([])
  })
})
