// The system of `tidemark dev` in this process: a part that fails for good is told, and nothing is left at work.
import { describe, expect, it, jest } from '@jest/globals'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { count } from '@tidemark/feature-schema/aggregations'
import { collectDefinitions } from '@tidemark/feature-schema/collect-definitions'
import { eventSource, featureView, string, timestamp } from '@tidemark/feature-schema/dsl'
import { TidemarkError, type ErrorCode } from '@tidemark/feature-schema/errors'
import type { LambdaPorts } from '@tidemark/pipelines/lambda/lambda-ports'
import type { Soon } from '@tidemark/ports/soon'
import { DevSystem } from './dev-system.ts'

// Each test opens a folder and its threads, on a machine that may be busy.
jest.setTimeout(60_000)

const trips = eventSource('trips', { fields: { at: timestamp(), driver: string() }, eventTime: 'at' })
const drivers = featureView('drivers', { source: trips, entity: { driver: 'driver' }, features: { trips: count().over('1h') } })
const taxis = eventSource('taxis', { fields: { at: timestamp(), driver: string() }, eventTime: 'at' })
const cars = featureView('cars', { source: taxis, entity: { driver: 'driver' }, features: { trips: count().over('1h') } })

async function withSystem(change: (ports: LambdaPorts) => LambdaPorts, test: (system: DevSystem, alarms: string[]) => Promise<void>): Promise<void> {
  const { openEmbeddedPorts } = await import('@tidemark/embedded-system/embedded-ports')
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-dev-'))
  try {
    await using ports = await openEmbeddedPorts({ folder, durability: 'process', verify: false })
    const alarms: string[] = []
    await using system = await DevSystem.start({
      ports: change(ports), definitions: collectDefinitions([trips, drivers]), member: 'dev-1', partitionCount: 2, onAlarm: ({ code }) => alarms.push(code),
    })
    await test(system, alarms)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const broken = (code: ErrorCode): TidemarkError => new TidemarkError([{ code, message: 'It is so.', where: 'log', action: 'See to it.' }])

describe('DevSystem', () => {
  it('tells of a part that fails for good, of a source that came later too, and ends all of it', async () => {
    let failing = 'trips'
    const failFetches = (ports: LambdaPorts): LambdaPorts => ({
      ...ports,
      log: { ...ports.log, fetch: (topic, ...rest) => (topic === failing ? Promise.reject(broken('STORE_DAMAGED')) : ports.log.fetch(topic, ...rest)) },
    })
    await withSystem(failFetches, async (system) => {
      system.run()
      await expect(system.failed).rejects.toMatchObject({ code: 'STORE_DAMAGED' })
    })
    failing = 'taxis'
    await withSystem(failFetches, async (system) => {
      system.run()
      await system.takeUp(collectDefinitions([trips, drivers, taxis, cars]))
      await expect(system.failed).rejects.toMatchObject({ code: 'STORE_DAMAGED' })
    })
  })

  it('goes on through trouble that passes, with an alarm', async () => {
    let left = 3
    const { promise: mended, resolve } = Promise.withResolvers<null>()
    const troubled = (ports: LambdaPorts): LambdaPorts => ({
      ...ports,
      log: {
        ...ports.log,
        partitionCount: (topic) => {
          if (--left === 0) resolve(null)
          return left > 0 ? Promise.reject(broken('STORE_UNAVAILABLE')) : ports.log.partitionCount(topic)
        },
      },
    })
    await withSystem((ports) => troubled(ports), async (system, alarms) => {
      left = 3
      system.run()
      await mended
      expect(new Set(alarms)).toEqual(new Set(['STORE_UNAVAILABLE']))
    })
  })

  it('starts pipelines anew where a source is gone, and serves by what is there', async () => {
    await withSystem((ports) => ports, async (system) => {
      system.run()
      await system.takeUp(collectDefinitions([taxis, cars]))
      expect(system.catalog().plans.map(({ view }) => view.name)).toEqual(['cars'])
      const ask = (view: string): Soon<unknown> =>
        system.server.answer({ asked: { features: [{ view, feature: 'trips_1h' }] }, entities: [{ driver: 'a' }], policy: 'degrade', deadlineMs: 1_000, explain: false })
      expect(await ask('cars')).toMatchObject({ entities: [{ values: [{ status: 'NOT_FOUND' }] }] })
      await expect(ask('drivers')).rejects.toMatchObject({ code: 'UNKNOWN_NAME' })
    })
  })
})
