// What `status` prints: a row for each server.
import type { ServerStatus } from './server-set.ts'

const MEBIBYTE = 1024 * 1024

export function describeStatus(statuses: readonly ServerStatus[], nowMs: number): string {
  const rows = statuses.map(({ name, state, port, pid, residentBytes, startedAtMs }) => [
    name, state, `${port}`, pid === undefined ? '-' : `${pid}`, residentBytes === undefined ? '-' : mebibytes(residentBytes),
    startedAtMs === undefined ? '-' : `${new Date(startedAtMs).toISOString().slice(0, 19)}Z (${duration(nowMs - startedAtMs)})`,
  ])
  const totalBytes = statuses.reduce((total, { residentBytes }) => total + (residentBytes ?? 0), 0)
  const table = [['server', 'state', 'port', 'pid', 'memory', 'since'], ...rows, ['together', '', '', '', mebibytes(totalBytes), '']]
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)))
  const isNumber = (column: number): boolean => column >= 2 && column <= 4
  const line = (row: string[]): string =>
    row.map((cell, column) => (isNumber(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!))).join('  ').trimEnd()
  return table.map(line).join('\n')
}

function mebibytes(bytes: number): string {
  return `${(bytes / MEBIBYTE).toFixed(0)} MiB`
}

function duration(ms: number): string {
  const minutes = Math.floor(ms / 60_000)
  if (minutes < 1) return `${Math.max(0, Math.round(ms / 1_000))} s`
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
