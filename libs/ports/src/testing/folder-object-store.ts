// Objects as files of a folder: enough of an object store for the suites of what reads objects.

import { access, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { ObjectStore } from '../object-store.ts'

export function createFolderObjectStore(folder: string): ObjectStore {
  const pathOf = (key: string): string => join(folder, encodeURIComponent(key))
  const exists = (key: string): Promise<boolean> => access(pathOf(key)).then(() => true, () => false)
  const refuse = (): never => {
    throw new Error('This store creates and reads.')
  }
  return {
    create: (key, bytes) => writeFile(pathOf(key), bytes, { flag: 'wx' }).then(() => true, () => false),
    get: async (key) => ((await exists(key)) ? { etag: key, bytes: await readFile(pathOf(key)) } : null),
    async open(key) {
      if (!(await exists(key))) throw new TidemarkError([{ code: 'OBJECT_MISSING', message: 'There is no such object.', where: key, action: 'Restore it.' }])
      return { path: pathOf(key), [Symbol.asyncDispose]: () => Promise.resolve() }
    },
    createFromFile: refuse,
    replace: refuse,
    list: refuse,
    remove: refuse,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}
