// The folder of an object store, before it is used: made where it is missing, its format looked at, and what processes that are no more
// have left under @tmp removed.

import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { callCode, type FileCalls } from '@tidemark/machine/file-calls'
import { removeLeftOvers } from '@tidemark/machine/left-overs'
import { makeFolders } from '@tidemark/machine/make-folders'
import { markOfThisProcess } from '@tidemark/machine/process-mark'
import { damaged, tooNew } from './embedded-errors.ts'

export const OBJECT_FOLDER_FORMAT_VERSION = 1
export const TEMPORARY_FOLDER = '@tmp'

const FORMAT_FILE = '@format'
const FORMAT_NAME = 'tidemark-objects'

/** STORE_TOO_NEW, STORE_DAMAGED. */
export async function prepareObjectFolder(folder: string, files: FileCalls): Promise<void> {
  await makeFolders(resolve(folder, TEMPORARY_FOLDER), files)
  if (!(await isFormatted(folder))) await writeFormat(folder, files)
  await removeLeftOvers(join(folder, TEMPORARY_FOLDER), files)
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
