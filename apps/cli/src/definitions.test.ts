import { describe, expect, it, jest } from '@jest/globals'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { until } from './testing/dev-process.ts'
import { makeFolder } from './testing/run-cli.ts'
import { SENSOR_DEFINITIONS } from './testing/sensor-project.ts'

const problem = (fields: object): unknown => expect.objectContaining(fields)

// Each test starts processes, on a machine that may be busy.
jest.setTimeout(60_000)

describe('tidemark check', () => {
  it('says everything that is wrong in every file at once, each with its place, and exits with 1', async () => {
    using folder = makeFolder()
    folder.write('good.ts', SENSOR_DEFINITIONS)
    folder.write('faulty.ts', `${SENSOR_DEFINITIONS.replace("'1h', 'lifetime'", "'1h', { window: '24h', resolution: '90s' }").replace("sum('ticks')", "sum('site')")}
      export const twin = featureView('site_levels', { source: readings, entity: { site: 'sitte' }, features: { n: count().over('1h') } })`)
    folder.write('syntax.ts', `import { count } from '@tidemark/feature-schema/aggregations'\nexport const x: number = ;\n`)
    folder.write('enum.ts', 'export enum Colour { red }\n')
    folder.write('misspelt.ts', `import { cuont } from '@tidemark/feature-schema/aggregations'\nexport const n = cuont()\n`)
    folder.write('astray.ts', `import { eventSource } from '@tidemark/feature-schema/dsll'\nexport const n = eventSource\n`)
    folder.write('throws.ts', `const source = null\n\nexport const n = source.definition\n`)
    folder.write('nothing.ts', 'export const answer = 42\n')
    folder.write('newer.json', '{ "formatVersion": 99, "sources": [], "views": [], "services": [] }')
    folder.write('broken.json', '{ "formatVersion": 1, ')
    const files = ['good.ts', 'faulty.ts', 'syntax.ts', 'enum.ts', 'misspelt.ts', 'astray.ts', 'throws.ts', 'nothing.ts', 'newer.json', 'broken.json']
    const { code, document, stderr } = await folder.json('check', ...files)
    expect(stderr).toBe('')
    expect(code).toBe(1)
    const found = (document as { files: { file: string; ok: boolean; counts: object | null; problems: { where: string }[] }[] }).files
    expect(found.map(({ file }) => file)).toEqual(files)
    const [good, faulty, ...others] = found
    expect(good).toEqual({ file: 'good.ts', ok: true, counts: { sources: 1, views: 2, features: 6, services: 1 }, problems: [] })
    expect(faulty!.problems.map(({ where }) => where)).toEqual(expect.arrayContaining([
      expect.stringMatching(/^faulty\.ts, view sensor_levels, aggregation ticks/),
      expect.stringMatching(/^faulty\.ts, view site_levels, entity/),
      expect.stringMatching(/^faulty\.ts, view site_levels/),
    ]))
    expect(JSON.stringify(faulty)).toContain('Did you mean site?')
    expect(JSON.stringify(faulty)).toContain('The name site_levels is taken')
    expect(JSON.stringify(faulty)).toContain('(resolution 90s) clash')
    expect(others.map(({ problems }) => problems)).toEqual([
      [problem({ where: 'syntax.ts:2:26', message: 'It does not parse: Expression expected.' })],
      [problem({ where: 'enum.ts:1:8', action: expect.stringContaining('no enums') })],
      [problem({ where: 'misspelt.ts:1:10', message: '@tidemark/feature-schema/aggregations has no export cuont.' })],
      [problem({ where: 'astray.ts', message: 'There is no module @tidemark/feature-schema/dsll.' })],
      [problem({ where: 'throws.ts:3:25', message: expect.stringContaining('It fails when it runs') })],
      [problem({ where: 'nothing.ts, definitions', message: 'There is nothing in them.' })],
      [problem({ code: 'DEFINITION_TOO_NEW', where: 'newer.json, formatVersion' })],
      [problem({ code: 'DEFINITION_INVALID', where: 'broken.json, document' })],
    ])
  })

  it.each([
    ['ends the process', 'process.exit(0)\n'],
    ['ends it later', 'await new Promise((resolve) => setTimeout(resolve, 10))\nprocess.exit(0)\n'],
    ['waits for what never comes', 'await new Promise(() => undefined)\n'],
  ])('does not take a file that %s for sound', async (_, text) => {
    using folder = makeFolder()
    folder.write('early.ts', text)
    folder.write('good.ts', SENSOR_DEFINITIONS)
    const { code, document, stderr } = await folder.json('check', 'early.ts', 'good.ts')
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
    expect(document).toMatchObject({ files: [{ problems: [{ code: 'DEFINITION_INVALID', where: 'early.ts', action: expect.stringContaining('process.exit') }] }, { ok: true }] })
    expect(await folder.json('plan', 'early.ts')).toMatchObject({ code: 3, document: { error: { problems: [{ where: 'early.ts' }] } } })
  })

  it('answers on stdout alone where a file prints something itself, and fails later', async () => {
    using folder = makeFolder()
    const later = 'setInterval(() => undefined, 1)\nsetTimeout(() => { throw new Error("later") }, 600_000)\n'
    folder.write('loud.ts', `console.log('one')\nprocess.stdout.write('two\\n')\n${SENSOR_DEFINITIONS}${later}`)
    const { code, document, stderr } = await folder.json('check', 'loud.ts')
    expect({ code, stderr }).toEqual({ code: 0, stderr: 'one\ntwo\n' })
    expect(document).toMatchObject({ ok: true })
  })

  it.each([['check'], ['plan'], ['dev', '--definitions']])('is interrupted while a file never ends: %s', async (...command) => {
    using folder = makeFolder()
    folder.write('loop.ts', "import { writeFileSync } from 'node:fs'\nwriteFileSync('begun', '')\nfor (;;);\n")
    for (const [signal, exitCode] of [['SIGINT', 130], ['SIGTERM', 143]] as const) {
      const { child, ended } = folder.start([...command, 'loop.ts', '--json'], {})
      await until(async () => existsSync(join(folder.path, 'begun')), (hasBegun) => hasBegun)
      child.kill(signal)
      expect(await ended).toEqual({ code: exitCode, stdout: '{"interrupted":true}\n', stderr: '' })
      rmSync(join(folder.path, 'begun'))
    }
  })

  it('keeps its exit code where nobody reads what it says', async () => {
    using folder = makeFolder()
    for (const args of [['check', 'absent.ts'], ['plan', 'absent.ts', '--json'], ['plan', 'absent.ts']]) {
      const { child, ended } = folder.start(args, {})
      child.stdout!.destroy()
      child.stderr!.destroy()
      expect({ args, code: (await ended).code }).toEqual({ args, code: 3 })
    }
  })

  it('exits with 3 where a file cannot be read, and tells what else it found', async () => {
    using folder = makeFolder()
    folder.write('good.ts', SENSOR_DEFINITIONS)
    folder.write('notes.txt', 'nothing')
    const { code, stdout, stderr } = await folder.run('check', 'absent.ts', 'notes.txt', 'good.ts')
    expect(code).toBe(3)
    expect(stdout).toContain('The definitions cannot be read: no such file or directory. [INPUT_UNREADABLE]\n  where  absent.ts')
    expect(stdout).toContain('where  notes.txt')
    expect(stdout).toContain('sound good.ts: 1 source, 2 views, 6 features, 1 service')
    expect(stderr).toBe('')
  })
})

