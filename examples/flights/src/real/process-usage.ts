// What each process of a run has used, services and servers and this one: looked at between the phases, and told as a table of the differences.
import Table from 'cli-table3'
import pc from 'picocolors'
import { usageOf, type ProcessIdentity, type ProcessUsage } from '@tidemark/servers/process-identity'
import { formatBytes } from '../demo-report.ts'

/** By the process's name. */
export type Usage = ReadonlyMap<string, ProcessUsage>

export interface Phase {
  readonly name: string
  readonly flightCount: number
  readonly before: Usage
  readonly after: Usage
}

/** Of these and of this process, without those that it started. */
export function lookAtUsage(processes: Iterable<readonly [string, ProcessIdentity | undefined]>): Usage {
  const usage = new Map<string, ProcessUsage>()
  for (const [name, identity] of processes) {
    const used = identity && usageOf(identity)
    if (used !== undefined) usage.set(name, used)
  }
  const { user, system } = process.cpuUsage()
  return usage.set('this process', { cpuMs: (user + system) / 1_000, residentBytes: process.memoryUsage.rss(), peakBytes: process.resourceUsage().maxRSS * 1_024 })
}

/** A row for each process that runs at the end: its processor time in each phase, and how much of it was for each flight; and the most memory that it had. */
export function usageTable(phases: readonly Phase[]): string {
  const last = phases.at(-1)!.after
  const table = new Table({
    head: ['CPU, and of a flight', ...phases.map(({ name }) => name), 'peak memory'],
    style: pc.isColorSupported ? { head: ['cyan'], compact: true } : { head: [], border: [], compact: true },
    colAligns: ['left', ...phases.map(() => 'right' as const), 'right'],
  })
  const addRow = (name: string, cpuMsOf: (usage: Usage) => number, peakBytes: number): void =>
    void table.push([name, ...phases.map(({ before, after, flightCount }) => formatCost(cpuMsOf(after) - cpuMsOf(before), flightCount)), formatBytes(peakBytes)])
  for (const [name, { peakBytes }] of last) addRow(name, (usage) => usage.get(name)?.cpuMs ?? 0, peakBytes)
  addRow('together', (usage) => usage.values().reduce((sum, { cpuMs }) => sum + cpuMs, 0), last.values().reduce((sum, { peakBytes }) => sum + peakBytes, 0))
  return table.toString()
}

function formatCost(cpuMs: number, flightCount: number): string {
  return `${(cpuMs / 1_000).toFixed(1)} s, ${((cpuMs * 1_000) / flightCount).toFixed(1)} µs`
}
