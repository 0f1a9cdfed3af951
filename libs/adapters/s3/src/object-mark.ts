// What every object that Tidemark puts says of itself, as one value of its metadata, `x-amz-meta-tidemark`:
//
//   1 0d3fa19b22c7e1 1048576 9ae0c1f4
//   │ │              │       └ CRC-32 of its bytes, 8 hexadecimal digits
//   │ │              └ its size in bytes
//   │ └ which call put it: the revision drawn for that call, 14 hexadecimal digits
//   └ format version
//
// The sum is checked whenever the bytes are read, whatever the server itself knows of checksums. Who has lost the answer to a conditional put
// finds out by the revision whether the object is his.

import { crc32 } from 'node:zlib'
import type { Revision } from '@tidemark/ports/revision'
import { damagedObject, problem } from './s3-errors.ts'

const FORMAT_VERSION = '1'
const METADATA_NAME = 'tidemark'
const FORM = /^1 ([0-9a-f]+) (\d{1,16}) ([0-9a-f]{8})$/

export interface ObjectMark {
  readonly write: string
  readonly sizeBytes: number
  readonly checksum: number
}

export function markOf(revision: Revision, sizeBytes: number, checksum: number): ObjectMark {
  return { write: revision.toString(16).padStart(14, '0'), sizeBytes, checksum }
}

export function metadataOf({ write, sizeBytes, checksum }: ObjectMark): Record<string, string> {
  return { [METADATA_NAME]: [FORMAT_VERSION, write, sizeBytes, checksum.toString(16).padStart(8, '0')].join(' ') }
}

/** null: something else than Tidemark put the object there. STORE_TOO_NEW, STORE_DAMAGED. */
export function parseMark(metadata: Readonly<Record<string, string>> | undefined, where: string): ObjectMark | null {
  const text = metadata?.[METADATA_NAME]
  if (text === undefined) return null
  const version = text.split(' ', 1)[0]
  if (version !== FORMAT_VERSION) throw problem('STORE_TOO_NEW', where, `Its mark has format version ${version}; this release reads up to ${FORMAT_VERSION}.`, 'Use the release that wrote it, or a newer one.')
  const [, write, size, checksum] = FORM.exec(text) ?? []
  if (write === undefined) throw damagedObject(where, `Its mark is ${JSON.stringify(text)}, which says no size and checksum.`)
  return { write, sizeBytes: Number(size), checksum: Number.parseInt(checksum!, 16) }
}

/** Size and CRC-32 of bytes that come in chunks. */
export class ContentSum {
  sizeBytes = 0
  checksum = 0

  add(chunk: Uint8Array): void {
    this.sizeBytes += chunk.length
    this.checksum = crc32(chunk, this.checksum)
  }

  /** STORE_DAMAGED. */
  assertIs(mark: ObjectMark, where: string): void {
    if (this.sizeBytes !== mark.sizeBytes) throw damagedObject(where, `It has ${this.sizeBytes} bytes, and was put with ${mark.sizeBytes}.`)
    if (this.checksum !== mark.checksum) throw damagedObject(where, 'Its bytes are not those that were put: the checksum differs.')
  }
}

export function sumOf(bytes: Uint8Array): ContentSum {
  const sum = new ContentSum()
  sum.add(bytes)
  return sum
}

/** As S3's headers have it: base64 of the four bytes, big-endian. */
export function base64Of(checksum: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(checksum)
  return bytes.toString('base64')
}
