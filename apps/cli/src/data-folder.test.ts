// The commands that look into the folder of `tidemark dev`, beside it and without it.
import { describe, expect, it, jest } from '@jest/globals'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { postJson, startDev, until } from './testing/dev-process.ts'
import { makeFolder, runShell } from './testing/run-cli.ts'

// Each test starts processes, on a machine that may be busy.
jest.setTimeout(120_000)

const DEFINITIONS = `
import { count, max } from '@tidemark/feature-schema/aggregations'
import { eventSource, featureView, int64, string, timestamp } from '@tidemark/feature-schema/dsl'
export const trips = eventSource('trips', { fields: { at: timestamp(), driver: string(), fare: int64() }, eventTime: 'at', epochLength: '1s', skewMax: '1s' })
export const drivers = featureView('drivers', { source: trips, entity: { driver: 'driver' }, features: { trips: count().over('1h', 'lifetime'), newest: max('at').over('lifetime') } })
`

const lines = (count: number, from: number): string =>
  Array.from({ length: count }, (_, i) => JSON.stringify({ at: from, driver: `d${i % 3}`, fare: 1 })).join('\n')

interface Features {
  readonly views: readonly { readonly generation: number }[]
}

describe('the commands on a folder', () => {
  it('batch run, pointer, dead-letters, features get --url and training-set --data', async () => {
    using folder = makeFolder()
    folder.write('features.ts', DEFINITIONS)
    const startedMs = Date.now()
    const dev = await startDev(folder, '--definitions', 'features.ts')
    const events = `${dev.url}/v1/events/trips`
    const sent = await postJson(events, `${lines(30, startedMs)}\n{ "at": "soon", "driver": "d0" }`, 'application/x-ndjson')
    const { rejected: [doomed] } = sent.body as { rejected: { index: number; partition: number; offset: number; reason: string }[] }
    expect(doomed).toMatchObject({ index: 30, reason: expect.stringContaining('at') })
    await dev.next('published', ({ recordCount }) => Number(recordCount) > 0)
    const saidCount = dev.events.length
    await postJson(events, lines(30, startedMs + 1), 'application/x-ndjson')
    await dev.next('published', ({ recordCount }) => Number(recordCount) > 0, saidCount)
    // A pin is shared by the requests of a moment.
    const ask = async (): Promise<Features> => (await postJson(`${dev.url}/v1/features`, { features: ['drivers:trips_lifetime'], entities: [{ driver: 'd1' }] })).body as Features
    await until(ask, ({ views }) => views[0]!.generation > 1)

    const get = ['features', 'get', '--url', dev.url] as const
    const [online, text, unknown, batch, listed] = await Promise.all([
      folder.json(...get, '--entity', 'driver=d1'), folder.run(...get, '--entity', 'driver=d1', '--view', 'drivers'), folder.json(...get, '--entity', 'driver=d1', '--features', 'drivers:tripz_1h'),
      folder.json('batch', 'run', '--definitions', 'features.ts'), folder.json('dead-letters', 'list'),
    ])
    expect(online).toMatchObject({
      code: 0, document: { entity: { driver: 'd1' }, features: [{ view: 'drivers', feature: 'trips_1h', value: 20, status: 'PRESENT' }, { value: 20, tailMs: null }, { value: startedMs + 1 }], views: [{ view: 'drivers', version: 1 }], degraded: [] },
    })
    expect(text.code).toBe(0)
    expect(text.stdout).toMatch(/drivers +trips_lifetime +20 +PRESENT +always[\s\S]*drivers@1 +\d+ +\d+ +\d+ ms/)
    expect(unknown).toMatchObject({ code: 3, document: { error: { code: 'UNKNOWN_NAME' } } })
    expect(batch).toMatchObject({ code: 0, document: { sources: [{ source: 'trips', runs: expect.any(Array) }], alarms: [] } })
    expect(listed).toMatchObject({ code: 0, document: { source: 'trips', count: 1, deadLetters: [{ partition: doomed!.partition, offset: doomed!.offset, code: 'EVENT_MALFORMED' }] } })
    dev.child.kill('SIGTERM')
    expect((await dev.ended).code).toBe(0)

    const [away, both, missing] = await Promise.all([
      folder.json(...get, '--entity', 'driver=d1'), folder.json(...get, '--entity', 'driver=d1', '--at', '2024-01-01'), folder.json('features', 'get', '--entity', 'driver=d1', '--at', '2024-01-01'),
    ])
    expect(away).toMatchObject({ code: 3, document: { error: { code: 'STORE_UNAVAILABLE' } } })
    expect(both).toMatchObject({ code: 2, document: { error: { problems: [{ where: '--at' }] } } })
    expect(missing).toMatchObject({ code: 2, document: { error: { problems: [{ message: '--definitions and --events are missing.' }] } } })

    // Twice at once: one of them makes each generation.
    const runs = await Promise.all([folder.json('batch', 'run', '--definitions', 'features.ts'), folder.json('batch', 'run', '--definitions', 'features.ts')])
    expect(runs.map(({ code }) => code)).toEqual([0, 0])
    folder.write('rows.csv', `driver,asked_at\nd0,${startedMs - 1}\nd1,${Date.now()}\n`)
    const train = ['training-set', '--definitions', 'features.ts', '--rows', 'rows.csv', '--time', 'asked_at', '--features', 'drivers:trips_lifetime'] as const
    const shown = await folder.json('pointer', 'show')
    const [view] = (shown.document as { pointers: { view: string; n: number; generations: { n: number; state: string }[] }[] }).pointers
    expect(view).toMatchObject({ view: 'drivers@1', generations: expect.arrayContaining([expect.objectContaining({ n: view!.n, state: 'read' })]) })
    const older = view!.generations.find(({ state }) => state === 'kept')!.n
    const [letter, noLetter, trained, neither, tooFar] = await Promise.all([
      folder.json('dead-letters', 'show', String(doomed!.partition), String(doomed!.offset)), folder.json('dead-letters', 'show', '0', '999'),
      folder.json(...train, '--data', '.tidemark', '--out', 'trained.csv'), folder.json(...train, '--out', 'other.csv'),
      folder.json('pointer', 'rollback', '--view', 'drivers', '--to', '999'),
    ])
    expect(letter).toMatchObject({ code: 0, document: { value: { text: '{ "at": "soon", "driver": "d0" }' }, code: 'EVENT_MALFORMED' } })
    expect(noLetter).toMatchObject({ code: 3, document: { error: { code: 'UNKNOWN_NAME' } } })
    expect(trained).toMatchObject({ code: 0, document: { rowCount: 2, sealedUntilMs: { trips: expect.any(Number) } } })
    expect(readFileSync(join(folder.path, 'trained.csv'), 'utf8').split('\n').slice(1, 3).map((line) => line.split(',').at(-1)!.replaceAll('"', ''))).toEqual(['', '20'])
    expect(neither).toMatchObject({ code: 2 })
    expect(tooFar).toMatchObject({ code: 3, document: { error: { code: 'ROLLBACK_REFUSED' } } })

    const [moved, replayed] = await Promise.all([folder.json('pointer', 'rollback', '--view', 'drivers@1', '--to', String(older)), folder.json('dead-letters', 'replay')])
    expect(moved).toMatchObject({ code: 0, document: { view: 'drivers@1', from: view!.n, n: older } })
    expect(replayed).toMatchObject({ code: 0, document: { source: 'trips', replayedCount: 1 } })
    const text2 = await runShell(`${process.execPath} ${join(import.meta.dirname, '..', 'bin', 'tidemark.js')} pointer show && ${process.execPath} ${join(import.meta.dirname, '..', 'bin', 'tidemark.js')} dead-letters replay`, folder.path)
    expect(text2.stdout).toMatch(/drivers@1: generation \d+ is read[\s\S]*rolled back past[\s\S]*There is no dead letter of source trips that was not put back already/)
  })
})
