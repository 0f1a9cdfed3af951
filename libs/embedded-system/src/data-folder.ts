// Whether a folder is one of Tidemark's, before anything is made in it: a path that was mistyped leads to somebody else's things, or to nothing.

import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { TidemarkError } from '@tidemark/feature-schema/errors'

/** What `openEmbeddedPorts` makes in a folder. */
const PARTS: readonly string[] = ['lmdb', 'objects', 'work']

/** Throws INPUT_UNREADABLE where a folder holds no data of Tidemark, or is not there. */
export function requireData(folder: string): void {
  if (hasData(folder)) return
  throw unreadable(folder, existsSync(folder) ? 'The folder holds no data of Tidemark.' : 'There is no such folder.', 'Name the folder that `tidemark dev --data` was given, or start it once.')
}

/** Throws INPUT_UNREADABLE where data would come to lie among other things. A folder that was being made when its process ended is one of ours. */
export async function requireOwnOrEmpty(folder: string): Promise<void> {
  // What is no folder, or cannot be read, is told by whoever opens it.
  const names = hasData(folder) ? [] : await readdir(folder).catch((): string[] => [])
  const foreign = names.find((name) => !PARTS.includes(name))
  if (foreign !== undefined) throw unreadable(folder, `The folder holds other things (${foreign}) and no data of Tidemark.`, `Name a folder that is empty or not there yet: ${join(folder, 'tidemark')}.`)
}

function hasData(folder: string): boolean {
  return existsSync(join(folder, 'lmdb', 'FORMAT'))
}

function unreadable(folder: string, message: string, action: string): TidemarkError {
  return new TidemarkError([{ code: 'INPUT_UNREADABLE', message, where: folder, action }])
}
