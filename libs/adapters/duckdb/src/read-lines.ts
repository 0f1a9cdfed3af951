// Splits a stream of bytes at line feeds, a read at a time. A line beyond the limit of a record is cut to just over it: the decoder
// rejects it by its size, and memory stays bounded however long it is.
import { EVENT_SIZE_MAX_BYTES } from '@tidemark/feature-schema/limits'

const LINE_FEED = 0x0a

/** Lines without their ends, blank ones left out, in the batches that reading made. */
export async function* readLines(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array[]> {
  let pending: Uint8Array[] = []
  let pendingBytes = 0
  const keep = (part: Uint8Array): void => {
    const room = EVENT_SIZE_MAX_BYTES + 1 - pendingBytes
    if (room <= 0 || part.length === 0) return
    pending.push(part.subarray(0, room))
    pendingBytes += Math.min(part.length, room)
  }
  const take = (): Uint8Array => {
    const line = pending.length === 1 ? pending[0]! : Buffer.concat(pending)
    pending = []
    pendingBytes = 0
    return line
  }
  for await (const bytes of stream) {
    const lines: Uint8Array[] = []
    let start = 0
    for (let end = bytes.indexOf(LINE_FEED); end !== -1; end = bytes.indexOf(LINE_FEED, start)) {
      keep(bytes.subarray(start, end))
      const line = take()
      if (!isBlank(line)) lines.push(line)
      start = end + 1
    }
    keep(bytes.subarray(start))
    if (lines.length > 0) yield lines
  }
  const last = take()
  if (!isBlank(last)) yield [last]
}

function isBlank(line: Uint8Array): boolean {
  return line.every((byte) => byte === 0x20 || byte === 0x0d || byte === 0x09)
}
