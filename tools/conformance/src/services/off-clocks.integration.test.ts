// A layer whose clock is off by more than the declared skew: it stands still or breaks the seam with an alarm, never silently, and nothing is lost.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { seededChance } from '@tidemark/ports/testing/store-cases'
import type { LayerName, ServiceProcess } from '@tidemark/servers/service-process'
import { sharedServers } from '@tidemark/servers/shared-servers'
import { ServiceWorld } from './service-world.ts'

const TEST_MAX_MS = 300_000
/** Ten times the declared skew. */
const OFF_MS = 10_000
const LATER_EVENTS = 10

let world: ServiceWorld
beforeEach(async () => {
  world = await ServiceWorld.open(await sharedServers('kafka', 'cassandra', 's3', 'redis', 'redis-jobs'), seededChance(1))
}, TEST_MAX_MS)
afterEach(() => world[Symbol.asyncDispose](), TEST_MAX_MS)

function startOff(layer: LayerName, offMs: number): Promise<ServiceProcess> {
  return world.start(layer, { NODE_OPTIONS: `--import ${pathToFileURL(join(import.meta.dirname, 'off-clock.ts')).href}`, OFF_CLOCK_MS: `${offMs}` })
}

describe('a clock that is off', () => {
  it('behind: an archiver stands still before records of its future, and the next one archives them', async () => {
    const [serving] = await world.startReady('serving-layer', 'speed-layer', 'batch-layer')
    const url = (await serving!.untilReady()).url!
    const behind = await startOff('archiver', -OFF_MS)
    await behind.untilReady()
    await world.append()
    expect(await behind.until('that records are ahead', ({ code }) => code === 'APPEND_TIME_AHEAD')).toMatchObject({ level: 'error', where: expect.stringContaining('source payments, partition') })
    await world.judge(url)
    expect(await world.generation(url)).toBe(0)
    expect(await behind.stop()).toBe(0)
    await world.startReady('archiver')
    await world.untilWhole(url, 1)
  }, TEST_MAX_MS)

  it('behind: a speed layer stands still, answers say so, and the next one folds what it left', async () => {
    const [serving] = await world.startReady('serving-layer', 'archiver', 'batch-layer')
    const url = (await serving!.untilReady()).url!
    const behind = await startOff('speed-layer', -OFF_MS)
    await behind.untilReady()
    await world.append()
    expect(await behind.until('that records are ahead', ({ code }) => code === 'APPEND_TIME_AHEAD')).toMatchObject({ level: 'error' })
    await world.judge(url)
    expect(await behind.stop()).toBe(0)
    await world.startReady('speed-layer')
    await world.untilWhole(url, 1)
  }, TEST_MAX_MS)

  it('ahead: an archiver seals too early, and what comes after counts once, with an alarm', async () => {
    const [serving, speed] = await world.startReady('serving-layer', 'speed-layer', 'batch-layer')
    const url = (await serving!.untilReady()).url!
    await world.append()
    const ahead = await startOff('archiver', OFF_MS)
    await ahead.untilReady()
    await world.untilWhole(url, 1)
    await world.whileStreaming(async () => {
      const isBroken = ({ code }: { readonly code?: string }): boolean => code === 'SEAM_BROKEN'
      await Promise.any([ahead.until('that the seam is broken', isBroken), speed!.until('that the seam is broken', isBroken)])
    })
    await ahead.stop()
    const published = await world.generation(url)
    await world.startReady('archiver')
    await world.append(LATER_EVENTS)
    await world.untilWhole(url, published + 1)
  }, TEST_MAX_MS)
})
