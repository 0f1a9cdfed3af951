// What each process of a run has used, services and servers and this one: looked at between the phases, and told as a table of the differences.
import Table from 'cli-table3'
import pc from 'picocolors'
import { usageOf, type ProcessIdentity, type ProcessUsage } from '@tidemark/servers/process-identity'
import { TOGETHER, usPerFlight, type ProcessCost } from '../demo-figures.ts'
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

/** Of each process that runs at the end, and of all together. */
export function costsOf(phases: readonly Phase[]): ProcessCost[] {
  const costs = (process: string, cpuMsOf: (usage: Usage) => number): ProcessCost[] =>
    phases.map(({ name: phase, flightCount, before, after }) => ({ process, phase, flightCount, cpuMs: cpuMsOf(after) - cpuMsOf(before) }))
  return [
    ...[...phases.at(-1)!.after.keys()].flatMap((name) => costs(name, (usage) => usage.get(name)?.cpuMs ?? 0)),
    ...costs(TOGETHER, (usage) => usage.values().reduce((sum, { cpuMs }) => sum + cpuMs, 0)),
  ]
}

/** The most memory that processes had, each its own. */
export function peakBytesOf(usage: Usage): number {
  return usage.values().reduce((sum, { peakBytes }) => sum + peakBytes, 0)
}

/** A row for each process: its processor time in each phase, and how much of it was for each flight; and the most memory that it had. */
export function usageTable(phases: readonly Phase[]): string {
  const last = phases.at(-1)!.after
  const table = new Table({
    head: ['CPU, and of a flight', ...phases.map(({ name }) => name), 'peak memory'],
    style: pc.isColorSupported ? { head: ['cyan'], compact: true } : { head: [], border: [], compact: true },
    colAligns: ['left', ...phases.map(() => 'right' as const), 'right'],
  })
  for (const [name, costs] of Map.groupBy(costsOf(phases), ({ process }) => process)) {
    table.push([name, ...costs.map(formatCost), formatBytes(last.get(name)?.peakBytes ?? peakBytesOf(last))])
  }
  return table.toString()
}

function formatCost(cost: ProcessCost): string {
  return `${(cost.cpuMs / 1_000).toFixed(1)} s, ${usPerFlight(cost).toFixed(1)} µs`
}
