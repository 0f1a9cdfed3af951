// Everything that `npm test` means, in one command: lint, types, tidy and every jest suite; with `--servers` those on real servers too, and
// those that hurt them. The last line is the sum: each of the first three counts as one, each jest test as one, and a suite that cannot start
// as one failure. Any failure exits with 1.
import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

interface Tally {
  passedCount: number
  failedCount: number
}

/** The part of jest's --json output that is read here. */
interface JestResults {
  numPassedTests: number
  numFailedTests: number
  numPendingTests: number
  numRuntimeErrorTestSuites: number
}

const root = join(import.meta.dirname, '..', '..', '..')
const jestResultsPath = join(root, '.cache', 'jest-results.json')
const bin = (name: string): string => join(root, 'node_modules', ...name.split('/'))

const { values: { servers: withServers } } = parseArgs({ options: { servers: { type: 'boolean', default: false } } })
const configs = ['jest.config.js', ...(withServers ? ['jest.integration.config.js', 'jest.faults.config.js'] : [])]

const tallies = [
  // Lint takes longest; types and tidy fit beside it on a second core.
  ...(await Promise.all([check('lint', [bin('eslint/bin/eslint.js'), '.']), checkTypesAndTidy()])).flat(),
]
for (const config of configs) tallies.push(await runJest(config))
const sum = (count: keyof Tally): number => tallies.reduce((total, tally) => total + tally[count], 0)
if (sum('failedCount') > 0) process.exitCode = 1
console.log(`${sum('passedCount')} passed, ${sum('failedCount')} failed`)

async function checkTypesAndTidy(): Promise<Tally[]> {
  const types = await check('types', [bin('typescript/bin/tsc'), '-p', 'tsconfig.json'])
  return [types, await check('tidy', [join(import.meta.dirname, 'main.ts')])]
}

/** Runs Node with `args`; its output is shown only when it fails, in one piece. */
async function check(name: string, args: string[]): Promise<Tally> {
  const startedAtMs = performance.now()
  const output: Buffer[] = []
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => output.push(chunk))
  const passed = (await exitCodeOf(child)) === 0
  if (!passed) process.stdout.write(Buffer.concat(output))
  console.log(`${passed ? 'PASS' : 'FAIL'} ${name} (${((performance.now() - startedAtMs) / 1_000).toFixed(1)} s)`)
  return { passedCount: passed ? 1 : 0, failedCount: passed ? 0 : 1 }
}

async function runJest(config: string): Promise<Tally> {
  mkdirSync(join(root, '.cache'), { recursive: true })
  rmSync(jestResultsPath, { force: true })
  const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning']
  const args = [...flags, bin('jest/bin/jest.js'), '--config', config, '--ci', '--json', `--outputFile=${jestResultsPath}`]
  const exitCode = await exitCodeOf(spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] }))
  const results = readJestResults()
  if (results === undefined) return { passedCount: 0, failedCount: 1 }
  // A test that did not run has not passed.
  const failedCount = results.numFailedTests + results.numPendingTests + results.numRuntimeErrorTestSuites
  return { passedCount: results.numPassedTests, failedCount: exitCode === 0 ? failedCount : Math.max(1, failedCount) }
}

function readJestResults(): JestResults | undefined {
  try {
    return JSON.parse(readFileSync(jestResultsPath, 'utf8')) as JestResults
  } catch (error) {
    console.error(`jest left no results: ${String(error)}`)
    return undefined
  }
}

function exitCodeOf(child: ReturnType<typeof spawn>): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
}
