// The file name of one version of an object: `0d3fa19b22c7e1.48213.9ae0c1f4` is its tag (the revision, 14 hex digits), the size of its
// bytes and their crc32 (8 hex digits).

import { createReadStream } from 'node:fs'
import { crc32 } from 'node:zlib'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { ETag } from '@tidemark/ports/object-store'
import type { Revision } from '@tidemark/ports/revision'
import { damagedObject } from './embedded-errors.ts'

export interface ObjectVersion {
  readonly etag: ETag
  readonly sizeBytes: number
  readonly checksum: number
}

export function etagOf(revision: Revision): ETag {
  return revision.toString(16).padStart(14, '0')
}

export function versionName({ etag, sizeBytes, checksum }: ObjectVersion): string {
  return `${etag}.${sizeBytes}.${checksum.toString(16).padStart(8, '0')}`
}

/** Throws STORE_DAMAGED. */
export function parseVersionName(name: string, where: string): ObjectVersion {
  const match = /^([0-9a-f]{14})\.(\d{1,15})\.([0-9a-f]{8})$/.exec(name)
  if (match === null) throw damagedObject(where, `${name} does not name a version of an object.`)
  return { etag: match[1]!, sizeBytes: Number(match[2]), checksum: parseInt(match[3]!, 16) }
}

/** Adds up the chunks that pass through it. */
export class ContentSum {
  sizeBytes = 0
  checksum = 0

  add(chunk: Uint8Array): void {
    this.sizeBytes += chunk.length
    this.checksum = crc32(chunk, this.checksum)
  }

  /** The same chunks, added on their way. */
  async *of(chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      this.add(chunk)
      yield chunk
    }
  }

  /** Throws STORE_DAMAGED unless this is what the version says. */
  assertIs(version: ObjectVersion, where: string): void {
    if (this.sizeBytes !== version.sizeBytes) throw damagedObject(where, `It has ${this.sizeBytes} bytes, of ${version.sizeBytes} that were written.`)
    if (this.checksum !== version.checksum) throw damagedObject(where, 'Its checksum is not that of what was written.')
  }
}

const READ_SIZE_BYTES = 1_048_576

export function readChunks(path: string): AsyncIterable<Uint8Array> {
  return createReadStream(path, { highWaterMark: READ_SIZE_BYTES })
}

/** The same of a file that is not the store's own. INPUT_UNREADABLE. */
export async function* readLocalFile(path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* readChunks(path)
  } catch (cause) {
    throw new TidemarkError([{ code: 'INPUT_UNREADABLE', message: `It cannot be read (${(cause as Error).message}).`, where: path, action: 'Check the path, and that this process may read it.' }], { cause })
  }
}
