import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, jest } from '@jest/globals'
import { makeFolder } from './testing/run-cli.ts'
import { ndjson, SENSOR_DEFINITIONS } from './testing/sensor-project.ts'

// Each test starts processes, on a machine that may be busy.
jest.setTimeout(60_000)

const AT = ['--at', '2024-03-02']

interface Document {
  readonly features: readonly { readonly feature: string; readonly value: unknown; readonly status: string }[]
  readonly views: readonly { readonly report: { readonly nullKeyCount: number; readonly rejectedSamples: readonly { readonly row: number; readonly reason: string }[] } }[]
}

describe('tidemark features get', () => {
  it('reads what is sound, tells each record that is not with its reason, and gives integers beyond 2^53 as text', async () => {
    using folder = makeFolder()
    folder.write('features.ts', SENSOR_DEFINITIONS)
    const read_at = '2024-03-01T12:00:00Z'
    folder.write('readings.ndjson', ndjson([
      { read_at, sensor: 7, site: 'A', ticks: '9007199254740993', level: 40 },
      '{ "read_at": "2024-03-01T12:00:00Z", "sensor": 7, ',
      { read_at, sensor: 7, level: 1 },
      { read_at, sensor: 7, site: 'A', level: 'high' },
      { read_at, sensor: 7, site: 'A', level: 101 },
      { read_at: '0999-01-01', sensor: 7, site: 'A' },
      { read_at: '9999-01-01T00:00:00Z', sensor: 7, site: 'A' },
      `{ "read_at": "${read_at}", "sensor": 7, "site": "A", "ticks": 9007199254740993 }`,
      { read_at, sensor: 7, site: 'x'.repeat(10 * 1024 * 1024) },
      { read_at, sensor: null, site: 'A', level: 99 },
      { read_at: '2024-03-01T12:30:00Z', sensor: 7, site: 'A', ticks: 2, level: 50 },
    ]))
    const get = ['features', 'get', '--definitions', 'features.ts', '--events', 'readings.ndjson', ...AT]
    const [asJson, asText, byObject, ofSensor] = await Promise.all([
      folder.json(...get, '--entity', 'sensor=7', '--entity', 'site=A'),
      folder.run(...get, '--entity', 'site=A', '--view', 'site_levels'),
      folder.json(...get, '--entity', '{"sensor": 7, "site": "A"}', '--features', 'sensor_levels:ticks_lifetime,site_levels:level_24h'),
      folder.run(...get, '--entity', 'site=A', '--entity', 'sensor=7', '--view', 'sensor_levels'),
    ])
    expect(asJson).toMatchObject({ code: 0, stderr: '' })
    const { features, views } = asJson.document as Document
    expect(features.map(({ feature, value, status }) => [feature, value, status])).toEqual([
      ['readings_1h', 0, 'PRESENT'], ['readings_lifetime', 2, 'PRESENT'], ['ticks_lifetime', '9007199254740995', 'PRESENT'],
      ['last_levels_24h', [50, 40], 'PRESENT'], ['level_24h', 99, 'PRESENT'],
    ])
    expect(views.map(({ report: { nullKeyCount } }) => nullKeyCount)).toEqual([1, 0])
    const samples = views[0]!.report.rejectedSamples
    expect(samples.map(({ row }) => row)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    const reasons = ['JSON', 'site', 'level', 'level', 'read_at', 'read_at', 'ticks', '1048576']
    reasons.forEach((reason, i) => expect(samples[i]!.reason).toContain(reason))

    expect(asText.code).toBe(0)
    expect(asText.stdout).toMatch(/^site A at 2024-03-02T00:00:00\.000Z/)
    expect(asText.stdout).toMatch(/level_24h +99 +PRESENT +2024-03-01T00:00:00\.000Z/)
    expect(asText.stdout).toMatch(/newest_24h +2024-03-01T12:30:00\.000Z/)
    expect(asText.stderr).toMatch(/^rejected 8 of 11 records of source readings/)
    expect(asText.stderr).toContain('readings.ndjson, record 2: ')
    expect(asText.stderr).toContain('… and 3 more')
    expect(asText.stderr).not.toContain('skipped')
    expect(ofSensor.stderr).toMatch(/skipped 1 of 3 events for view sensor_levels: a join key is NULL/)
    expect(byObject).toMatchObject({ code: 0, document: { features: [{ value: '9007199254740995' }, { value: 99 }] } })
  })

  it('reads malformed CSV, quotes and all, without losing the records around it', async () => {
    using folder = makeFolder()
    folder.write('features.ts', SENSOR_DEFINITIONS)
    folder.write('readings-1.csv', 'read_at,sensor,site,ticks,level,is_live\n2024-03-01 10:00:00,7,A,1,10,true\n2024-03-01 11:00:00,7,A,1\n2024-03-01 12:00:00,seven,A,1,12,true\n')
    folder.write('readings-2.csv', 'read_at,sensor,site,ticks,level,is_live\n2024-03-01 13:00:00,7,A,1,13,false\n')
    const { code, document } = await folder.json('features', 'get', '--definitions', 'features.ts', '--events', 'readings-*.csv', ...AT, '--entity', 'site=A', '--entity', 'sensor=7', '--view', 'sensor_levels')
    expect(code).toBe(0)
    const { features, views } = document as Document
    expect(features.map(({ value }) => value)).toEqual([0, 2, 2, [13, 10]])
    expect(views[0]!.report).toMatchObject({ readCount: 4, acceptedCount: 2, rejectedSamples: [{ file: 'readings-1.csv', row: 1 }, { file: 'readings-1.csv', row: 2 }] })
  })

  it('tells of the event times that hold back the events after them', async () => {
    using folder = makeFolder()
    folder.write('features.ts', SENSOR_DEFINITIONS.replace(/timestamp\(\)\.between\([^)]*\)/, 'timestamp()'))
    folder.write('readings.csv', 'read_at,sensor,site,ticks,level,is_live\n2024-03-01 10:00:00,7,A,1,10,true\n2250-01-01,7,A,1,11,true\n2024-03-01 12:00:00,7,A,1,12,true\n')
    const get = ['features', 'get', '--definitions', 'features.ts', '--events', 'readings.csv', ...AT, '--entity', 'site=A', '--view', 'site_levels']
    const [asText, asJson] = await Promise.all([folder.run(...get), folder.json(...get)])
    expect(asText.stdout).toMatch(/level_24h +10 +PRESENT/)
    expect(asText.stderr).toMatch(/^held back 1 of 3 events of source readings: .*2250-01-01T00:00:00\.000Z \(readings\.csv, record 2\)/)
    expect(asJson).toMatchObject({ stderr: '', document: { views: [{ report: { heldBack: { count: 1, by: { row: 1 } } } }] } })
  })

  it('answers bad requests with what, where and what to do', async () => {
    using folder = makeFolder()
    folder.write('features.ts', SENSOR_DEFINITIONS)
    folder.write('faulty.ts', SENSOR_DEFINITIONS.replace("max('level')", "max('levle')"))
    folder.write('readings.csv', 'read_at,sensor,site\n2024-03-01,7,A\n')
    folder.write('corrupt.parquet', 'PAR1 this is no Parquet file PAR1')
    folder.write('readings.txt', 'nothing')
    const entity = ['--entity', 'sensor=7', '--entity', 'site=A']
    const withEvents = (...rest: string[]): string[] => ['features', 'get', '--definitions', 'features.ts', '--events', 'readings.csv', ...rest]
    const cases: readonly (readonly [string[], number, string, string, string])[] = [
      [withEvents(...AT, '--entity', 'sensor=seven', '--entity', 'sitte=A', '--view', 'sensor_levels'), 3, 'ENTITY_INVALID', 'There is no join key sitte.', 'Did you mean site?'],
      [withEvents(...AT, ...entity, '--view', 'sensor_level'), 3, 'UNKNOWN_NAME', 'There is no view sensor_level.', 'Did you mean sensor_levels?'],
      [withEvents(...AT, ...entity, '--features', 'site_levels:levle_24h'), 3, 'UNKNOWN_NAME', 'There is no feature levle_24h.', 'Did you mean level_24h?'],
      [withEvents(...AT, ...entity, '--service', 'level_modell'), 3, 'UNKNOWN_NAME', 'There is no service level_modell.', 'Did you mean level_model?'],
      [withEvents('--at', 'noon', ...entity), 2, 'USAGE', '"noon" is no time.', 'UTC where there is no zone'],
      [withEvents(...AT, '--entity', '{sensor: 7}'), 2, 'USAGE', 'It is not JSON', 'JSON in quotes'],
      [['features', 'get', '--definitions', 'features.ts', '--events', 'corrupt.parquet', ...AT, ...entity], 3, 'INPUT_UNREADABLE', 'It cannot be read as Parquet', 'the file is whole'],
      [['features', 'get', '--definitions', 'features.ts', '--events', 'readings.txt', ...AT, ...entity], 2, 'USAGE', 'does not tell a format', '--format csv|parquet|ndjson'],
      [['features', 'get', '--definitions', 'features.ts', '--events', 'reading=readings.csv', ...AT, ...entity], 2, 'USAGE', 'There is no source reading to read', 'Did you mean readings?'],
      [['features', 'get', '--url', 'ftp://127.0.0.1', ...entity], 2, 'USAGE', '"ftp://127.0.0.1" is no address of HTTP.', 'http://'],
      [['features', 'get', '--definitions', 'faulty.ts', '--events', 'readings.csv', ...AT, ...entity], 3, 'EXPRESSION_INVALID', 'levle', 'level'],
    ]
    folder.write('day=1.csv', 'read_at,sensor,site\n2024-03-01,7,A\n')
    expect(await folder.json('features', 'get', '--definitions', 'features.ts', '--events', 'day=*.csv', ...AT, ...entity)).toMatchObject({ code: 0 })
    for (let from = 0; from < cases.length; from += 3) {
      await Promise.all(cases.slice(from, from + 3).map(async ([args, code, errorCode, message, action]) => {
        const ended = await folder.json(...args)
        expect({ args, ...ended }).toMatchObject({
          args, code, stderr: '',
          document: { error: { code: errorCode, problems: expect.arrayContaining([expect.objectContaining({ message: expect.stringContaining(message), action: expect.stringContaining(action), where: expect.stringMatching(/./) })]) } },
        })
        expect(JSON.stringify(ended.document)).not.toContain('    at ')
      }))
    }
  })

  it('sends a server the key that it was given, and shows it nowhere', async () => {
    const key = `tmk_${'a'.repeat(12)}_${'b'.repeat(43)}`
    const sent: unknown[] = []
    const problem = { code: 'FORBIDDEN', message: 'It needs the scope features:read.', where: '/v1/catalog', action: 'Ask for one.' }
    await using server = createServer(({ headers }, response) => {
      sent.push(headers.authorization)
      response.writeHead(403, { 'content-type': 'application/problem+json', connection: 'close' }).end(JSON.stringify({ code: 'FORBIDDEN', problems: [problem] }))
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    using folder = makeFolder()
    const ask = (given: string) => folder.start(['features', 'get', '--url', `http://127.0.0.1:${(server.address() as AddressInfo).port}`, '--entity', 'card=a', '--json'], { TIDEMARK_API_KEY: given }).ended
    const [refused, without, unsendable] = [await ask(key), await ask(''), await ask(`${key}\n`)]
    expect(sent).toEqual([`Bearer ${key}`, undefined])
    expect([refused!.code, JSON.parse(refused!.stdout)]).toMatchObject([3, { error: { code: 'FORBIDDEN', problems: [problem] } }])
    expect([without!.code, unsendable!.code, JSON.parse(unsendable!.stdout)]).toMatchObject([3, 2, { error: { code: 'USAGE', problems: [{ where: 'TIDEMARK_API_KEY' }] } }])
    for (const { stdout, stderr } of [refused!, without!, unsendable!]) expect(stdout + stderr).not.toContain(key)
  })
})
