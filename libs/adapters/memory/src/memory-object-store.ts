// Objects in a map. Each call is one step, so nothing can come between a comparison and what follows from it.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import { assertObjectKey, assertObjectPrefix } from '@tidemark/ports/object-key'
import type { ObjectStore, StoredObject } from '@tidemark/ports/object-store'

/** An object store that lives as long as this object; what is opened is a file in the system's temporary folder. */
export function createMemoryObjectStore(): ObjectStore {
  const objects = new Map<string, StoredObject>()
  let putCount = 0

  const put = (key: string, bytes: Uint8Array): StoredObject => {
    const stored = { etag: `put ${++putCount}`, bytes: Uint8Array.from(bytes) }
    objects.set(key, stored)
    return stored
  }
  const create = (key: string, bytes: Uint8Array): boolean => !objects.has(key) && put(key, bytes) !== undefined

  return {
    async create(key, bytes) {
      assertObjectKey(key)
      return create(key, bytes)
    },
    async createFromFile(key, path) {
      assertObjectKey(key)
      return create(key, await readLocal(path))
    },
    async replace(key, expected, bytes) {
      assertObjectKey(key)
      return (objects.get(key)?.etag ?? null) === expected ? put(key, bytes).etag : null
    },
    async get(key) {
      assertObjectKey(key)
      const found = objects.get(key)
      return found === undefined ? null : { etag: found.etag, bytes: Uint8Array.from(found.bytes) }
    },
    async open(key) {
      assertObjectKey(key)
      const found = objects.get(key)
      if (found === undefined) throw missing(key)
      const folder = await mkdtemp(join(tmpdir(), 'tidemark-object-'))
      const path = join(folder, key.slice(key.lastIndexOf('/') + 1))
      await writeFile(path, found.bytes)
      return { path, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) }
    },
    async *list(prefix) {
      assertObjectPrefix(prefix)
      for (const key of [...objects.keys()].filter((each) => each.startsWith(prefix)).sort()) yield await Promise.resolve(key)
    },
    async remove(key) {
      assertObjectKey(key)
      objects.delete(key)
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

async function readLocal(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path)
  } catch (cause) {
    throw new TidemarkError([{ code: 'INPUT_UNREADABLE', message: `It cannot be read (${(cause as Error).message}).`, where: path, action: 'Check the path.' }], { cause })
  }
}

function missing(key: string): TidemarkError {
  return new TidemarkError([{
    code: 'OBJECT_MISSING', message: 'There is no object of this key.', where: `object ${key}`,
    action: 'Restore it: objects that a manifest names are never removed by Tidemark.',
  }])
}
