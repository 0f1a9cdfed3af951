// A command whose bytes are packed by us (resp-packer.ts) and sent by the client as they are, however often it is sent: again after MOVED and ASK, and
// from the queue of a connection that was not yet there.

import { Command, type ChainableCommander, type Pipeline } from 'ioredis'
import type { RedisClient } from './redis-connection.ts'
import { packCommand, type ArgumentSink } from './resp-packer.ts'

export interface PackedCall {
  /** In lower case. */
  readonly name: string
  /** The first arguments, through the first key: by it the client of a Cluster finds the server. */
  readonly routing: readonly string[]
  readonly bytes: Buffer
}

/** `fill` gives all arguments, those that `routing` has included. */
export function packCall(name: string, routing: readonly string[], fill: (to: ArgumentSink) => void): PackedCall {
  return { name, routing, bytes: packCommand(name, fill) }
}

/** For one sending. Its reply's texts are buffers. */
class PackedCommand extends Command {
  private readonly packed: Buffer

  constructor({ name, routing, bytes }: PackedCall) {
    super(name, [...routing], { replyEncoding: null })
    this.packed = bytes
  }

  override toWritable(): Buffer {
    return this.packed
  }
}

export function sendPacked<Reply>(client: RedisClient, call: PackedCall): Promise<Reply> {
  return client.sendCommand(new PackedCommand(call)) as Promise<Reply>
}

export function addPacked(pipeline: ChainableCommander, call: PackedCall): void {
  // Every pipeline of the client is one, which its types do not say.
  ;(pipeline as unknown as Pipeline).sendCommand(new PackedCommand(call))
}
