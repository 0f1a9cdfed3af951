// Runs the TypeScript compiler over mistakes: each is an error where it is made, with a message that names it.
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from '@jest/globals'

const sources = import.meta.dirname
const root = join(sources, '../../..')

const prelude = `
import { approxUniqueCount, count, first, histogram, max, mean, quantile, ratio, sum, timeSinceLast, topK } from '${sources}/aggregations.ts'
import { all, boolean, double, entity, eventSource, featureService, featureView, int32, int64, string, timestamp } from '${sources}/dsl.ts'
const flights = eventSource('flights', {
  fields: { date: timestamp(), landed: timestamp().nullable(), origin: string(), destination: string(), delay: int32().nullable(), fare: double(), open: boolean() },
  eventTime: 'date',
})
const base = { source: flights, entity: { airport: 'origin' } } as const
const view = featureView('airport_delays', { ...base, derive: { late: int32('delay > 15 ? 1 : 0') }, features: { departures: count().over('1h', '7d'), late_share: mean('late').over({ window: '24h', resolution: '1h' }) } })
`

const sound: readonly string[] = [
  `featureView('v', { ...base, features: { a: sum('delay').over('1h'), b: max('origin').over('1h'), c: first('open').over('1h') } })`,
  `featureView('v', { ...base, features: { a: sum('delay * 2').over('1h'), b: sum('1').over('1h'), c: mean('abs(delay)').over('lifetime') } })`,
  `featureView('v', { ...base, where: 'open', features: { a: count().where('open').groupBy('origin').over('1h') } })`,
  `featureView('v', { ...base, where: 'delay > 0 and open', features: { a: timeSinceLast().over('90m') } })`,
  `featureView('v', { source: flights, entity: entity('route', 'origin', 'destination'), features: { a: topK('date', 3).over('2w') } })`,
  `featureView('v', { source: flights, entity: { bay: 'bay' }, derive: { bay: int64('delay % 9') }, features: { a: quantile('fare', 0.5).over('1h') } })`,
  `featureView('v', { ...base, features: { a: sum('delay' as string).over('1h') } })`,
  `featureService('s', { features: [view.departures_7d, view.late_share_24h, view.feature('departures_1h'), all(view)] })`,
]

const mistakes: readonly (readonly [mistake: string, message: string])[] = [
  [`eventSource('s', { fields: { at: timestamp() }, eventTime: 'when' })`, `Type '"when"' is not assignable to type '"at"'`],
  [`eventSource('s', { fields: { at: timestamp(), id: string() }, eventTime: 'id' })`, `Type '"id"' is not assignable to type '"at"'`],
  [`eventSource('s', { fields: { at: timestamp(), ended: timestamp().nullable() }, eventTime: 'ended' })`, `Type '"ended"' is not assignable to type '"at"'`],
  [`eventSource('s', { fields: { at: timestamp() }, eventTime: 'at', delay: '1 hour' })`, `Type '"1 hour"' is not assignable to type`],
  [`string().between(0, 1)`, `Argument of type '0' is not assignable to parameter of type 'never'`],
  [`featureView('v', { source: flights, entity: { airport: 'orign' }, features: {} })`, `Type '"orign"' is not assignable to type`],
  [`featureView('v', { source: flights, entity: { price: 'fare' }, features: {} })`, `Type '"fare"' is not assignable to type`],
  [`featureView('v', { source: flights, entity: entity('route', 'origin', 'target'), features: {} })`, `"target"`],
  [`featureView('v', { ...base, features: { a: sum('dely').over('1h') } })`, `"no column dely in fields or derive"`],
  [`featureView('v', { ...base, features: { a: sum('origin').over('1h') } })`, `"column origin is string, expected a number"`],
  [`featureView('v', { ...base, features: { a: count().over('1h'), b: max('open').over('1h') } })`, `"column open is boolean, expected a number, string or timestamp"`],
  [`featureView('v', { ...base, features: { a: approxUniqueCount('fare').over('1h') } })`, `"column fare is double, expected any type but double"`],
  [`featureView('v', { ...base, features: { a: ratio('delay', 'date').over('1h') } })`, `"column date is timestamp, expected a number"`],
  [`featureView('v', { ...base, features: { a: count().where('delay').over('1h') } })`, `"column delay is int32, expected a boolean"`],
  [`featureView('v', { ...base, features: { a: count().groupBy('fare').over('1h') } })`, `"column fare is double, expected any type but double"`],
  [`featureView('v', { ...base, derive: { late: string('origin') }, features: { a: sum('late').over('1h') } })`, `"column late is string, expected a number"`],
  [`featureView('v', { ...base, where: 'delay', features: { a: count().over('1h') } })`, `"column delay is int32, expected a boolean"`],
  [`count().over('1 hour')`, `Argument of type '"1 hour"' is not assignable to parameter of type`],
  [`count().over({ window: '7d', resolution: 'fine' })`, `Type '"fine"' is not assignable to type`],
  [`topK('delay')`, `Expected 2 arguments, but got 1`],
  [`view.departures_24h`, `Property 'departures_24h' does not exist`],
  [`view.feature('late')`, `Argument of type '"late"' is not assignable to parameter of type`],
]

/** Compiles one statement a line; gives each statement's errors. */
async function compile(statements: readonly string[]): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-types-'))
  try {
    const firstLine = prelude.split('\n').length
    await writeFile(join(folder, 'definitions.ts'), [prelude, ...statements].join('\n'))
    const base = JSON.parse(await readFile(join(root, 'tsconfig.base.json'), 'utf8')) as { compilerOptions: object }
    const compilerOptions = { ...base.compilerOptions, types: [] }
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['definitions.ts'] }))
    const output = await new Promise<string>((resolve) => {
      const tsc = [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder, '--pretty', 'false']
      execFile(process.execPath, tsc, { cwd: folder }, (_, stdout) => resolve(stdout))
    })
    const errors = statements.map(() => '')
    let line = -1
    for (const text of output.split('\n')) {
      const start = /^definitions\.ts\((\d+),/.exec(text)
      if (start) line = Number(start[1]) - firstLine - 1
      else if (!text.startsWith(' ') && text !== '') throw new Error(text)
      if (text !== '') errors[line] += `${text}\n`
    }
    return errors
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** The program of docs/definitions.md as one block, so that its names are its own. */
async function documentedProgram(): Promise<string> {
  const [, program] = /```ts\n([^]*?)```/.exec(await readFile(join(root, 'docs/definitions.md'), 'utf8'))!
  const statements = program!.split('\n').filter((line) => !line.startsWith('import '))
  return `{ ${statements.map((line) => line.replace(/^export /, ';')).join(' ')} }`
}

describe('the types of the definition language', () => {
  let errors: string[]
  beforeAll(async () => {
    errors = await compile([...sound, ...mistakes.map(([mistake]) => mistake), await documentedProgram()])
  }, 60_000)

  it('pass the program of docs/definitions.md', () => {
    expect(errors.at(-1)).toBe('')
  })

  it.each(sound.map((statement, i) => [statement, i] as const))('pass %s', (_, i) => {
    expect(errors[i]).toBe('')
  })

  it.each(mistakes.map(([mistake, message], i) => [mistake, message, i] as const))('refuse %s', (_, message, i) => {
    expect(errors[sound.length + i]).toContain(message)
  })
})
