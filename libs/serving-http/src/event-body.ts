// The records in a body of events: one JSON object, an array of them, or one record a line. Each record keeps the bytes that were sent, so
// that the log holds what its producer said, digits and all.

import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { AcceptedType } from './request-body.ts'

export const EVENTS_PER_REQUEST_MAX = 10_000
export const EVENTS_BODY_SIZE_MAX_BYTES = 16 * 1_048_576

const JSON_BODY: AcceptedType = { pattern: /^application\/json\b/i, name: 'application/json' }
const LINES_BODY: AcceptedType = { pattern: /^application\/(?:x-ndjson|ndjson|jsonl|x-jsonlines)\b/i, name: 'application/x-ndjson' }

/** The media types of a body of events. */
export const EVENT_BODY_TYPES: readonly AcceptedType[] = [JSON_BODY, LINES_BODY]

/** The bytes of each record, in order. A record that is none is the decoder's to reject. Throws USAGE or REQUEST_TOO_LARGE. */
export function recordsOf(bytes: Buffer, type: AcceptedType): Uint8Array[] {
  const records = type === LINES_BODY ? linesOf(bytes) : jsonRecords(bytes)
  if (records.length <= EVENTS_PER_REQUEST_MAX) return records
  throw new TidemarkError([{
    code: 'REQUEST_TOO_LARGE', message: `It has ${records.length} records; the limit is ${EVENTS_PER_REQUEST_MAX}.`, where: 'body',
    action: `Send them in several requests, each with at most ${EVENTS_PER_REQUEST_MAX}.`,
  }])
}

function linesOf(bytes: Buffer): Uint8Array[] {
  const lines: Uint8Array[] = []
  for (let from = 0; from < bytes.length; ) {
    const found = bytes.indexOf(LINE_FEED, from)
    const end = found < 0 ? bytes.length : found
    const line = trim(bytes, from, end)
    if (line.length > 0) lines.push(line)
    from = end + 1
  }
  return lines
}

function jsonRecords(bytes: Buffer): Uint8Array[] {
  const parsed = parse(bytes)
  if (Array.isArray(parsed)) return elementsOf(bytes)
  if (typeof parsed === 'object' && parsed !== null) return [trim(bytes, 0, bytes.length)]
  throw usage('It is neither a JSON object nor an array.')
}

function parse(bytes: Buffer): unknown {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (error) {
    throw usage('It is not UTF-8.', error)
  }
  try {
    return JSON.parse(text)
  } catch (error) {
    throw usage(`It is not JSON: ${(error as Error).message}.`, error)
  }
}

function usage(message: string, cause?: unknown): TidemarkError {
  const action = 'Send a JSON object or an array of them; records one a line are of content-type application/x-ndjson.'
  return new TidemarkError([{ code: 'USAGE', message, where: 'body', action }], { cause })
}

const [LINE_FEED, QUOTE, BACKSLASH, COMMA] = [0x0a, 0x22, 0x5c, 0x2c]
const OPENING: ReadonlySet<number> = new Set([0x5b, 0x7b])
const CLOSING: ReadonlySet<number> = new Set([0x5d, 0x7d])
const SPACES: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d])

/** The elements of an array that has been parsed, each as it was written: what is between brackets and commas of the first depth. */
function elementsOf(bytes: Buffer): Uint8Array[] {
  const elements: Uint8Array[] = []
  let [depth, from, isInString] = [0, 0, false]
  const take = (end: number): void => {
    const element = trim(bytes, from, end)
    if (element.length > 0) elements.push(element)
    from = end + 1
  }
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!
    if (isInString) {
      if (byte === BACKSLASH) at++
      else if (byte === QUOTE) isInString = false
    } else if (byte === QUOTE) {
      isInString = true
    } else if (OPENING.has(byte)) {
      if (++depth === 1) from = at + 1
    } else if (CLOSING.has(byte)) {
      if (--depth === 0) take(at)
    } else if (byte === COMMA && depth === 1) {
      take(at)
    }
  }
  return elements
}

function trim(bytes: Buffer, from: number, end: number): Uint8Array {
  let [first, last] = [from, end]
  while (first < last && SPACES.has(bytes[first]!)) first++
  while (last > first && SPACES.has(bytes[last - 1]!)) last--
  return bytes.subarray(first, last)
}
