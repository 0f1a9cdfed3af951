// The calls by which the object store changes the file system. A type of its own, so that a test may fill the disk or stop the process at
// any of them.

import { link, mkdir, open, rename, rm } from 'node:fs/promises'

export interface FileCalls {
  /** Creates a file of these bytes and flushes it. */
  write(path: string, chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void>
  /** Flushes which names a folder has. */
  syncFolder(path: string): Promise<void>
  /** Fails with EEXIST where there is one. */
  makeFolder(path: string): Promise<void>
  rename(from: string, to: string): Promise<void>
  link(from: string, to: string): Promise<void>
  /** Removes a file or folder with all that is in it; nothing there is fine. */
  remove(path: string): Promise<void>
}

export const FILE_CALLS: FileCalls = {
  async write(path, chunks) {
    await using file = await open(path, 'wx')
    for await (const chunk of chunks) await file.writeFile(chunk)
    await file.sync()
  },
  async syncFolder(path) {
    await using folder = await open(path, 'r')
    await folder.sync()
  },
  makeFolder: (path) => mkdir(path),
  rename,
  link,
  remove: (path) => rm(path, { recursive: true, force: true }),
}

/** The code of a failed call: `ENOENT`. */
export function callCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : undefined
}
