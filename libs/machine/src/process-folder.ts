// A folder for what a process needs while it runs. It is named after the process, so that the next one removes what a killed one left.

import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import { callCode, FILE_CALLS } from './file-calls.ts'
import { removeLeftOvers } from './left-overs.ts'
import { makeFolders } from './make-folders.ts'
import { markOfThisProcess } from './process-mark.ts'

export interface ProcessFolder extends AsyncDisposable {
  readonly path: string
}

/** Makes a folder of this process under another one, and removes those of processes that are gone. OUTPUT_FAILED. */
export async function openProcessFolder(parent: string): Promise<ProcessFolder> {
  const path = join(parent, `${markOfThisProcess()}.${randomUUID()}`)
  try {
    await makeFolders(path, FILE_CALLS)
    await removeLeftOvers(parent, FILE_CALLS)
  } catch (error) {
    if (callCode(error) === undefined) throw error
    const action = 'Make room on the disk, and see that this process may write there; or name another folder.'
    throw new TidemarkError([{ code: 'OUTPUT_FAILED', message: `A folder for this process cannot be made ("${(error as Error).message}").`, where: parent, action }], { cause: error })
  }
  return { path, [Symbol.asyncDispose]: () => FILE_CALLS.remove(path) }
}
