// The folder of an object store, before it is used: made where it is missing, its format looked at, and what processes that are no more
// have left under @tmp removed.

import { readdir, readFile, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { damaged, tooNew } from './embedded-errors.ts'
import { callCode, type FileCalls } from './file-calls.ts'
import { markOfThisProcess, stateOfProcess } from './process-mark.ts'

export const OBJECT_FOLDER_FORMAT_VERSION = 1
export const TEMPORARY_FOLDER = '@tmp'

const FORMAT_FILE = '@format'
const FORMAT_NAME = 'tidemark-objects'
/** What a process of another host began so long ago is taken for left. */
const ABANDONED_AFTER_MS = 86_400_000

/** STORE_TOO_NEW, STORE_DAMAGED. */
export async function prepareObjectFolder(folder: string, files: FileCalls): Promise<void> {
  await makeFolders(resolve(folder, TEMPORARY_FOLDER), files)
  if (!(await isFormatted(folder))) await writeFormat(folder, files)
  await removeLeftOvers(join(folder, TEMPORARY_FOLDER), files)
}

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

async function isFormatted(folder: string): Promise<boolean> {
  const path = join(folder, FORMAT_FILE)
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (callCode(error) === 'ENOENT') return false
    throw error
  }
  const match = /^\{"format":"([\w-]+)","version":(\d{1,9})\}\s*$/.exec(text)
  if (match?.[1] !== FORMAT_NAME) throw damaged(path, 'It does not say which format the folder has.')
  const version = Number(match[2])
  if (version > OBJECT_FOLDER_FORMAT_VERSION) throw tooNew(path, version, OBJECT_FOLDER_FORMAT_VERSION)
  return true
}

async function writeFormat(folder: string, files: FileCalls): Promise<void> {
  const temporary = join(folder, TEMPORARY_FOLDER, `${markOfThisProcess()}.format`)
  await files.remove(temporary)
  await files.write(temporary, [Buffer.from(`${JSON.stringify({ format: FORMAT_NAME, version: OBJECT_FOLDER_FORMAT_VERSION })}\n`)])
  await files.rename(temporary, join(folder, FORMAT_FILE))
  await files.syncFolder(folder)
}

/** Removes what nobody will ever finish, of what is named after a process and a dot; what runs, or may run on another host, stays. */
export async function removeLeftOvers(temporaryFolder: string, files: FileCalls): Promise<void> {
  for (const name of await readdir(temporaryFolder)) {
    const path = join(temporaryFolder, name)
    const state = stateOfProcess(name.slice(0, name.indexOf('.')))
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
