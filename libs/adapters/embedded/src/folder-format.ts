// The file FORMAT of an embedded folder: which version of its layout the folder has, readable before LMDB is. It is written once, after
// the environment has been made; where it is, an environment that is missing or empty is damage and not a new folder. Version 1:
//
//   {"format":"tidemark-embedded","version":1}

import { existsSync, readFileSync } from 'node:fs'
import { open, rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { TidemarkError } from '@tidemark/feature-schema/errors'
import { damaged, tooNew } from './embedded-errors.ts'

export const FOLDER_FORMAT_VERSION = 1

const FORMAT_NAME = 'tidemark-embedded'

/** false: the folder has no FORMAT file, so it is new. STORE_DAMAGED, STORE_TOO_NEW. */
export function checkFolderFormat(folder: string): boolean {
  const path = join(folder, 'FORMAT')
  if (!existsSync(path)) return false
  const version = versionOf(readFileSync(path, 'utf8'), path)
  if (version > FOLDER_FORMAT_VERSION) throw tooNew(path, version, FOLDER_FORMAT_VERSION)
  if (!existsSync(join(folder, 'data.mdb'))) throw damaged(folder, 'Its file data.mdb is missing.')
  return true
}

function versionOf(text: string, where: string): number {
  const match = /^\{"format":"([\w-]+)","version":(\d{1,9})\}\s*$/.exec(text)
  if (match === null || match[1] !== FORMAT_NAME) throw damaged(where, 'It does not say which format the folder has.')
  return Number(match[2])
}

/** Of a folder that was made, and has no FORMAT file any more. */
export function formatGone(folder: string): TidemarkError {
  return damaged(folder, 'It holds databases, and its file FORMAT, which is written before the first of them, is gone.')
}

/** Marks the folder as made; two processes may do so at once. */
export async function writeFolderFormat(folder: string): Promise<void> {
  const path = join(folder, 'FORMAT')
  const temporary = `${path}.${process.pid}`
  const file = await open(temporary, 'w')
  try {
    await file.writeFile(`${JSON.stringify({ format: FORMAT_NAME, version: FOLDER_FORMAT_VERSION })}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(temporary, path)
  const directory = await open(folder, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
