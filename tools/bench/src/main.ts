// `npm run bench -- NAME` runs tools/bench/src/**/NAME.bench.ts and writes bench-results/NAME.json; without a name, or with `list`, it lists them.
// A bar that was not met is printed, not an error: a benchmark measures, the reader judges.
import { globSync, mkdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Benchmark, BenchmarkReport, Figure } from './benchmark.ts'
import { describeMachine } from './machine.ts'

const resultsFolder = join(import.meta.dirname, '..', '..', '..', 'bench-results')
const files = new Map(
  globSync('**/*.bench.ts', { cwd: import.meta.dirname }).map((file) => [basename(file, '.bench.ts'), join(import.meta.dirname, file)]),
)

const [name, ...rest] = process.argv.slice(2)
if (name === undefined || (name === 'list' && rest.length === 0)) {
  for (const listed of [...files.keys()].sort()) console.log(`${listed}: ${(await load(listed)).question}`)
  if (files.size === 0) console.log('There are no benchmarks: a file tools/bench/src/NAME.bench.ts is one.')
} else if (!files.has(name) || rest.length > 0) {
  console.error(`bench: expected one of: ${[...files.keys()].sort().join(', ') || '(none)'}; got: ${[name, ...rest].join(' ')}`)
  process.exitCode = 2
} else {
  const outcome = await (await load(name)).run()
  const report: BenchmarkReport = { name, date: new Date().toISOString(), machine: describeMachine(), ...outcome }
  mkdirSync(resultsFolder, { recursive: true })
  writeFileSync(join(resultsFolder, `${name}.json`), `${JSON.stringify(report, null, 2)}\n`)
  for (const figure of report.figures) console.log(lineOf(figure))
}

async function load(benchmarkName: string): Promise<Benchmark> {
  const exported = (await import(files.get(benchmarkName)!)) as { benchmark?: Benchmark }
  if (exported.benchmark === undefined) throw new Error(`${benchmarkName}.bench.ts exports no "benchmark"`)
  return exported.benchmark
}

function lineOf({ name: what, unit, value, min, max, runs, against, ratio, bar, met }: Figure): string {
  const short = (number: number): string => String(Number(number.toPrecision(4)))
  const rival = against && ratio !== undefined ? `; ${short(ratio)} × ${against.name} (${short(against.value)} ${unit})` : ''
  const verdict = bar === undefined ? '' : `; ${bar}: ${met ? 'met' : 'NOT MET'}`
  const spread = runs === 1 ? 'one run' : `${short(min)} to ${short(max)}, ${runs} runs`
  return `${what}: ${short(value)} ${unit} (${spread})${rival}${verdict}`
}
