// Faults as their users meet them: what is said, what goes on meanwhile, and that nothing is lost when it is over.
import { describe, expect, it, jest } from '@jest/globals'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openLmdb, openLmdbDatabase } from '@tidemark/adapter-embedded/lmdb-store'
import { postJson, startDev, until, type DevProcess } from './testing/dev-process.ts'
import { makeFolder, runShell, stub, type Folder } from './testing/run-cli.ts'

// Each test starts processes, on a machine that may be busy.
jest.setTimeout(180_000)

const DEFINITIONS = `
import { count } from '@tidemark/feature-schema/aggregations'
import { eventSource, featureView, string, timestamp } from '@tidemark/feature-schema/dsl'
export const trips = eventSource('trips', { fields: { at: timestamp(), driver: string(), note: string() }, eventTime: 'at', epochLength: '1s', skewMax: '1s' })
export const drivers = featureView('drivers', { source: trips, entity: { driver: 'driver' }, buckets: 4, features: { trips: count().over('lifetime') } })
`
const DEV = ['--definitions', 'features.ts', '--partitions', '1'] as const
const FEATURE = 'drivers:trips_lifetime'
const MEBIBYTE = 1_048_576

/** Its note is nothing that a compressor makes smaller: the log compresses what it keeps. */
const trip = (driver: string, noteBytes = 1): object => ({ at: Date.now(), driver, note: randomBytes(noteBytes).toString('base64').slice(0, noteBytes) })

interface Answer {
  readonly entities: readonly { readonly values: readonly unknown[] }[]
  readonly views: readonly { readonly generation: number; readonly lagMs: number | null }[]
  readonly degraded: readonly { readonly code: string }[]
}

function project(): Folder {
  const folder = makeFolder()
  folder.write('features.ts', DEFINITIONS)
  return folder
}

function send({ url }: DevProcess, ...events: readonly object[]): Promise<{ status: number; body: unknown }> {
  return postJson(`${url}/v1/events/trips`, events)
}

async function ask({ url }: DevProcess, driver: string): Promise<Answer> {
  return (await postJson(`${url}/v1/features`, { features: [FEATURE], entities: [{ driver }] })).body as Answer
}

/** Once the count is as expected, and the answer is whole. */
function countIs(dev: DevProcess, driver: string, count: number): Promise<Answer> {
  return until(() => ask(dev, driver), ({ entities, degraded, views }) => entities[0]!.values[0] === count && degraded.length === 0 && views[0]!.lagMs !== null)
}

async function end(dev: DevProcess): Promise<void> {
  dev.child.kill('SIGTERM')
  expect((await dev.ended).code).toBe(0)
}

describe('a full disk', () => {
  it('is told to whoever sends, leaves answers as they are, and is over once there is room', async () => {
    using folder = project()
    await using dev = await startDev(folder, ...DEV)
    await send(dev, trip('a'))
    await countIs(dev, 'a', 1)
    // A limit on the size of files fails a write as a full disk does.
    const limit = (sizeBytes: number | 'unlimited'): Buffer => execFileSync('prlimit', [`--pid=${dev.child.pid}`, `--fsize=${sizeBytes}:`])
    limit(statSync(join(folder.path, '.tidemark', 'lmdb', 'data.mdb')).size + 2 * MEBIBYTE)
    let sent = { status: 200, body: {} as unknown }
    let acknowledged = 0
    for (; sent.status === 200; sent = await send(dev, trip('a', 300_000))) acknowledged++
    expect(sent).toMatchObject({ status: 507, body: { code: 'STORE_FULL', problems: [{ code: 'STORE_FULL', where: expect.any(String), action: expect.stringContaining('Make room') }] } })
    expect((await ask(dev, 'a')).entities[0]!.values[0]).toBeLessThanOrEqual(acknowledged)
    limit('unlimited')
    expect(await send(dev, trip('a'))).toMatchObject({ status: 200 })
    await countIs(dev, 'a', acknowledged + 1)
    await end(dev)
    await using again = await startDev(folder, ...DEV)
    await countIs(again, 'a', acknowledged + 1)
  })

  it('is told by a command in its JSON document, and nowhere else', async () => {
    using folder = makeFolder()
    await folder.run('init', 'p')
    const replay = 'replay --definitions p/features.ts --events p/events.csv --rows p/rows.csv --time asked_at --out out.csv --json'
    const { code, stdout, stderr } = await runShell(`prlimit --fsize=${MEBIBYTE / 2}: ${process.execPath} ${stub} ${replay}`, folder.path)
    expect({ code, stderr }).toEqual({ code: 3, stderr: '' })
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'STORE_FULL', problems: [{ action: expect.stringContaining('Make room') }] } })
  })
})

