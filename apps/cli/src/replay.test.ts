// Training data is what serving would have said: a replay through the whole system and a training set over the files agree, value for value.
import { describe, expect, it, jest } from '@jest/globals'
import { mkdirSync, readdirSync, watch } from 'node:fs'
import { join } from 'node:path'
import { seededRandom } from '@tidemark/aggregation/testing/random'
import { INGEST_LIMITS } from '@tidemark/pipelines/ingest/ingest-limits'
import { makeFolder } from './testing/run-cli.ts'

// Each test starts processes, on a machine that may be busy.
jest.setTimeout(120_000)

const DEFINITIONS = (options: string): string => `
import { approxUniqueCount, count, last, max, mean, quantile, ratio, sum, timeSinceLast, topK, uniqueCount } from '@tidemark/feature-schema/aggregations'
import { all, boolean, eventSource, featureService, featureView, int32, string, timestamp } from '@tidemark/feature-schema/dsl'
const trips = eventSource('trips', {
  fields: { at: timestamp(), driver: string().nullable(), zone: string(), fare: int32().between(0, 500), tipped: boolean().nullable() },
  eventTime: 'at', epochLength: '6h', ${options}
})
const drivers = featureView('drivers', { source: trips, entity: { driver: 'driver' }, maxAge: '2d', features: {
  trips: count().over('1h', '24h', 'lifetime'), fares: sum('fare').over('24h', '7d'), last_zone: last('zone').over('7d'), best: topK('fare', 3).over('24h'),
  zones: uniqueCount('zone').over('7d'), tips: count().where('tipped').over('24h'), since: timeSinceLast().over('7d'),
} })
const zones = featureView('zones', { source: trips, entity: { zone: 'zone' }, where: 'fare > 10', derive: { hour: int32('hour(at)') }, features: {
  fare_mean: mean('fare').over('3h', '7d'), fare_p90: quantile('fare', 0.9).over('24h'), drivers: approxUniqueCount('driver').over('24h'),
  by_hour: count().groupBy('hour').over('24h'), largest: max('fare').over({ window: '2h', resolution: 'exact' }), share: ratio('fare', '1').over('24h'),
} })
export const model = featureService('model', { features: [all(drivers), all(zones)] })
`

/** As many records a replay lets wait. */
const HELD_COUNT_MAX = 2 * INGEST_LIMITS.pollCountMax

const START_MS = Date.UTC(2024, 2, 1)
const MINUTE_MS = 60_000
const DAYS = 5

/** Trips of some days, in the order of the log: late ones, senseless ones and ones of nobody among them. */
function tripsCsv(seed: number, tripCount = 1_500, driverCount = 5): string {
  const { below, chance } = seededRandom(seed)
  const lines = ['at,driver,zone,fare,tipped,logged_at']
  let loggedMs = START_MS
  for (let i = 0; i < tripCount; i++) {
    loggedMs += below((2 * DAYS * 24 * 60 * MINUTE_MS) / tripCount)
    const stampedMs = chance(0.1) ? loggedMs - below(20 * MINUTE_MS) : loggedMs
    const atMs = chance(0.1) ? stampedMs - below(36 * 60 * MINUTE_MS) : stampedMs - below(MINUTE_MS)
    const fare = chance(0.03) ? 9_999 : below(60)
    lines.push(`${new Date(atMs).toISOString()},${chance(0.04) ? '' : `d${below(driverCount)}`},z${below(4)},${fare},${['true', 'false', ''][below(3)]},${new Date(stampedMs).toISOString()}`)
    if (chance(0.005)) lines.push('no,trip')
  }
  return `${lines.join('\n')}\n`
}

function rowsCsv(seed: number, driverCount = 5): string {
  const { below } = seededRandom(seed + 1)
  const rows = Array.from({ length: 300 }, (_, i) => {
    const timeMs = i % 7 === 0 ? START_MS + below(DAYS * 24 * 12) * 5 * MINUTE_MS : START_MS + below(DAYS * 24 * 60 * MINUTE_MS)
    return `${i},${i === 50 ? 'soon' : new Date(timeMs).toISOString()},${i === 60 ? '' : `d${below(driverCount + 1)}`},z${below(5)}`
  })
  return `id,asked_at,driver,zone\n${rows.join('\n')}\n`
}

