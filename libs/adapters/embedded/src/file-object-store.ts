// Objects on a file system, for several processes, without locks: what two may do at once is decided by one rename.
//
//   @format                                    {"format":"tidemark-objects","version":1}
//   @tmp/<process>.<revision>/                 what one call is about to put, has opened, or is removing
//   archive/flights/part.parquet@/             the object archive/flights/part.parquet: one folder ('@' is in no key)
//     0d3fa19b22c7e1.48213.9ae0c1f4            the bytes of a version, plain, so that an engine can read the file
//     0d3fa19b22c7e1.48213.9ae0c1f4.current    empty: this version counts. There is always one such name
//
// Create: the folder is made whole under @tmp, flushed, and renamed to its place, which fails where an object is, for its folder is not empty.
// Replace: the new bytes go beside the old ones, then `old.current` is renamed to `new.current`: of those who saw the old version one
//   finds it, and a stale one never does, because a tag never comes back. Numbers would; and a marker that stays put would have to be
//   overwritten, which is no compare-and-set. The winner removes the bytes that were there before its rename, left-overs included.
// Remove: the folder is renamed into @tmp, then emptied.
// A reader of the folder in the moment of a rename may see both names or none, and reads again; where the folder is, the object is.
// The checksum is in the names, so the file stays plain, needs no second file to be flushed with it, and survives a copy of the folder.

import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import { assertObjectKey, assertObjectPrefix } from '@tidemark/ports/object-key'
import type { ETag, LocalObject, ObjectStore, StoredObject } from '@tidemark/ports/object-store'
import type { NewRevision } from '@tidemark/ports/revision'
import { asTidemarkError, damagedObject } from './embedded-errors.ts'
import { callCode, FILE_CALLS, type FileCalls } from '@tidemark/machine/file-calls'
import { listObjects } from './list-objects.ts'
import { prepareObjectFolder, TEMPORARY_FOLDER } from './object-folder.ts'
import { ContentSum, etagOf, parseVersionName, readChunks, readLocalFile, versionName, type ObjectVersion } from './object-version-name.ts'
import { markOfThisProcess } from '@tidemark/machine/process-mark'

export interface FileObjectStoreOptions {
  /** Made where it is missing. On a file system with hard links and atomic renames. */
  readonly folder: string
  readonly newRevision: NewRevision
  readonly files?: FileCalls
}

type Chunks = Iterable<Uint8Array> | AsyncIterable<Uint8Array>

const CURRENT = '.current'
/** Attempts to see one current version; a reader loses only against a replacement that falls into the very moment. */
const ATTEMPTS_MAX = 1_000