describe('a record that the log stamped far ahead', () => {
  it('stops its partition with an alarm, is in no answer, and counts once its append time is declared', async () => {
    using folder = project()
    await using dev = await startDev(folder, ...DEV)
    await send(dev, trip('a'))
    await countIs(dev, 'a', 1)
    const aheadMs = Date.now() + 3_600_000
    await appendAhead(folder, aheadMs, 'a', 'c')
    await send(dev, trip('a'), trip('b'))
    const alarm = await dev.next('alarm', ({ code }) => code === 'APPEND_TIME_AHEAD')
    expect(alarm).toMatchObject({ where: 'source trips, partition 0, offset 1', message: expect.stringContaining(String(aheadMs)) })
    const stopped = await until(() => ask(dev, 'a'), ({ degraded }) => degraded.some(({ code }) => code === 'PARTITION_STOPPED'))
    expect(stopped.entities[0]!.values[0]).toBe(1)

    const declare = (...args: readonly string[]): ReturnType<Folder['json']> => folder.json('append-time', 'declare', ...args)
    const [tooLate, notAhead, nowhere] = await Promise.all([declare('0', '1', '--at', String(aheadMs)), declare('0', '3', '--at', String(Date.now())), declare('0', '99', '--at', String(Date.now()))])
    for (const refused of [tooLate, notAhead, nowhere]) expect(refused).toMatchObject({ code: 2, document: { error: { code: 'USAGE', problems: [{ where: expect.stringContaining('source trips, partition 0, offset') }] } } })
    expect(await declare('0', '1', '--at', String(Date.now()))).toMatchObject({ code: 0, document: { source: 'trips', partition: 0, offset: 1, through: 2 } })
    await countIs(dev, 'a', 3)
    await countIs(dev, 'b', 1)
    // In batch as in the stream.
    const saidCount = dev.events.length
    await dev.next('published', () => true, saidCount)
    await dev.next('published', () => true, saidCount + 1)
    await countIs(dev, 'a', 3)
    await end(dev)
  })

  it('has no other append time declared once the archive has it; its stamp may be accepted', async () => {
    using folder = project()
    await using dev = await startDev(folder, ...DEV)
    await send(dev, trip('a'))
    await dev.next('published')
    await appendAhead(folder, Date.now() + 3_600_000, 'a')
    await dev.next('alarm', ({ code }) => code === 'APPEND_TIME_AHEAD')
    const declare = (...args: readonly string[]): ReturnType<Folder['json']> => folder.json('append-time', 'declare', '0', ...args)
    const now = String(Date.now())
    const [settled, unsaid, twice] = await Promise.all([declare('0', '--at', now), declare('1'), declare('1', '--at', now, '--as-stamped')])
    expect(settled).toMatchObject({ code: 3, document: { error: { code: 'APPEND_TIME_SETTLED', problems: [{ where: 'source trips, partition 0, offset 0', action: expect.stringContaining('--as-stamped') }] } } })
    for (const refused of [unsaid, twice]) expect(refused).toMatchObject({ code: 2, document: { error: { code: 'USAGE' } } })
    expect(await declare('1', '--as-stamped')).toMatchObject({ code: 0, document: { offset: 1, through: 1, appendTimeMs: 'stamped' } })
    await countIs(dev, 'a', 2)
    await end(dev)
  })
})

