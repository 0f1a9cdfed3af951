// The whole system in one process, as its users meet it: what is sent is soon in the answers, nothing that was acknowledged is lost, and
// definitions that change are taken up or refused with the reason.
import { describe, expect, it, jest } from '@jest/globals'
import { mkdirSync, openSync, closeSync, readdirSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { createFileObjectStore } from '@tidemark/adapter-embedded/file-object-store'
import { pointerName } from '@tidemark/pipelines/pointer'
import { createNewRevision } from '@tidemark/machine/new-revision'
import { EXIT } from './failure.ts'
import { postJson, startDev, until, type DevProcess } from './testing/dev-process.ts'
import { makeFolder, runShell } from './testing/run-cli.ts'

// Each test starts processes, on a machine that may be busy.
jest.setTimeout(120_000)

const TRIPS = (views: string): string => `
import { count, sum } from '@tidemark/feature-schema/aggregations'
import { all, eventSource, featureService, featureView } from '@tidemark/feature-schema/dsl'
import { trips } from './parts/trips.ts'
export const drivers = featureView('drivers', { source: trips, entity: { driver: 'driver' }, features: { trips: count().over('1h', 'lifetime'), fares: sum('fare').over('lifetime') } })
${views}
export { trips }
export const model = featureService('model', { features: [all(drivers)] })
`
const SOURCE = `
import { eventSource, int64, string, timestamp } from '@tidemark/feature-schema/dsl'
export const trips = eventSource('trips', { fields: { at: timestamp(), driver: string(), zone: string(), fare: int64() }, eventTime: 'at', epochLength: '1s', skewMax: '1s' })
`
const ZONES = `export const zones = featureView('zones', { source: trips, entity: { zone: 'zone' }, features: { trips: count().over('lifetime') } })`

const trip = (driver: string, fare = 1): object => ({ at: Date.now(), driver, zone: 'z', fare })

interface Features {
  readonly entities: readonly { readonly values: readonly unknown[] }[]
  readonly views: readonly { readonly generation: number }[]
  readonly degraded: readonly object[]
}

async function askFor({ url }: Pick<DevProcess, 'url'>, features: readonly string[], entity: object): Promise<Features> {
  return (await postJson(`${url}/v1/features`, { features, entities: [entity] })).body as Features
}

/** The count of a driver's trips, once it is as expected. */
function countIs(dev: Pick<DevProcess, 'url'>, driver: string, count: number): Promise<Features> {
  return until(() => askFor(dev, ['drivers:trips_lifetime'], { driver }), ({ entities }) => entities[0]?.values[0] === count)
}

async function send(dev: Pick<DevProcess, 'url'>, events: readonly object[]): Promise<void> {
  expect(await postJson(`${dev.url}/v1/events/trips`, events)).toMatchObject({ status: 200, body: { appendedCount: events.length, rejectedCount: 0 } })
}

function project(): ReturnType<typeof makeFolder> {
  const folder = makeFolder()
  mkdirSync(join(folder.path, 'parts'))
  folder.write('parts/trips.ts', SOURCE)
  folder.write('features.ts', TRIPS(''))
  return folder
}

const DEV = ['--definitions', 'features.ts'] as const

describe('tidemark dev', () => {
  it('answers with what was sent, loses nothing that it acknowledged, and shares its folder', async () => {
    using folder = project()
    let dev = await startDev(folder, ...DEV)
    const { send: sendCommand, ask: askCommand } = dev.ready as unknown as { send: string; ask: string }
    // Ready is when answers are whole.
    expect(await postJson(`${dev.url}/v1/features`, { service: 'model', entities: [{ driver: 'a' }], policy: 'fail' })).toMatchObject({ status: 200, body: { degraded: [] } })
    expect(JSON.parse((await runShell(sendCommand, folder.path)).stdout)).toMatchObject({ appendedCount: 1, rejectedCount: 0 })
    await until(async () => JSON.parse((await runShell(askCommand, folder.path)).stdout) as Features, ({ entities }) => entities[0]!.values[0] === 1)

    const freshnessMs: number[] = []
    for (let i = 1; i <= 5; i++) {
      await send(dev, [trip('a')])
      const sentMs = performance.now()
      await countIs(dev, 'a', i)
      freshnessMs.push(performance.now() - sentMs)
    }
    expect(Math.min(...freshnessMs)).toBeLessThan(1_000)
    await dev.next('published', ({ view }) => view === 'drivers@1')

    const acknowledged = Array.from({ length: 300 }, () => trip('b', 2))
    await send(dev, acknowledged)
    dev.child.kill('SIGKILL')
    await dev.ended
    dev = await startDev(folder, ...DEV)
    await using first = dev
    expect(first.events.find(({ event }) => event === 'opened')).toMatchObject({ sources: [{ source: 'trips', partitionCount: 4, recordCount: 306 }] })
    await countIs(first, 'a', 5)
    expect((await until(() => askFor(first, ['drivers:trips_lifetime', 'drivers:fares_lifetime'], { driver: 'b' }), ({ entities }) => entities[0]!.values[0] === 300)).entities[0]!.values).toEqual([300, 600])

    await using second = await startDev(folder, ...DEV)
    await send(second, Array.from({ length: 20 }, (_, i) => trip(`c${i}`)))
    await Promise.all(Array.from({ length: 20 }, (_, i) => countIs(i % 2 === 0 ? first : second, `c${i}`, 1)))
    expect(await folder.json('dev', ...DEV, '--port', new URL(first.url).port, '--data', 'other')).toMatchObject({ code: 3, document: { error: { code: 'PORT_IN_USE' } } })

    second.child.kill('SIGTERM')
    expect((await second.ended).code).toBe(0)
    await countIs(first, 'c3', 1)
    first.child.kill('SIGINT')
    expect((await first.ended).code).toBe(0)
  })

  it('takes up definitions that change on disk, and refuses another meaning under an old version, after a restart too', async () => {
    using folder = project()
    await using dev = await startDev(folder, ...DEV)
    await send(dev, [trip('a'), trip('b')])
    await countIs(dev, 'a', 1)

    folder.write('features.ts', TRIPS(ZONES))
    expect(await dev.next('definitions')).toMatchObject({ changes: [{ kind: 'view', name: 'zones', change: 'added' }] })
    await until(() => askFor(dev, ['zones:trips_lifetime'], { zone: 'z' }), ({ entities }) => entities?.[0]?.values[0] === 2)

    folder.write('features.ts', TRIPS(ZONES.replace('count()', `count().where("driver = 'a'")`)))
    const [{ problems: refused }] = [await dev.next('definitions-refused')]
    expect(refused).toMatchObject([{ code: 'DEFINITION_INVALID', where: 'view zones', message: expect.stringContaining('aggregation trips') }])
    expect(await askFor(dev, ['zones:trips_lifetime'], { zone: 'z' })).toMatchObject({ entities: [{ values: [2] }] })
    expect(await folder.json('dev', ...DEV, '--port', '0')).toMatchObject({ code: 3, document: { error: { code: 'DEFINITION_INVALID', problems: [{ where: 'view zones' }] } } })

    let saidCount = dev.events.length
    folder.write('features.ts', TRIPS('export const zones = '))
    await dev.next('definitions-refused', () => true, saidCount)
    saidCount = dev.events.length
    folder.write('features.ts', TRIPS(ZONES))
    expect(await dev.next('definitions', () => true, saidCount)).toMatchObject({ changes: [] })

    // A source in a new version starts its pipeline anew, with all of its log.
    saidCount = dev.events.length
    folder.write('parts/trips.ts', SOURCE.replace('fare: int64()', 'fare: int64().nullable()').replace("eventTime: 'at',", "eventTime: 'at', version: 2,"))
    folder.write('features.ts', TRIPS(ZONES).replaceAll(/(?<=featureView\('\w+', \{)/g, ' version: 2,').replace("featureService('model', {", "featureService('model', { version: 2,"))
    await dev.next('definitions', () => true, saidCount)
    await send(dev, [{ ...trip('a'), fare: null }])
    await countIs(dev, 'a', 2)
    await until(() => askFor(dev, ['zones:trips_lifetime'], { zone: 'z' }), ({ entities, degraded }) => entities[0]?.values[0] === 3 && degraded.length === 0)
    dev.child.kill('SIGTERM')
    expect((await dev.ended).code).toBe(0)
  })

  it('ends where a part fails for good, with what failed as the last of its lines', async () => {
    using folder = project()
    await using dev = await startDev(folder, ...DEV)
    const { openEmbeddedPorts } = await import('@tidemark/embedded-system/embedded-ports')
    await using ports = await openEmbeddedPorts({ folder: join(folder.path, '.tidemark'), verify: false })
    await ports.registers.compareAndSet(pointerName('drivers@1'), null, Buffer.from('of somebody else'))
    await send(dev, [trip('a')])
    const { code, stdout } = await dev.ended
    expect(code).toBe(EXIT.badInput)
    expect(JSON.parse(stdout.trimEnd().split('\n').at(-1)!)).toMatchObject({ error: { code: 'STORE_DAMAGED', problems: [{ where: 'pointer of drivers@1' }] } })
  })

  it('tells of generations that its registers do not know, and goes on', async () => {
    using folder = project()
    await using dev = await startDev(folder, ...DEV)
    await using objects = await createFileObjectStore({ folder: join(folder.path, '.tidemark', 'objects'), newRevision: createNewRevision() })
    for (let n = 1; n <= 20; n++) await objects.create(`views/drivers.1/generations/${n}/part-00000`, Buffer.from('of somebody else'))
    await send(dev, [trip('a')])
    expect(await dev.next('batch-failed')).toMatchObject({ view: 'drivers@1', code: 'STORE_DAMAGED', retryAtMs: null, problems: [{ where: expect.stringContaining('part-00000') }] })
    await countIs(dev, 'a', 1)
  })

  it('ends once it has something to say that nobody reads', async () => {
    using folder = project()
    await using dev = await startDev(folder, ...DEV)
    dev.child.stdout!.destroy()
    await send(dev, [trip('a')])
    expect((await dev.ended).code).toBe(0)
  })

  it('refuses what it cannot open, and says what to do', async () => {
    using folder = project()
    const lmdb = (name: string): string => join(folder.path, name, 'lmdb')
    const dev = await startDev(folder, ...DEV, '--data', 'damaged')
    await send(dev, Array.from({ length: 2_000 }, (_, i) => trip(`d${i}`)))
    await countIs(dev, 'd1999', 1)
    dev.child.kill('SIGTERM')
    expect((await dev.ended).code).toBe(0)
    const file = openSync(join(lmdb('damaged'), 'data.mdb'), 'r+')
    for (let page = 8; page < 40; page++) writeSync(file, Buffer.alloc(2_048, 0xa5), 0, 2_048, page * 4_096 + 1_024)
    closeSync(file)
    mkdirSync(lmdb('newer'), { recursive: true })
    writeFileSync(join(lmdb('newer'), 'FORMAT'), '{"format":"tidemark-embedded","version":99}\n')
    const run = (...args: readonly string[]): Promise<object> => folder.json('dev', ...DEV, '--port', '0', ...args)
    const [damaged, newer, port, partitions, open, nowhere, absent] = await Promise.all([
      run('--data', 'damaged'), run('--data', 'newer'), run('--port', 'http'), run('--partitions', '0'), run('--host', '0.0.0.0'), run('--host', '192.0.2.1', '--unauthenticated'), folder.json('pointer', 'show', '--data', 'absent'),
    ])
    expect(damaged).toMatchObject({ code: 3, document: { error: { code: 'STORE_DAMAGED' } } })
    expect(newer).toMatchObject({ code: 3, document: { error: { code: 'STORE_TOO_NEW' } } })
    expect(port).toMatchObject({ code: 2, document: { error: { problems: [{ where: '--port' }] } } })
    expect(partitions).toMatchObject({ code: 2, document: { error: { problems: [{ where: '--partitions' }] } } })
    expect(open).toMatchObject({ code: 2, document: { error: { problems: [{ where: '--host', action: expect.stringContaining('--unauthenticated') }] } } })
    // Let through, to an address that this machine does not have.
    expect(nowhere).toMatchObject({ code: 2, document: { error: { problems: [{ where: '192.0.2.1:0' }] } } })
    expect(absent).toMatchObject({ code: 3, document: { error: { code: 'INPUT_UNREADABLE' } } })
    expect(readdirSync(folder.path)).not.toContain('absent')
  })
})