/** Opens the objects of a folder, and removes what crashed processes have left unfinished. STORE_TOO_NEW, STORE_DAMAGED, STORE_FULL. */
export async function createFileObjectStore({ folder, newRevision, files = FILE_CALLS }: FileObjectStoreOptions): Promise<ObjectStore> {
  await withCodes(folder, () => prepareObjectFolder(folder, files))
  const process = markOfThisProcess()
  const flushedFolders = new Set([folder])

  /** A name under @tmp for what `use` makes there; it is gone afterwards, unless it was renamed. */
  const withStaging = async <T>(use: (staging: string) => Promise<T>): Promise<T> => {
    const staging = join(folder, TEMPORARY_FOLDER, `${process}.${etagOf(newRevision())}`)
    try {
      return await use(staging)
    } finally {
      await files.remove(staging)
    }
  }

  /** Folders above an object; each is flushed once by each process, because who made it may not have come to that. */
  const ensureFolder = async (path: string): Promise<void> => {
    if (flushedFolders.has(path)) return
    await ensureFolder(dirname(path))
    await unless(['EEXIST'], files.makeFolder(path))
    await files.syncFolder(dirname(path))
    flushedFolders.add(path)
  }

  /** Writes a version's bytes into a folder, under its name. */
  const writeVersion = async (into: string, chunks: Chunks): Promise<ObjectVersion> => {
    const sum = new ContentSum()
    const unnamed = join(into, 'bytes')
    await files.write(unnamed, sum.of(chunks))
    const version = { etag: etagOf(newRevision()), sizeBytes: sum.sizeBytes, checksum: sum.checksum }
    await files.rename(unnamed, join(into, versionName(version)))
    return version
  }

  const create = (key: string, chunks: Chunks): Promise<ETag | null> => {
    const place = placeOf(folder, key)
    return withCodes(whereOf(key), async () => {
      await ensureFolder(dirname(place))
      const etag = (await isThere(place)) ? null : await withStaging(async (staging) => {
        await files.makeFolder(staging)
        const version = await writeVersion(staging, chunks)
        await files.write(join(staging, versionName(version) + CURRENT), [])
        await files.syncFolder(staging)
        return (await unless(['ENOTEMPTY', 'EEXIST'], files.rename(staging, place))) ? version.etag : null
      })
      // Also where somebody else made it: what is said to be there must still be there after a power cut.
      await files.syncFolder(dirname(place))
      return etag
    })
  }

  const replace = (key: string, expected: ETag, bytes: Uint8Array): Promise<ETag | null> => {
    const place = placeOf(folder, key)
    return withCodes(whereOf(key), async () => {
      const old = await readCurrent(place, key)
      if (old?.etag !== expected) return null
      return withStaging(async (staging) => {
        await files.makeFolder(staging)
        const version = await writeVersion(staging, [bytes])
        const name = versionName(version)
        // Before the rename: afterwards somebody may bring bytes that are to follow these.
        const before = (await readdirOrNull(place)) ?? []
        if (!(await unless(['ENOENT'], files.link(join(staging, name), join(place, name))))) return null
        await files.syncFolder(place)
        if (!(await unless(['ENOENT'], files.rename(join(place, versionName(old) + CURRENT), join(place, name + CURRENT))))) {
          await files.remove(join(place, name))
          return null
        }
        await files.syncFolder(place)
        for (const left of before) if (!left.endsWith(CURRENT)) await files.remove(join(place, left))
        return version.etag
      })
    })
  }

  /** Does something with the file of the current version; again where the version was replaced meanwhile. null: there is no object. */
  const withVersion = async <T>(key: string, use: (path: string, version: ObjectVersion) => Promise<T>): Promise<T | null> => {
    const place = placeOf(folder, key)
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const version = await readCurrent(place, key)
      if (version === null) return null
      try {
        return await use(join(place, versionName(version)), version)
      } catch (error) {
        if (callCode(error) !== 'ENOENT') throw error
      }
    }
    throw damagedObject(whereOf(key), 'The file with the bytes of its current version is missing.')
  }

  const open = async (key: string): Promise<LocalObject> => {
    const staging = join(folder, TEMPORARY_FOLDER, `${process}.${etagOf(newRevision())}`)
    const path = join(staging, basename(key))
    const close = (): Promise<void> => files.remove(staging)
    try {
      await files.makeFolder(staging)
      const version = await withVersion(key, async (from, found) => {
        await files.link(from, path)
        return found
      })
      if (version === null) throw missing(key)
      const sum = new ContentSum()
      for await (const chunk of readChunks(path)) sum.add(chunk)
      sum.assertIs(version, whereOf(key))
    } catch (error) {
      await close()
      throw error
    }
    return { path, [Symbol.asyncDispose]: close }
  }

  return {
    async create(key, bytes) {
      assertObjectKey(key)
      return (await create(key, [bytes])) !== null
    },
    async createFromFile(key, path) {
      assertObjectKey(key)
      return (await create(key, readLocalFile(path))) !== null
    },
    async replace(key, expected, bytes) {
      assertObjectKey(key)
      return expected === null ? create(key, [bytes]) : replace(key, expected, bytes)
    },
    async get(key) {
      assertObjectKey(key)
      return withCodes(whereOf(key), () => withVersion(key, (path, version) => readVersion(path, version, key)))
    },
    async open(key) {
      assertObjectKey(key)
      return withCodes(whereOf(key), () => open(key))
    },
    async *list(prefix) {
      assertObjectPrefix(prefix)
      yield* listObjects(folder, prefix)
    },
    async remove(key) {
      assertObjectKey(key)
      const place = placeOf(folder, key)
      await withCodes(whereOf(key), () =>
        withStaging(async (staging) => {
          if (await unless(['ENOENT'], files.rename(place, staging))) await files.syncFolder(dirname(place))
        }),
      )
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

async function readVersion(path: string, version: ObjectVersion, key: string): Promise<StoredObject> {
  const bytes = await readFile(path)
  const sum = new ContentSum()
  sum.add(bytes)
  sum.assertIs(version, whereOf(key))
  return { etag: version.etag, bytes }
}

/** null: there is no object. STORE_DAMAGED. */
async function readCurrent(place: string, key: string): Promise<ObjectVersion | null> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const names = await readdirOrNull(place)
    if (names === null) return null
    const current = names.filter((name) => name.endsWith(CURRENT))
    if (current.length === 1) return parseVersionName(current[0]!.slice(0, -CURRENT.length), whereOf(key))
  }
  throw damagedObject(whereOf(key), 'Its folder does not say which version is the current one.')
}

async function readdirOrNull(path: string): Promise<string[] | null> {
  try {
    return await readdir(path)
  } catch (error) {
    if (callCode(error) === 'ENOENT') return null
    throw error
  }
}

async function isThere(path: string): Promise<boolean> {
  return (await unless(['ENOENT'], stat(path)))
}

/** false: it failed with one of these codes. */
async function unless(codes: readonly string[], call: Promise<unknown>): Promise<boolean> {
  try {
    await call
    return true
  } catch (error) {
    if (codes.includes(callCode(error) ?? '')) return false
    throw error
  }
}

async function withCodes<T>(where: string, use: () => Promise<T>): Promise<T> {
  try {
    return await use()
  } catch (error) {
    throw asTidemarkError(error, where)
  }
}

function placeOf(folder: string, key: string): string {
  return join(folder, `${key}@`)
}

function whereOf(key: string): string {
  return `object ${key}`
}

function missing(key: string): TidemarkError {
  return new TidemarkError([{
    code: 'OBJECT_MISSING', message: 'There is no object of this key.', where: whereOf(key),
    action: 'Restore it from a copy of the folder: objects that a manifest names are never removed by Tidemark.',
  }])
}
