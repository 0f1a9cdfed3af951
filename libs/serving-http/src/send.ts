// How every answer leaves.

import type { ServerResponse } from 'node:http'

/** Answers with JSON text. */
export function send(response: ServerResponse, status: number, text: string, contentType = 'application/json'): void {
  // Text, which Node writes together with the head; a buffer would be a write of its own.
  response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(text) }).end(text)
}
