// Reads of many keys, those of one server in one packet. Where a slot has moved, or a server is gone, what failed is asked one by one: the
// client follows each to where it is.

import calculateSlot from 'cluster-key-slot'
import type { ChainableCommander } from 'ioredis'
import { isCluster, type RedisClient } from './redis-connection.ts'

/** Replies in the order of the reads. `add` puts a read into a pipeline, `ask` asks it alone; both have no effect. */
export async function pipelineByNode<T, Reply>(
  client: RedisClient, reads: readonly T[], keyOf: (read: T) => string, add: (pipeline: ChainableCommander, read: T) => unknown, ask: (read: T) => Promise<Reply>,
): Promise<Reply[]> {
  const replies = new Array<Reply>(reads.length)
  await Promise.all(groupByNode(client, reads, keyOf).map(async (group) => {
    const pipeline = client.pipeline()
    for (const i of group) add(pipeline, reads[i]!)
    const results = await pipeline.exec().catch(() => null)
    const failed: number[] = []
    for (const [at, i] of group.entries()) {
      const [error, reply] = results?.[at] ?? [true]
      if (error) failed.push(i)
      else replies[i] = reply as Reply
    }
    await Promise.all(failed.map(async (i) => (replies[i] = await ask(reads[i]!))))
  }))
  return replies
}

/** Indexes of the reads, by the servers of their slots. */
function groupByNode<T>(client: RedisClient, reads: readonly T[], keyOf: (read: T) => string): number[][] {
  if (!isCluster(client)) return [reads.map((_, i) => i)]
  const groups = new Map<string, number[]>()
  for (const [i, read] of reads.entries()) {
    const servers = client.slots[calculateSlot(keyOf(read))]?.join() ?? ''
    const group = groups.get(servers)
    if (group === undefined) groups.set(servers, [i])
    else group.push(i)
  }
  return [...groups.values()]
}
