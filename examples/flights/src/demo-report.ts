// What the demo prints: a line for each step with its throughput, and the features of a few airports as a table.
import Table from 'cli-table3'
import pc from 'picocolors'
import type { FeatureValue } from '@tidemark/aggregation/feature-value'

const numbers = new Intl.NumberFormat('en-US')
const shortNumbers = new Intl.NumberFormat('en-US', { maximumFractionDigits: 2 })

export const formatCount = (count: number): string => numbers.format(count)
export const formatMs = (ms: number): string => (ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`)
export const formatBytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`
export const formatRate = (count: number, ms: number, what: string): string => `${formatCount(Math.round((count / ms) * 1_000))} ${what}/s`

/** Runs a step and prints what it says of itself, with how long it took. */
export async function step<T>(title: string, run: () => Promise<T> | T, describe: (result: T, ms: number) => string): Promise<T> {
  const start = performance.now()
  const result = await run()
  const ms = performance.now() - start
  console.log(`${pc.green('✓')} ${pc.bold(title.padEnd(14))} ${describe(result, ms)} ${pc.dim(`(${formatMs(ms)})`)}`)
  return result
}

/** A table with a column for each entity and a row for each feature. */
export function featureTable(title: string, entities: readonly string[], features: readonly string[], valueAt: (entity: number, feature: number) => FeatureValue): string {
  const table = new Table({ head: [title, ...entities], style: pc.isColorSupported ? { head: ['cyan'], compact: true } : { head: [], border: [], compact: true }, colAligns: ['left', ...entities.map(() => 'right' as const)] })
  for (const [i, feature] of features.entries()) table.push([feature, ...entities.map((_, entity) => formatValue(valueAt(entity, i)))])
  return table.toString()
}

function formatValue({ status, value }: FeatureValue): string {
  if (status !== 'PRESENT') return status
  if (Array.isArray(value)) return value.join(', ')
  return typeof value === 'number' ? shortNumbers.format(value) : String(value)
}
