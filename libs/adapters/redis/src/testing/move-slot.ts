// Moves a slot of a Cluster as `redis-cli --cluster reshard` does: both nodes are told, keys go one after the other, then all are told
// whose the slot is. Meanwhile what is still there is served by the old node, and of the rest it says ASK.
import { connectRedis, type RedisClient } from '@tidemark/redis-client/redis-connection'

const MIGRATE_LIMIT_MS = 5_000

/** The slot of a key that there is, to the next of the nodes; `whileMoving` once the keys are gone and nobody has been told. */
export async function moveSlot(nodes: readonly string[], key: string, whileMoving: () => Promise<void> = async () => undefined): Promise<void> {
  await using connections = new AsyncDisposableStack()
  const clients: RedisClient[] = []
  for (const node of nodes) clients.push(connections.use(await connectRedis({ server: { url: `redis://${node}` } })).client)
  const slot = await clients[0]!.cluster('KEYSLOT', key)
  const counts = await Promise.all(clients.map((client) => client.cluster('COUNTKEYSINSLOT', slot)))
  const from = counts.findIndex((count) => count > 0)
  const to = (from + 1) % nodes.length
  const [source, target] = [clients[from]!, clients[to]!]
  const [sourceId, targetId] = await Promise.all([source, target].map((client) => client.cluster('MYID') as Promise<string>)) as [string, string]
  await target.cluster('SETSLOT', slot, 'IMPORTING', sourceId)
  await source.cluster('SETSLOT', slot, 'MIGRATING', targetId)
  const [host, port] = nodes[to]!.split(':') as [string, string]
  for (const each of await source.cluster('GETKEYSINSLOT', slot, 100)) await source.migrate(host, port, `${each}`, 0, MIGRATE_LIMIT_MS)
  await whileMoving()
  await target.cluster('SETSLOT', slot, 'NODE', targetId)
  await source.cluster('SETSLOT', slot, 'NODE', targetId)
}
