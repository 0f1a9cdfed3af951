// Of a Cluster of three that has no keys yet, one of two with a replica: the third node gives its slots away and copies the first.
import { until } from '@tidemark/ports/testing/until'
import { connectRedis, type RedisClient } from '@tidemark/redis-client/redis-connection'

export interface ReplicatedPair extends AsyncDisposable {
  /** The replica has all that the first node has acknowledged so far, and gets no more. */
  endReplication(): Promise<void>
  /** In order: the first node waits for it and loses nothing. By force: the first node is not asked. */
  takeOver(how: 'in order' | 'by force'): Promise<void>
}

export async function makeReplica(nodes: readonly string[]): Promise<ReplicatedPair> {
  await using opened = new AsyncDisposableStack()
  const clients: RedisClient[] = []
  for (const node of nodes) clients.push(opened.use(await connectRedis({ server: { url: `redis://${node}` } })).client)
  const [first, second, third] = clients as [RedisClient, RedisClient, RedisClient]
  const [firstId, , thirdId] = await Promise.all(clients.map((client) => client.cluster('MYID') as Promise<string>)) as [string, string, string]
  const ranges = (await third.cluster('SLOTS')).filter(([, , leader]) => leader![2] === thirdId)
  const slots = ranges.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, i) => from + i))
  // A node that has given its last slot away begins to copy whoever has it, by itself; so it is told last.
  const giveToFirst = async (client: RedisClient): Promise<void> => {
    const pipeline = client.pipeline()
    for (const slot of slots) pipeline.cluster('SETSLOT', slot, 'NODE', firstId)
    for (const [error] of (await pipeline.exec())!) if (error !== null && !/only with masters/.test(error.message)) throw error
  }
  for (const client of [first, second, third]) await giveToFirst(client)
  await until('the third node may copy the first', () => third.cluster('REPLICATE', firstId).then(() => true, () => false))
  const isCopying = async (): Promise<boolean> => /master_link_status:up/.test(await third.info('replication'))
  await until('the third node copies the first', isCopying)
  await until('the others know it', async () => (await second.cluster('NODES') as string).split('\n').some((line) => line.startsWith(thirdId) && line.includes('slave')))
  // What the third node had said of its slots may come to others after they were told, and be taken back with its role: nobody has them then.
  for (const client of [first, second]) await until('all slots are served', async () => {
    if (/cluster_slots_ok:16384/.test(await client.cluster('INFO') as string)) return true
    await giveToFirst(client)
    return false
  })
  const rest = opened.move()
  return {
    async endReplication() {
      await until('the replica has acknowledged all', async () => (await first.wait(1, 0)) === 1)
      await third.config('SET', 'masteruser', 'nobody', 'masterauth', 'wrong')
      await third.client('KILL', 'TYPE', 'master')
      await until('the replica copies no more', async () => !(await isCopying()))
    },
    async takeOver(how) {
      await third.call('CLUSTER', 'FAILOVER', ...(how === 'in order' ? [] : ['TAKEOVER']))
      await until('the replica leads', async () => /role:master/.test(await third.info('replication')))
    },
    [Symbol.asyncDispose]: () => rest.disposeAsync(),
  }
}