describe('tidemark plan', () => {
  it('says what is computed and kept, writes JSON that means the same, and refuses to overwrite it', async () => {
    using folder = makeFolder()
    folder.write('features.ts', SENSOR_DEFINITIONS)
    const first = await folder.run('plan', 'features.ts', '--out', 'features.json')
    expect(first).toMatchObject({ code: 0, stderr: '' })
    expect(first.stdout).toContain('entity  sensor (int32), site (string)')
    expect(first.stdout).toMatch(/panes {3}1m × 61, lifetime × 1; a pane 16 B: count \(readings\)/)
    expect(first.stdout).toMatch(/last_levels_24h +list +1d +15m +exact/)
    const [again, refused] = await Promise.all([folder.json('plan', 'features.json'), folder.json('plan', 'features.ts', '--out', 'features.json')])
    const { contentHash, views } = again.document as { contentHash: string; views: { name: string; rowBytesMax: number }[] }
    expect(first.stdout).toContain(contentHash)
    expect(views.map(({ name }) => name)).toEqual(['sensor_levels', 'site_levels'])
    expect(views[0]!.rowBytesMax).toBeGreaterThan(0)
    expect(refused).toMatchObject({ code: 4, document: { error: { code: 'OUTPUT_FAILED', problems: [{ where: 'features.json', action: expect.stringContaining('--overwrite') }] } } })
  })

  it('says which changes need a version, and exits with 1 for them', async () => {
    using folder = makeFolder()
    folder.write('old.ts', SENSOR_DEFINITIONS)
    folder.write('described.ts', `console.log('loading')\n${SENSOR_DEFINITIONS.replace("entity: { site: 'site' },", "entity: { site: 'site' }, description: 'By site',")}`)
    folder.write('changed.ts', SENSOR_DEFINITIONS.replace("max('level').over('24h')", "max('level').where('is_live').over('24h')").replace("sum('ticks').over('lifetime')", "sum('ticks').over('lifetime', '1h')"))
    folder.write('raised.ts', SENSOR_DEFINITIONS.replace("sum('ticks').over('lifetime')", "sum('ticks').over('1h')").replace("site: 'site' },\n", "site: 'site' },\n  version: 2,\n").replace('ticks_lifetime', 'ticks_1h'))
    const against = (file: string): ReturnType<typeof folder.json> => folder.json('plan', file, '--against', 'old.ts')
    const [same, described, changed, raised] = await Promise.all([against('old.ts'), against('described.ts'), against('changed.ts'), against('raised.ts')])
    expect(same).toMatchObject({ code: 0, document: { changes: [] } })
    expect(described).toMatchObject({ code: 0, stderr: 'loading\n', document: { changes: [{ kind: 'view', name: 'site_levels', change: 'description', parts: ['description'] }] } })
    expect(changed).toMatchObject({
      code: 1,
      document: {
        changes: expect.arrayContaining([
          { kind: 'view', name: 'sensor_levels', change: 'meaning', parts: ['aggregation ticks'] },
          { kind: 'view', name: 'site_levels', change: 'meaning', parts: ['aggregation level'] },
        ]),
      },
    })
    expect((raised.document as { changes: { name: string; change: string }[] }).changes).toContainEqual(expect.objectContaining({ name: 'sensor_levels', change: 'version' }))
  })
})

