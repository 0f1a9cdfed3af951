// Whether a folder is one of Tidemark's, before anything is made in it: a path that was mistyped leads to somebody else's things, or to nothing.

import { existsSync, readdirSync, statSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { TidemarkError } from '@tidemark/feature-schema/errors'

/** What `openEmbeddedPorts` makes in a folder, in this order: each is made whole before the next is begun. */
const PARTS: readonly string[] = ['lmdb', 'work', 'objects']

/** Throws INPUT_UNREADABLE where a folder holds no data of Tidemark, or is not there; STORE_DAMAGED where it holds a part of it. */
export function requireData(folder: string): void {
  requireWhole(folder, join(folder, 'objects'))
  // Without its FORMAT it is being made, or damaged, which whoever opens it finds out.
  if (hasData(folder) || existsSync(join(folder, 'lmdb', 'data.mdb'))) return
  throw unreadable(folder, existsSync(folder) ? 'The folder holds no data of Tidemark.' : 'There is no such folder.', 'Name the folder that `tidemark dev --data` was given, or start it once.')
}

/**
 * Throws INPUT_UNREADABLE where data would come to lie among other things, and STORE_DAMAGED where the objects of a folder are there without its
 * stores. A folder that was being made when its process ended is one of ours.
 */
export async function requireOwnOrEmpty(folder: string, objectsFolder: string): Promise<void> {
  requireWhole(folder, objectsFolder)
  // What is no folder, or cannot be read, is told by whoever opens it.
  const names = hasData(folder) ? [] : await readdir(folder).catch((): string[] => [])
  const foreign = names.find((name) => !PARTS.includes(name))
  if (foreign !== undefined) throw unreadable(folder, `The folder holds other things (${foreign}) and no data of Tidemark.`, `Name a folder that is empty or not there yet: ${join(folder, 'tidemark')}.`)
}

/** Objects are made after the stores: where they are there alone, the stores are gone, and nothing may be begun anew beside them. */
function requireWhole(folder: string, objectsFolder: string): void {
  if (hasData(folder) || !hasObjects(objectsFolder)) return
  throw new TidemarkError([{
    code: 'STORE_DAMAGED', where: folder,
    message: `Its objects are there, and ${existsSync(join(folder, 'lmdb', 'data.mdb')) ? 'the file FORMAT of lmdb' : 'lmdb, which has the log, the registers and the views,'} is not: it was copied or restored by half.`,
    action: 'Put lmdb back from the backup that the objects are of, all its files. Without one, begin anew: `tidemark dev --data` with another folder, and send the events again; those that were sealed are also in the Parquet files under objects/archive, which this leaves as they are.',
  }])
}

/** Whether it was made, also where only a part of it is left. */
function hasObjects(folder: string): boolean {
  return existsSync(folder) && statSync(folder).isDirectory() && readdirSync(folder).some((name) => name !== '@tmp')
}

function hasData(folder: string): boolean {
  return existsSync(join(folder, 'lmdb', 'FORMAT'))
}

function unreadable(folder: string, message: string, action: string): TidemarkError {
  return new TidemarkError([{ code: 'INPUT_UNREADABLE', message, where: folder, action }])
}