describe('tidemark replay', () => {
  it.each<[string, string, string[]]>([
    ['append times of a column, which step back', "appendTime: 'logged_at'", []],
    ['a declared delay', "appendTime: 'logged_at', delay: '10m'", ['--batch-every', '12h']],
    ['no append times', '', ['--batch-every', '6h']],
  ])('says what a training set says, with %s', async (_, options, args) => {
    using folder = makeFolder()
    const seed = Number(process.env['TIDEMARK_SEED'] ?? 7)
    folder.write('features.ts', DEFINITIONS(options))
    const [head, ...lines] = tripsCsv(seed).trimEnd().split('\n')
    for (const [name, some] of [['trips-1.csv', lines.slice(0, 300)], ['trips-2.csv', lines.slice(300)]] as const) folder.write(name, `${[head, ...some].join('\n')}\n`)
    folder.write('rows.csv', rowsCsv(seed))
    const common = ['--definitions', 'features.ts', '--events', 'trips-*.csv', '--rows', 'rows.csv', '--time', 'asked_at', '--statuses']
    const [trained, replayed] = await Promise.all([folder.json('training-set', ...common, '--out', 'trained.csv'), folder.json('replay', ...common, '--out', 'replayed.csv', ...args)])
    expect(trained).toMatchObject({ code: 0, document: { rowCount: 300 } })
    expect(replayed).toMatchObject({ code: 0, document: { rowCount: 300, unreadableTimeCount: 1, rejected: [{ source: 'trips' }] } })
    const { recordCount, rejected: [{ rejectedCount, rejectedSamples }] } = replayed.document as { recordCount: number; rejected: [{ rejectedCount: number; rejectedSamples: { file: string; row: number; reason: string }[] }] }
    const { views: [{ report: { rejectedSamples: samples } }] } = trained.document as { views: [{ report: { rejectedSamples: typeof rejectedSamples } }] }
    const placesOf = (some: typeof samples): string[] => some.map(({ file, row }) => `${file}, record ${row + 1}`)
    expect({ seed, places: placesOf(rejectedSamples) }).toEqual({ seed, places: placesOf(samples).slice(0, rejectedCount) })
    const isSenseless = (line: string): boolean => line.includes(',9999,') || line === 'no,trip'
    // A file's lines that are no records come last, and nothing is appended after the last question.
    const records = lines.filter((line) => line !== 'no,trip')
    expect(rejectedCount).toBeGreaterThanOrEqual(records.slice(0, recordCount - (lines.length - records.length)).filter(isSenseless).length)
    expect(rejectedCount).toBeLessThanOrEqual(lines.filter(isSenseless).length)
    expect((replayed.document as { generationCount: number }).generationCount).toBeGreaterThan(4)
    const compared = await folder.json('compare', 'trained.csv', 'replayed.csv', '--tolerance', '1e-9')
    expect({ seed, ...(compared.document as object) }).toMatchObject({ seed, differCount: 0, ok: true })
    expect((replayed.document as { statusCounts: unknown }).statusCounts).toEqual((trained.document as { statusCounts: unknown }).statusCounts)
  })

  it('says what a training set says of many entities, with more records between questions about one than wait for them', async () => {
    using folder = makeFolder()
    const seed = Number(process.env['TIDEMARK_SEED'] ?? 11)
    folder.write('features.ts', DEFINITIONS("appendTime: 'logged_at'"))
    folder.write('trips.csv', tripsCsv(seed, HELD_COUNT_MAX + 10_000, 500))
    folder.write('rows.csv', rowsCsv(seed, 500))
    const common = ['--definitions', 'features.ts', '--events', 'trips.csv', '--rows', 'rows.csv', '--time', 'asked_at', '--statuses']
    const trained = await folder.json('training-set', ...common, '--out', 'trained.csv')
    const replayed = await folder.json('replay', ...common, '--out', 'replayed.csv', '--batch-every', '2d')
    expect([trained.code, replayed.code]).toEqual([0, 0])
    expect((replayed.document as { recordCount: number }).recordCount).toBeGreaterThan(HELD_COUNT_MAX)
    const compared = await folder.json('compare', 'trained.csv', 'replayed.csv', '--tolerance', '1e-9')
    expect({ seed, ...(compared.document as object) }).toMatchObject({ seed, differCount: 0, ok: true })
  })

  it('leaves nothing when it is interrupted while it archives, and says so', async () => {
    using folder = makeFolder()
    folder.write('features.ts', DEFINITIONS(''))
    folder.write('trips.csv', tripsCsv(1, 20_000))
    folder.write('rows.csv', rowsCsv(1))
    const temporary = join(folder.path, 'temporary')
    mkdirSync(temporary)
    const archived = Promise.withResolvers<unknown>()
    const watcher = watch(temporary, { recursive: true }, (_, name) => {
      if (name?.includes(join('objects', 'archive')) === true) archived.resolve(name)
    })
    try {
      const args = ['replay', '--definitions', 'features.ts', '--events', 'trips.csv', '--rows', 'rows.csv', '--time', 'asked_at', '--out', 'out.csv', '--batch-every', '6h']
      const { child, ended } = folder.start(args, { TMPDIR: temporary })
      await Promise.race([archived.promise, ended])
      child.kill('SIGINT')
      const { code, stdout, stderr } = await ended
      expect({ code, stdout }).toEqual({ code: 130, stdout: '' })
      expect(stderr.endsWith('interrupted, nothing was written\n')).toBe(true)
    } finally {
      watcher.close()
    }
    expect(readdirSync(temporary)).toEqual([])
    expect(readdirSync(folder.path).sort()).toEqual(['features.ts', 'rows.csv', 'temporary', 'trips.csv'])
  })

  it('refuses what it cannot do, and leaves nothing behind', async () => {
    using folder = makeFolder()
    folder.write('features.ts', DEFINITIONS(''))
    folder.write('trips.csv', tripsCsv(1))
    folder.write('rows.csv', rowsCsv(1))
    const common = ['replay', '--definitions', 'features.ts', '--rows', 'rows.csv', '--out', 'out.csv']
    const [never, absent, unknown] = await Promise.all([
      folder.json(...common, '--events', 'trips.csv', '--time', 'asked_at', '--batch-every', 'never'),
      folder.json(...common, '--events', 'none.csv', '--time', 'asked_at'),
      folder.json(...common, '--events', 'trips.csv', '--time', 'asked'),
    ])
    expect(never).toMatchObject({ code: 2, document: { error: { problems: [{ where: '--batch-every' }] } } })
    expect(absent).toMatchObject({ code: 3, document: { error: { code: 'INPUT_UNREADABLE' } } })
    expect(unknown).toMatchObject({ code: 3, document: { error: { code: 'UNKNOWN_NAME' } } })
    expect(readdirSync(folder.path).filter((name) => name.includes('out'))).toEqual([])
  })
})