describe('the command line', () => {
  it('shows help with a first example, help of commands, and refuses what it does not understand', async () => {
    using folder = makeFolder()
    const [alone, replay, help, misspelt, option, missing] = await Promise.all([
      folder.run(), folder.run('help', 'replay'), folder.run('help', 'features', 'get'), folder.run('chek', 'x'), folder.json('plan', 'x', '--bogus'), folder.run('help', 'nothing'),
    ])
    expect(alone).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('tidemark init my-features') })
    expect(replay).toMatchObject({ code: 0, stdout: expect.stringContaining('(default: 1d)') })
    expect(help).toMatchObject({ code: 0, stdout: expect.stringContaining('UTC where it names no zone') })
    expect(misspelt).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('Did you mean check?') })
    expect(option).toMatchObject({ code: 2, stderr: '', document: { error: { code: 'USAGE', problems: [{ message: "Unknown option '--bogus'." }] } } })
    expect(missing).toMatchObject({ code: 2, stderr: expect.stringContaining('There is no command nothing.') })
  })

  it('documents every command and exit code', () => {
    const page = readFileSync(join(import.meta.dirname, '..', '..', '..', 'docs', 'cli.md'), 'utf8')
    for (const command of ['init', 'check', 'plan', 'features get', 'training-set', 'compare']) expect(page).toContain(`## tidemark ${command}`)
    for (const code of [0, 1, 2, 3, 4, 70, 130]) expect(page).toMatch(new RegExp(`^\\| ${code} \\|`, 'm'))
  })
})
