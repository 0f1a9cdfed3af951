// The keys of an object folder, in the order of their bytes, a folder at a time.

import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { callCode } from '@tidemark/machine/file-calls'

/** Keys that start with the prefix. */
export async function* listObjects(root: string, prefix: string): AsyncGenerator<string> {
  yield* listFolder(root, prefix.slice(0, prefix.lastIndexOf('/') + 1), prefix)
}

/** `path` is the folder's, with a `/` at its end; '' for the root. */
async function* listFolder(root: string, path: string, prefix: string): AsyncGenerator<string> {
  for (const entry of await entriesOf(root, path)) {
    if (!`${path}${entry}`.startsWith(prefix)) continue
    if (entry.endsWith('/')) yield* listFolder(root, `${path}${entry}`, prefix)
    else yield `${path}${entry}`
  }
}

/** The names of objects, and of folders with a `/`: so they sort as the keys in them do. */
async function entriesOf(root: string, path: string): Promise<string[]> {
  try {
    const names = await readdir(join(root, path))
    return names.filter((name) => !name.startsWith('@')).map((name) => (name.endsWith('@') ? name.slice(0, -1) : `${name}/`)).sort()
  } catch (error) {
    if (callCode(error) === 'ENOENT') return []
    throw error
  }
}
