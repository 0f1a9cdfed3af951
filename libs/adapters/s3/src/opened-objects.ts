// Local files that hold objects while engines read them, in a folder of this process's own, which goes with it.

import { mkdtemp, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { openProcessFolder, type ProcessFolder } from '@tidemark/machine/process-folder'

export class OpenedObjects implements AsyncDisposable {
  readonly #folder: ProcessFolder

  private constructor(folder: ProcessFolder) {
    this.#folder = folder
  }

  /** Below this folder, which is made where it is missing; what killed processes left there is removed. OUTPUT_FAILED. */
  static async create(under: string): Promise<OpenedObjects> {
    return new OpenedObjects(await openProcessFolder(under))
  }

  /** A path for an object, in a folder of its own. */
  async pathFor(key: string): Promise<string> {
    return join(await mkdtemp(join(this.#folder.path, 'object-')), basename(key))
  }

  /** Removes what is at a path that `pathFor` gave, and its folder. */
  async remove(path: string): Promise<void> {
    await rm(join(path, '..'), { recursive: true, force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#folder[Symbol.asyncDispose]()
  }
}
