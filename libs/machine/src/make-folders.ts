// Folders, made durably.

import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { callCode, type FileCalls } from './file-calls.ts'

/**
 * Makes a folder and those above it, durably. Where a folder that is there takes none, as in /proc, it fails: Node's own recursive mkdir would try
 * for ever.
 */
export async function makeFolders(path: string, files: FileCalls): Promise<void> {
  if (await isMade(path, files)) return
  await makeFolders(dirname(path), files)
  if (!(await isMade(path, files))) throw Object.assign(new Error(`ENOENT: ${dirname(path)} takes no folder`), { code: 'ENOENT' })
}

/** Makes one folder, or finds it there; false: the one above it is not there. */
async function isMade(path: string, files: FileCalls): Promise<boolean> {
  try {
    await files.makeFolder(path)
  } catch (error) {
    if (callCode(error) === 'ENOENT' && path !== dirname(path)) return false
    if (callCode(error) === 'EEXIST' && (await stat(path)).isDirectory()) return true
    throw error
  }
  await files.syncFolder(dirname(path))
  return true
}
