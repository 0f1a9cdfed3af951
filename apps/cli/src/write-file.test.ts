// What a command writes never replaces what it is made from, whatever the names.
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals'
import { linkSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeFolder } from './testing/run-cli.ts'
import { SENSOR_DEFINITIONS } from './testing/sensor-project.ts'
import { requireFree } from './write-file.ts'

// Some tests start processes, on a machine that may be busy.
jest.setTimeout(60_000)

describe('an output', () => {
  let folder: string
  beforeEach(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'tidemark-output-')))
    mkdirSync(join(folder, 'data', 'objects'), { recursive: true })
    for (const name of ['events.csv', 'other.csv', 'data/objects/segment.parquet']) writeFileSync(join(folder, name), name)
    linkSync(join(folder, 'events.csv'), join(folder, 'hard.csv'))
    symlinkSync('events.csv', join(folder, 'soft.csv'))
    symlinkSync('.', join(folder, 'here'))
    symlinkSync('nowhere', join(folder, 'dangling.csv'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))
  const claim = (out: string, ...inputs: readonly string[]) => () => requireFree(join(folder, out), true, inputs.map((input) => join(folder, input)))

  it.each([
    ['itself', 'events.csv', 'events.csv'], ['by another way', 'data/../events.csv', 'events.csv'], ['by a hard link', 'hard.csv', 'events.csv'], ['by a link', 'soft.csv', 'events.csv'],
    ['as the file of a link', 'events.csv', 'soft.csv'], ['in a linked folder', 'here/events.csv', 'events.csv'], ['by a pattern', 'events.csv', 'ev*.csv'], ['in an input folder', 'data/objects/segment.parquet', 'data'],
    ['new in an input folder', 'here/data/objects/more.parquet', 'data'],
  ])('is refused where it is an input: %s', (_, out, input) => {
    expect(claim(out, 'other.csv', input)).toThrow(expect.objectContaining({ code: 'USAGE', problems: [expect.objectContaining({ where: `--out ${join(folder, out)}`, message: expect.stringContaining(join(folder, input)) })] }))
  })

  it('may replace what is none, beside inputs that are not there or lead nowhere', () => {
    expect(claim('other.csv', 'events.csv', 'absent.csv', 'absent/*.csv', 'dangling.csv', 'data', `${'n'.repeat(300)}.csv`)).not.toThrow()
    expect(claim('database.csv', 'data')).not.toThrow()
  })
})

describe('the commands that write', () => {
  it('refuse to replace events, rows and definitions', async () => {
    using folder = makeFolder()
    folder.write('features.ts', SENSOR_DEFINITIONS)
    folder.write('schema.ts', "export * from './features.ts'\n")
    const events = 'read_at,sensor,site\n2024-03-01T12:00:00Z,1,A\n'
    const rows = 'site,sensor,at\nA,1,2024-03-02\n'
    folder.write('events.csv', events)
    folder.write('rows.csv', rows)
    const common = ['--definitions', 'features.ts', '--events', 'events.csv', '--rows', 'rows.csv', '--time', 'at', '--overwrite', '--out']
    const ended = await Promise.all([
      folder.json('training-set', ...common, './events.csv'), folder.json('replay', ...common, 'events.csv'), folder.json('training-set', ...common, 'rows.csv'),
      folder.json('replay', ...common, 'rows.csv'), folder.json('plan', 'features.ts', '--overwrite', '--out', 'features.ts'), folder.json('plan', 'schema.ts', '--overwrite', '--out', 'features.ts'),
    ])
    for (const { code, document } of ended) expect({ code, document }).toMatchObject({ code: 2, document: { error: { code: 'USAGE', problems: [{ action: 'Name another output.' }] } } })
    expect(['features.ts', 'events.csv', 'rows.csv'].map((name) => readFileSync(join(folder.path, name), 'utf8'))).toEqual([SENSOR_DEFINITIONS, events, rows])
  })
})
