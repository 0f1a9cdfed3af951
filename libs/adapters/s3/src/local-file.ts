// A file of this machine that is put into the object store. INPUT_UNREADABLE wherever it cannot be read.

import { open, type FileHandle } from 'node:fs/promises'
import { TidemarkError } from '@tidemark/feature-schema/errors'

export class LocalFile implements AsyncDisposable {
  readonly sizeBytes: number
  readonly #path: string
  readonly #file: FileHandle

  private constructor(path: string, file: FileHandle, sizeBytes: number) {
    this.#path = path
    this.#file = file
    this.sizeBytes = sizeBytes
  }

  static open(path: string): Promise<LocalFile> {
    return readably(path, async () => {
      const file = await open(path, 'r')
      try {
        const found = await file.stat()
        if (!found.isFile()) throw new Error('it is no file')
        return new LocalFile(path, file, found.size)
      } catch (error) {
        await file.close()
        throw error
      }
    })
  }

  /** Exactly these bytes of it. */
  read(from: number, sizeBytes: number): Promise<Uint8Array> {
    return readably(this.#path, async () => {
      const bytes = Buffer.allocUnsafe(sizeBytes)
      for (let filled = 0; filled < sizeBytes; ) {
        const { bytesRead } = await this.#file.read(bytes, filled, sizeBytes - filled, from + filled)
        if (bytesRead === 0) throw changed(this.#path)
        filled += bytesRead
      }
      return bytes
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close()
  }
}

export function changed(path: string): TidemarkError {
  return unreadable(path, 'It was changed while it was read.', 'Put it again once nobody writes it.')
}

async function readably<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    if (error instanceof TidemarkError) throw error
    throw unreadable(path, `It cannot be read (${(error as Error).message}).`, 'Check the path, and that this process may read it.', { cause: error })
  }
}

function unreadable(where: string, message: string, action: string, options?: ErrorOptions): TidemarkError {
  return new TidemarkError([{ code: 'INPUT_UNREADABLE', message, where, action }], options)
}
