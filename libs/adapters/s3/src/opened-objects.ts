// Local files that hold objects while engines read them. Each process has a folder of its own for them, which goes with it; one that was killed
// leaves its folder, and whoever begins beside it removes that.

import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, join } from 'node:path'
import { asTidemarkError } from './s3-errors.ts'

const host = createHash('sha256').update(hostname()).digest('hex').slice(0, 8)
/** `tidemark-opened-HOST-PID-…`: whether a process runs, only its own host can tell. */
const FOLDER_NAME = /^tidemark-opened-([0-9a-f]{8})-(\d{1,10})-/
/** Of this process: in a container that was started again, the one before had the same id. */
const ownFolders = new Set<string>()

export class OpenedObjects implements AsyncDisposable {
  readonly #folder: string

  private constructor(folder: string) {
    this.#folder = folder
    ownFolders.add(folder)
  }

  /** Below this folder, which is made where it is missing. OUTPUT_FAILED. */
  static async create(under: string): Promise<OpenedObjects> {
    try {
      await mkdir(under, { recursive: true })
      for (const name of await readdir(under)) if (isLeft(under, name)) await rm(join(under, name), { recursive: true, force: true })
      return new OpenedObjects(await mkdtemp(join(under, `tidemark-opened-${host}-${process.pid}-`)))
    } catch (error) {
      throw asTidemarkError(error, under)
    }
  }

  /** A path for an object, in a folder of its own. */
  async pathFor(key: string): Promise<string> {
    return join(await mkdtemp(join(this.#folder, 'object-')), basename(key))
  }

  /** Removes what is at a path that `pathFor` gave, and its folder. */
  async remove(path: string): Promise<void> {
    await rm(join(path, '..'), { recursive: true, force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true })
    ownFolders.delete(this.#folder)
  }
}

function isLeft(under: string, name: string): boolean {
  const [, nameHost, processId] = FOLDER_NAME.exec(name) ?? []
  if (nameHost !== host || ownFolders.has(join(under, name))) return false
  return Number(processId) === process.pid || !isAlive(Number(processId))
}

function isAlive(processId: number): boolean {
  try {
    return process.kill(processId, 0)
  } catch (error) {
    return (error as { code?: unknown }).code === 'EPERM'
  }
}
