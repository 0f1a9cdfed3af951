// A folder for what a process needs while it runs. It is named after the process, so that the next one removes what a killed one left.

import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { asTidemarkError } from './embedded-errors.ts'
import { FILE_CALLS } from './file-calls.ts'
import { makeFolders, removeLeftOvers } from './object-folder.ts'
import { markOfThisProcess } from './process-mark.ts'

export interface ProcessFolder extends AsyncDisposable {
  readonly path: string
}

/** Makes a folder of this process under another one, and removes those of processes that are gone. STORE_FULL, STORE_UNAVAILABLE. */
export async function openProcessFolder(parent: string): Promise<ProcessFolder> {
  const path = join(parent, `${markOfThisProcess()}.${randomUUID()}`)
  try {
    await makeFolders(path, FILE_CALLS)
    await removeLeftOvers(parent, FILE_CALLS)
  } catch (error) {
    throw asTidemarkError(error, parent)
  }
  return { path, [Symbol.asyncDispose]: () => FILE_CALLS.remove(path) }
}
