// Splits a stream of bytes at line feeds, a read at a time. Of a line beyond the limit of a record only the size is kept, so that
// memory stays bounded however long it is.
import { EVENT_SIZE_MAX_BYTES } from '@tidemark/feature-schema/limits'

export interface Line {
  /** Without its end; empty where the line is too long. */
  readonly bytes: Uint8Array
  readonly sizeBytes: number
}

const LINE_FEED = 0x0a

/** Lines, blank ones left out, in the batches that reading made. */
export async function* readLines(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Line[]> {
  let parts: Uint8Array[] = []
  let sizeBytes = 0
  const keep = (part: Uint8Array): void => {
    sizeBytes += part.length
    if (sizeBytes > EVENT_SIZE_MAX_BYTES) parts = []
    else parts.push(part)
  }
  const takeInto = (lines: Line[]): void => {
    const bytes = parts.length === 1 ? parts[0]! : Buffer.concat(parts)
    if (sizeBytes > EVENT_SIZE_MAX_BYTES || !isBlank(bytes)) lines.push({ bytes, sizeBytes })
    parts = []
    sizeBytes = 0
  }
  for await (const bytes of stream) {
    const lines: Line[] = []
    let start = 0
    for (let end = bytes.indexOf(LINE_FEED); end !== -1; end = bytes.indexOf(LINE_FEED, start)) {
      keep(bytes.subarray(start, end))
      takeInto(lines)
      start = end + 1
    }
    keep(bytes.subarray(start))
    if (lines.length > 0) yield lines
  }
  const last: Line[] = []
  takeInto(last)
  if (last.length > 0) yield last
}

function isBlank(line: Uint8Array): boolean {
  return line.every((byte) => byte === 0x20 || byte === 0x0d || byte === 0x09)
}
