// Names a process so that another one of the same host can tell whether it still runs: host, process id, and when it started, because a
// restarted container has the same id again.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'

/** 'running', 'gone', or 'unknown': it is of another host. */
export type ProcessState = 'running' | 'gone' | 'unknown'

const host = createHash('sha256').update(hostname()).digest('hex').slice(0, 12)

/** The mark of this process: letters and digits in three parts, joined by `-`. */
export function markOfThisProcess(): string {
  return markOf(process.pid)
}

function markOf(processId: number): string {
  return [host, processId, startOf(processId)].join('-')
}

/** What a mark says of its process now. */
export function stateOfProcess(mark: string): ProcessState {
  const [markHost, processId] = mark.split('-')
  if (markHost !== host || !/^\d{1,10}$/.test(processId ?? '')) return 'unknown'
  return isAlive(Number(processId)) && markOf(Number(processId)) === mark ? 'running' : 'gone'
}

function isAlive(processId: number): boolean {
  try {
    return process.kill(processId, 0)
  } catch (error) {
    return (error as { code?: unknown }).code === 'EPERM'
  }
}

/** Clock ticks from the host's start to the process's; 0 where the system has no such file, so that only the id counts. */
function startOf(processId: number): string {
  try {
    const status = readFileSync(`/proc/${processId}/stat`, 'utf8')
    // The name of the program, in parentheses, may have spaces; the start is the 20th field after it.
    return status.slice(status.lastIndexOf(')') + 2).split(' ')[19] ?? '0'
  } catch {
    return '0'
  }
}