/** Appends trips that the log stamps with that time. */
async function appendAhead(folder: Folder, appendTimeMs: number, ...drivers: readonly string[]): Promise<void> {
  const { openEmbeddedPorts } = await import('@tidemark/embedded-system/embedded-ports')
  await using ports = await openEmbeddedPorts({ folder: join(folder.path, '.tidemark'), verify: false })
  await ports.log.appendAt([{ topic: 'trips', partition: 0, appendTimeMs, records: drivers.map((driver) => ({ key: null, value: Buffer.from(JSON.stringify(trip(driver))) })) }])
}

describe('a damaged archive', () => {
  it('is named, with the object; batch waits for it to be restored, and the stream goes on', async () => {
    using folder = project()
    const first = await startDev(folder, ...DEV)
    await send(first, trip('a'), trip('b'))
    const { generation } = await first.next('published', ({ recordCount }) => Number(recordCount) === 2)
    // The last manifest is in the seal register too, and an archiver that misses it publishes it again.
    await first.next('published', (said) => Number(said['generation']) > Number(generation) + 1)
    await end(first)
    folder.write('rows.csv', `driver,asked_at\na,${Date.now()}\n`)
    const train = (): ReturnType<Folder['json']> => folder.json('training-set', '--definitions', 'features.ts', '--rows', 'rows.csv', '--time', 'asked_at', '--data', '.tidemark', '--out', 'trained.csv', '--overwrite')
    expect(await train()).toMatchObject({ code: 0 })

    const archive = join(folder.path, '.tidemark', 'objects', 'archive', 'trips')
    const files = readdirSync(archive, { recursive: true, encoding: 'utf8' })
    const segment = join(archive, files.find((name) => /parquet@\/[^/]+(?<!\.current)$/.test(name))!)
    const sound = readFileSync(segment)
    const damaged = Buffer.from(sound)
    damaged[Math.floor(damaged.length / 2)]! ^= 1
    writeFileSync(segment, damaged)
    expect(await train()).toMatchObject({ code: 3, document: { error: { code: 'STORE_DAMAGED', problems: [{ where: expect.stringContaining('.parquet') }] } } })
    writeFileSync(segment, sound)

    const manifest = join(archive, files.filter((name) => /^manifests\/\d+\.json@$/.test(name)).sort()[0]!)
    renameSync(manifest, `${manifest}gone`)
    expect(await train()).toMatchObject({ code: 3, document: { error: { code: 'OBJECT_MISSING', problems: [{ where: expect.stringMatching(/archive\/trips\/manifests\/\d+\.json/) }] } } })

    // A view that needs all of the archive cannot be made; what there is is answered as ever.
    folder.write('features.ts', `${DEFINITIONS}\nexport const notes = featureView('notes', { source: trips, entity: { note: 'note' }, buckets: 4, features: { trips: count().over('lifetime') } })\n`)
    await using dev = await startDev(folder, ...DEV)
    const missing = { code: 'OBJECT_MISSING', where: expect.stringMatching(/archive\/trips\/manifests\/\d+\.json/) }
    expect(await dev.next('opened')).toMatchObject({ sources: [{ source: 'trips', archive: { isAll: false, problems: [missing] } }] })
    expect(await dev.next('alarm')).toMatchObject({ ...missing, message: expect.stringContaining('restored') })
    expect(await dev.next('batch-failed', ({ view }) => view === 'notes@1')).toMatchObject({ code: 'OBJECT_MISSING' })
    await send(dev, trip('a'))
    await countIs(dev, 'a', 2)
    renameSync(`${manifest}gone`, manifest)
    await dev.next('published', ({ view }) => view === 'notes@1')
    await end(dev)
    await using whole = await startDev(folder, ...DEV)
    expect(await whole.next('opened')).toMatchObject({ sources: [{ archive: { isAll: true, problems: [] } }] })
    await end(whole)
  })
})

