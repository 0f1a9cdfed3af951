// Reads the body of a request up to a limit. A longer one is refused as soon as that is known, and read to its end and thrown away meanwhile: many a
// client hears why only once it has sent all. Text is UTF-8, and nothing is compressed: what is sent otherwise is refused, never guessed at.

import { isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import { TidemarkError } from '@tidemark/feature-schema/errors'

/** Its HTTP status is 415, which USAGE alone does not say. */
export class WrongMediaType extends TidemarkError {}

/** The media type that a body must have, where it names one, and how it is written. */
export interface AcceptedType {
  readonly pattern: RegExp
  readonly name: string
}

const JSON_TYPE: AcceptedType = { pattern: /^application\/(?:[\w.+-]+\+)?json\b/i, name: 'application/json' }

/** The text of a JSON body; one that names no type is taken as JSON. Throws USAGE or REQUEST_TOO_LARGE. */
export async function readJsonBody(request: IncomingMessage, sizeMaxBytes: number): Promise<string> {
  const bytes = request.headers['content-type'] === undefined ? await readPlain(request, sizeMaxBytes) : (await readBody(request, sizeMaxBytes, [JSON_TYPE])).bytes
  if (isUtf8(bytes)) return bytes.toString('utf8')
  throw new TidemarkError([{ code: 'USAGE', message: 'It is not UTF-8.', where: 'body', action: 'Send JSON as UTF-8.' }])
}

/**
 * The bytes of a body of one of the types, and which. The type must be named: without one, any page that a browser shows could send it here.
 * Throws USAGE or REQUEST_TOO_LARGE.
 */
export async function readBody(request: IncomingMessage, sizeMaxBytes: number, accepted: readonly AcceptedType[]): Promise<{ bytes: Buffer; type: AcceptedType }> {
  const said = request.headers['content-type'] ?? 'not given'
  const type = accepted.find(({ pattern }) => pattern.test(said))
  if (type === undefined) {
    throw refuseMedia(request, 'content-type', `The content type is ${said}.`, `Send ${accepted.map(({ name }) => name).join(' or ')}.`)
  }
  const charset = CHARSET.exec(said)?.[1]
  if (charset !== undefined && !/^utf-?8$/i.test(charset)) throw refuseMedia(request, 'content-type', `The charset is ${charset}.`, 'Send UTF-8.')
  return { bytes: await readPlain(request, sizeMaxBytes), type }
}

const CHARSET = /;\s*charset\s*=\s*"?([^";\s]*)/i

/** The bytes as they were sent, where nothing says that they are of something else. */
async function readPlain(request: IncomingMessage, sizeMaxBytes: number): Promise<Buffer> {
  const encoding = request.headers['content-encoding'] ?? 'identity'
  if (encoding.toLowerCase() === 'identity') return collect(request, sizeMaxBytes)
  throw refuseMedia(request, 'content-encoding', `The body is encoded as ${encoding}.`, 'Send it as it is, without a content-encoding.')
}

function refuseMedia(request: IncomingMessage, where: string, message: string, action: string): WrongMediaType {
  request.resume()
  return new WrongMediaType([{ code: 'USAGE', message, where, action }])
}

function collect(request: IncomingMessage, sizeMaxBytes: number): Promise<Buffer> {
  const announcedBytes = Number(request.headers['content-length'] ?? 0)
  if (announcedBytes > sizeMaxBytes) {
    request.resume()
    return Promise.reject(tooLarge(`It has ${announcedBytes} bytes`, sizeMaxBytes))
  }
  return new Promise((resolve, reject) => {
    let chunks: Buffer[] = []
    let sizeBytes = 0
    request.on('data', (chunk: Buffer) => {
      sizeBytes += chunk.length
      if (sizeBytes <= sizeMaxBytes) return void chunks.push(chunk)
      chunks = []
      reject(tooLarge('It has more bytes than the limit', sizeMaxBytes))
    })
    request.on('end', () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)))
    // Nobody hears the answer; it is no error of the server's.
    request.on('error', (error) => reject(new TidemarkError([{ code: 'USAGE', message: `The client hung up: ${error.message}.`, where: 'body', action: 'Send all of it.' }], { cause: error })))
  })
}

function tooLarge(what: string, sizeMaxBytes: number): TidemarkError {
  return new TidemarkError([{ code: 'REQUEST_TOO_LARGE', message: `${what}; the limit is ${sizeMaxBytes}.`, where: 'body', action: 'Send it in several requests.' }])
}
