import { describe, expect, it, jest } from '@jest/globals'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, watch } from 'node:fs'
import { join } from 'node:path'
import { makeFolder, runShell, stub } from './testing/run-cli.ts'
import { ndjson, SENSOR_DEFINITIONS } from './testing/sensor-project.ts'

// Each test starts processes, on a machine that may be busy.
jest.setTimeout(60_000)

const ORDERS = `
import { count } from '@tidemark/feature-schema/aggregations'
import { eventSource, featureView, string, timestamp } from '@tidemark/feature-schema/dsl'
const visits = eventSource('visits', { fields: { seen_at: timestamp(), site: string() }, eventTime: 'seen_at' })
export const siteVisits = featureView('site_visits', { source: visits, entity: { site: 'site' }, features: { visits: count().over('1h').default(0) } })
`

describe('tidemark training-set', () => {
  it('keeps every row in its place, from events of several sources, and refuses to overwrite', async () => {
    using folder = makeFolder()
    folder.write('features.ts', `${SENSOR_DEFINITIONS}${ORDERS.replace(/import .*/g, '').trimStart()}`)
    folder.write('readings.ndjson', ndjson([{ read_at: '2024-03-01T12:00:00Z', sensor: 7, site: 'A', ticks: '9007199254740993', level: 40 }, { site: 'B' }]))
    folder.write('visits.csv', 'seen_at,site\n2024-03-01 12:10:00,A\n')
    folder.write('rows.csv', 'place,when,label\nA,2024-03-01T12:30:00Z,yes\nZ,2024-03-01T12:30:00Z,no\nA,soon,"a, b"\n,2024-03-01T12:30:00Z,\n')
    const args = ['training-set', '--definitions', 'features.ts', '--events', 'readings=readings.ndjson', 'visits=visits.csv', '--rows', 'rows.csv', '--time', 'when', '--key', 'site=place', '--out', 'out.csv']
    const features = ['--features', 'site_levels:level_24h,site_visits:visits_1h']
    const written = await folder.json(...args, ...features, '--statuses', '--defaults')
    expect(written).toMatchObject({
      code: 0, stderr: '',
      document: {
        rowCount: 4, unreadableTimeCount: 1, views: [{ view: 'site_levels', noKeyCount: 1, report: { rejectedCount: 1 } }, { view: 'site_visits', noKeyCount: 1 }],
        statusCounts: { site_levels__level_24h: { PRESENT: 1, NOT_FOUND: 1 }, site_visits__visits_1h: { PRESENT: 1, NOT_FOUND: 1 } },
      },
    })
    const expected = [
      'place,when,label,site_levels__level_24h,site_levels__level_24h__status,site_visits__visits_1h,site_visits__visits_1h__status',
      'A,2024-03-01T12:30:00Z,yes,40,PRESENT,1,PRESENT', 'Z,2024-03-01T12:30:00Z,no,,NOT_FOUND,0,NOT_FOUND', 'A,soon,"a, b",,,,', ',2024-03-01T12:30:00Z,,,,,', '',
    ].join('\n')
    expect(readFileSync(join(folder.path, 'out.csv'), 'utf8')).toBe(expected)

    const [again, overwritten, unsaid, unknown] = await Promise.all([
      folder.json(...args, ...features),
      folder.run(...args.with(-1, 'second.parquet'), ...features, '--overwrite', '--known-at', 'event'),
      folder.json('training-set', '--definitions', 'features.ts', '--events', 'visits.csv', '--rows', 'rows.csv', '--time', 'when', '--out', 'x.csv', ...features),
      folder.json(...args.with(-1, 'x.csv').map((arg) => (arg === 'when' ? 'wen' : arg)), ...features),
    ])
    expect(again).toMatchObject({ code: 4, document: { error: { code: 'OUTPUT_FAILED', problems: [{ where: 'out.csv', message: 'There is a file of this name.' }] } } })
    expect(overwritten).toMatchObject({ code: 0, stdout: expect.stringMatching(/^written second\.parquet: 4 rows, 2 added columns/), stderr: expect.stringContaining('rejected 1 of 2 records of source readings') })
    expect(unsaid).toMatchObject({ code: 2, document: { error: { problems: [{ action: expect.stringContaining('readings=FILE') }] } } })
    expect(unknown).toMatchObject({ code: 3, document: { error: { code: 'UNKNOWN_NAME', problems: [{ where: 'rows.csv', action: expect.stringContaining('Did you mean when?') }] } } })
    expect(readFileSync(join(folder.path, 'out.csv'), 'utf8')).toBe(expected)
    expect(readdirSync(folder.path).filter((name) => name.startsWith('.') || name.startsWith('x'))).toEqual([])
  })

  it('leaves nothing where the output cannot be written: no folder, no file, a full disk', async () => {
    using folder = makeFolder()
    folder.write('features.ts', ORDERS)
    folder.write('visits.csv', 'seen_at,site\n2024-03-01 12:10:00,A\n')
    folder.write('rows.csv', `site,when,note\n${Array.from({ length: 4_000 }, (_, i) => `A,2024-03-01T12:30:00Z,${'n'.repeat(60)}${i}\n`).join('')}`)
    const write = (out: string): ReturnType<typeof folder.json> => folder.json('training-set', '--definitions', 'features.ts', '--events', 'visits.csv', '--rows', 'rows.csv', '--time', 'when', '--out', out, '--overwrite')
    mkdirSync(join(folder.path, 'small.csv'))
    const [noFolder, notAFile, device] = await Promise.all([write('absent/out.csv'), write('small.csv'), folder.json('plan', 'features.ts', '--out', '/dev/full', '--overwrite')])
    for (const ended of [noFolder, notAFile, device]) expect(ended).toMatchObject({ code: 4, stderr: '', document: { error: { code: 'OUTPUT_FAILED' } } })

    const toFull = await runShell(`'${process.execPath}' '${stub}' plan features.ts > /dev/full`, folder.path)
    expect(toFull).toEqual({ code: 4, stdout: '', stderr: expect.stringContaining('The answer cannot be written') })
    const toNobody = await runShell(`('${process.execPath}' '${stub}' plan features.ts; echo "ended with $?" >&2) | true`, folder.path)
    expect(toNobody.stderr).toBe('ended with 0\n')

    using disk = smallDisk(join(folder.path, 'small.csv'))
    if (disk === null) return
    const full = await write('small.csv/out.csv')
    expect(full).toMatchObject({ code: 4, stderr: '', document: { error: { code: 'OUTPUT_FAILED', problems: [{ where: 'small.csv/out.csv' }] } } })
    expect(readdirSync(join(folder.path, 'small.csv'))).toEqual([])
  })

  it('leaves nothing when it is interrupted, and says so', async () => {
    using folder = makeFolder()
    folder.write('features.ts', ORDERS)
    const line = (i: number): string => `2024-03-01 ${String(i % 24).padStart(2, '0')}:10:00,s${i % 97}\n`
    folder.write('visits.csv', `seen_at,site\n${Array.from({ length: 300_000 }, (_, i) => line(i)).join('')}`)
    folder.write('rows.csv', `when,site\n${Array.from({ length: 50_000 }, (_, i) => line(i)).join('')}`)
    const temporary = join(folder.path, 'temporary')
    mkdirSync(temporary)
    const started = Promise.withResolvers<string>()
    using _watcher = closing(watch(temporary, (event) => started.resolve(event)))
    const { child, ended } = folder.start(['training-set', '--definitions', 'features.ts', '--events', 'visits.csv', '--rows', 'rows.csv', '--time', 'when', '--out', 'out.csv'], { TMPDIR: temporary })
    // The engine makes its folder for intermediate results first of all: then there is something to leave behind.
    await started.promise
    child.kill('SIGINT')
    expect(await ended).toEqual({ code: 130, stdout: '', stderr: 'interrupted, nothing was written\n' })
    expect(readdirSync(temporary)).toEqual([])
    expect(existsSync(join(folder.path, 'out.csv'))).toBe(false)
    expect(readdirSync(folder.path).sort()).toEqual(['features.ts', 'rows.csv', 'temporary', 'visits.csv'])
  })
})

/** A file system of 64 KiB, or null where this user or system mounts none. */
function smallDisk(path: string): Disposable | null {
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', path]).status !== 0) return null
  return { [Symbol.dispose]: () => void spawnSync('umount', [path]) }
}

function closing(watcher: { close(): void }): Disposable {
  return { [Symbol.dispose]: () => watcher.close() }
}