describe('a damaged value', () => {
  /** Changes the last byte of a database's first value. */
  async function damage(folder: Folder, name: string): Promise<void> {
    const root = openLmdb(join(folder.path, '.tidemark', 'lmdb'), { durability: 'process', readOnly: false })
    const database = openLmdbDatabase(root, name, false)!
    const [entry] = [...database.getRange({ start: Buffer.of(0), limit: 1 })]
    database.putSync(entry!.key, Buffer.from(entry!.value.map((byte, i) => (i === entry!.value.length - 1 ? byte ^ 1 : byte))))
    await root.close()
  }

  it('of the stream\'s state is told, and the state computed anew; one of the log is refused', async () => {
    using folder = project()
    // Its floor is not the log's beginning.
    const first = await startDev(folder, ...DEV)
    await send(first, trip('a'), trip('b'))
    await first.next('published', ({ recordCount }) => Number(recordCount) === 2)
    await send(first, trip('a'))
    await countIs(first, 'a', 2)
    await end(first)
    await damage(folder, 'speed')
    expect(await folder.json('pointer', 'show')).toMatchObject({ code: 3, document: { error: { code: 'STORE_DAMAGED', problems: [{ where: expect.stringContaining('database speed'), action: expect.stringContaining('tidemark dev') }] } } })

    await using dev = await startDev(folder, ...DEV)
    expect(await dev.next('opened')).toMatchObject({ emptied: ['speed'] })
    expect(await dev.next('alarm')).toMatchObject({ code: 'STORE_DAMAGED', where: expect.stringContaining('database speed'), message: expect.stringContaining('computed anew') })
    await countIs(dev, 'a', 2)
    await countIs(dev, 'b', 1)
    await send(dev, trip('b'))
    await countIs(dev, 'b', 2)
    await end(dev)
    await damage(folder, 'log')
    expect(await folder.json('dev', ...DEV)).toMatchObject({ code: 3, document: { error: { code: 'STORE_DAMAGED', problems: [{ where: expect.stringContaining('database log'), action: expect.stringContaining('backup') }] } } })
  })
})

describe('a record of 10 MB and malformed ones', () => {
  it('are kept as dead letters, in order, and delay nobody; the gate says that it holds generations back, and how it is told otherwise', async () => {
    using folder = project()
    const closed = await startDev(folder, ...DEV)
    const sent = await send(closed, trip('a'), trip('a', 10 * MEBIBYTE), { at: 'soon', driver: 'a', note: '' }, { at: Date.now(), driver: 7, note: '' }, trip('b'))
    expect(sent).toMatchObject({ status: 200, body: { appendedCount: 5, rejectedCount: 3, rejected: [{ index: 1, code: 'EVENT_TOO_LARGE' }, { index: 2, code: 'EVENT_MALFORMED' }, { index: 3, code: 'EVENT_MALFORMED' }] } })
    await countIs(closed, 'a', 1)
    await countIs(closed, 'b', 1)
    const failed = await closed.next('batch-failed')
    expect(failed).toMatchObject({ code: 'GATE_CLOSED', problems: [{ where: expect.stringContaining('rejectedShareMax'), action: expect.stringContaining('dead-letters') }] })
    expect(await folder.json('dead-letters', 'list')).toMatchObject({ code: 0, document: { count: 3, deadLetters: [{ code: 'EVENT_TOO_LARGE', sizeBytes: expect.any(Number) }, { code: 'EVENT_MALFORMED' }, { code: 'EVENT_MALFORMED' }] } })
    await end(closed)
    expect(await folder.json('dev', ...DEV, '--rejected-share-max', '5%')).toMatchObject({ code: 2, document: { error: { problems: [{ where: '--rejected-share-max' }] } } })

    // Made when they are due, not whenever an epoch is sealed.
    await using open = await startDev(folder, ...DEV, '--rejected-share-max', '1', '--batch-every', '3s')
    expect(await open.next('published')).toMatchObject({ view: 'drivers@1', recordCount: 5 })
    const publishedMs = performance.now()
    await open.next('published', ({ generation }) => Number(generation) > 1, open.events.length)
    expect(performance.now() - publishedMs).toBeGreaterThan(2_000)
    await countIs(open, 'a', 1)
    await end(open)
  })
})
