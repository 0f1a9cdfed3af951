// What the demo prints: a line for each step with its throughput, and the features of a few airports as a table.
import { readFileSync } from 'node:fs'
import Table from 'cli-table3'
import pc from 'picocolors'
import type { ServedValue } from '@tidemark/pipelines/serve/feature-answer'
import { percentilesOf, perSecond } from './demo-figures.ts'
import type { LayerWork } from './embedded/demo-run.ts'
import { comparedCount, type Comparison } from './oracle/comparison.ts'
import type { Questions } from './questions.ts'

const numbers = new Intl.NumberFormat('en-US')
const shortNumbers = new Intl.NumberFormat('en-US', { maximumFractionDigits: 2 })

export const formatCount = (count: number): string => numbers.format(count)
export const formatMs = (ms: number): string => (ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`)
export const formatBytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`
export const formatRate = (ratePerSecond: number, what: string): string => `${formatCount(Math.round(ratePerSecond))} ${what}/s`

export const formatWork = (what: string, { count, ms }: LayerWork, unit: string): string => `${formatCount(count)} ${unit} ${what}, ${formatRate(perSecond(count, ms), unit)}`

export function formatPercentiles(latenciesMs: readonly number[]): string {
  if (latenciesMs.length === 0) return 'p50 - ms, p99 - ms'
  const { p50Ms, p99Ms } = percentilesOf(latenciesMs)
  return `p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms`
}

export function formatLatencies(latenciesMs: readonly number[]): string {
  return `serving: ${formatCount(latenciesMs.length)} requests for one entity, ${formatPercentiles(latenciesMs)}, ${formatRate(perSecond(latenciesMs.length, latenciesMs.reduce((sum, ms) => sum + ms, 0)), 'requests')}`
}

/** Which generation the views of all answers were read at, for each how often. */
export function describeGenerations({ answers }: Questions): string {
  const counts = Map.groupBy([...answers.values()].flat(), ({ generation }) => generation)
  const sourceOf = (generation: number | null): string => (generation === null ? 'of no known generation' : generation === 0 ? 'of the stream alone' : `on generation ${generation}`)
  return [...counts].sort(([a], [b]) => (a ?? -1) - (b ?? -1)).map(([generation, { length }]) => `${formatCount(length)} views ${sourceOf(generation)}`).join(', ')
}

/** A line for each way in which answers were less than they should be. */
export function describeDegraded({ degraded }: Questions): string[] {
  return Array.from(degraded, ([what, { message, count }]) => `  degraded: ${what}, ${formatCount(count)} times: ${message}`)
}

export const AIRPORTS_SHOWN = ['ATL', 'ORD', 'LAX', 'SFO', 'ANC']

/** What the oracle says of all of it, with where the first few differ; red where anything is not as it should be. */
export function formatVerdict(comparison: Comparison, isRight: boolean): string {
  const { exactCount, estimateCount, differingCount, examples } = comparison
  const verdict = `${formatCount(comparedCount(comparison))} values compared with the oracle, ${formatCount(differingCount)} differ`
  return [
    `${(isRight ? pc.green : pc.red)(pc.bold(verdict))} (${formatCount(exactCount)} exact, ${formatCount(estimateCount)} estimates within their declared error)`,
    ...examples.map((example) => `  ${example}`),
  ].join('\n')
}

/** The features of some airports as they were answered last, by origin. */
export function airportTable({ answers }: Questions, airports: readonly string[]): string {
  const [plan, recorded] = [...answers].find(([{ view }]) => view.name === 'airport_delays')!
  const shown = airports.map((airport) => recorded.findLast(({ keys }) => keys[0] === airport)!)
  return featureTable('airport_delays', airports, plan.features.map(({ name }) => name), (airport, feature) => shown[airport]!.values[feature]!)
}

/**
 * The most that this process had in memory, bytes: all of it, and without pages of files, which the system drops when it needs them (LMDB's file is
 * mapped as a whole). null: this system does not say.
 */
export class MemoryPeak {
  ownBytes: number | null = null

  get allBytes(): number {
    return process.resourceUsage().maxRSS * 1_024
  }

  look(): void {
    const anonymous = /^RssAnon:\s+(\d+) kB$/m.exec(readProcessStatus())
    if (anonymous !== null) this.ownBytes = Math.max(this.ownBytes ?? 0, Number(anonymous[1]) * 1_024)
  }
}

function readProcessStatus(): string {
  try {
    return readFileSync('/proc/self/status', 'utf8')
  } catch {
    return ''
  }
}

export const formatMemory = ({ allBytes, ownBytes }: MemoryPeak): string =>
  `peak memory ${ownBytes === null ? formatBytes(allBytes) : `${formatBytes(ownBytes)}, and ${formatBytes(allBytes)} with the pages of mapped files`}`

/** What a step gave, how long it took, and what all threads of this process used of the processor meanwhile. */
export interface Step<T> {
  readonly result: T
  readonly ms: number
  readonly cpuMs: number
}

/** Runs a step and prints what it says of itself, with how long it took. */
export async function step<T>(title: string, run: () => Promise<T> | T, describe: (result: T, ms: number) => string): Promise<Step<T>> {
  const [start, cpuBefore] = [performance.now(), process.cpuUsage()]
  const result = await run()
  const ms = performance.now() - start
  const { user, system } = process.cpuUsage(cpuBefore)
  const cpuMs = (user + system) / 1_000
  console.log(`${pc.green('✓')} ${pc.bold(title.padEnd(16))} ${describe(result, ms)} ${pc.dim(`(${formatMs(ms)}, CPU ${formatMs(cpuMs)})`)}`)
  return { result, ms, cpuMs }
}

/** A table with a column for each entity and a row for each feature. */
function featureTable(title: string, entities: readonly string[], features: readonly string[], valueAt: (entity: number, feature: number) => ServedValue): string {
  const table = new Table({ head: [title, ...entities], style: pc.isColorSupported ? { head: ['cyan'], compact: true } : { head: [], border: [], compact: true }, colAligns: ['left', ...entities.map(() => 'right' as const)] })
  for (const [i, feature] of features.entries()) table.push([feature, ...entities.map((_, entity) => formatValue(valueAt(entity, i)))])
  return table.toString()
}

function formatValue({ status, value }: ServedValue): string {
  if (status !== 'PRESENT') return status
  if (Array.isArray(value)) return value.join(', ')
  return typeof value === 'number' ? shortNumbers.format(value) : String(value)
}
