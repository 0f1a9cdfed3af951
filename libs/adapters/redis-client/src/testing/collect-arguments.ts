// The arguments that would be packed, each on its own: texts as strings, bytes as buffers, as the client itself takes them.

import type { ArgumentSink } from '../resp-packer.ts'

export type Argument = string | Buffer

export function collectArguments(fill: (to: ArgumentSink) => void): Argument[] {
  const collected: Argument[] = []
  fill({
    text: (text) => collected.push(text),
    bytes: (bytes) => collected.push(Buffer.from(bytes)),
    joined: (prefix, bytes) => collected.push(Buffer.concat([prefix, bytes])),
  })
  return collected
}
