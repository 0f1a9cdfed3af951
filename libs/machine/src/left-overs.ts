// What processes that are no more have left in a folder, found by the name of the process.

import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { callCode, type FileCalls } from './file-calls.ts'
import { stateOfProcess } from './process-mark.ts'

/** What a process of another host began so long ago is taken for left. */
const ABANDONED_AFTER_MS = 86_400_000

/** As process-mark.ts makes marks. */
const NAMED_AFTER_PROCESS = /^([0-9a-f]{12}-\d{1,10}-\d+)\./

/** Removes what nobody will ever finish, of what is named after a process and a dot; what runs, or may run on another host, stays, and all else. */
export async function removeLeftOvers(folder: string, files: FileCalls): Promise<void> {
  for (const name of await readdir(folder)) {
    const [, mark] = NAMED_AFTER_PROCESS.exec(name) ?? []
    if (mark === undefined) continue
    const path = join(folder, name)
    const state = stateOfProcess(mark)
    if (state === 'gone' || (state === 'unknown' && (await isAbandoned(path)))) await files.remove(path)
  }
}

async function isAbandoned(path: string): Promise<boolean> {
  try {
    return (await stat(path)).mtimeMs < Date.now() - ABANDONED_AFTER_MS
  } catch (error) {
    if (callCode(error) === 'ENOENT') return false
    throw error
  }
}
