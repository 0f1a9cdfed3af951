// What the adapters cost beside their bare clients, on the real servers: on those of the set that TIDEMARK_SERVERS_SET names, else on servers that
// are started for this and ended after it. `npm run bench -- adapters`; TIDEMARK_BENCH_ADAPTERS=kafka,redis measures these alone.

import type { Addresses } from '@tidemark/servers/addresses'
import { startServers } from '@tidemark/servers/server-set'
import { SHARED_SET_VARIABLE, sharedServers } from '@tidemark/servers/shared-servers'
import { openCassandraContests } from './adapters/cassandra-contests.ts'
import { measureContest, type Contests } from './adapters/contest.ts'
import { openKafkaContests } from './adapters/kafka-contests.ts'
import { openRedisContests } from './adapters/redis-contests.ts'
import { openS3Contests } from './adapters/s3-contests.ts'
import type { Benchmark, Figure } from './benchmark.ts'

const SERVERS = ['kafka', 'cassandra', 's3', 'redis', 'redis-cache'] as const
const OPENERS: Readonly<Record<string, (addresses: Addresses) => Promise<Contests>>> = {
  kafka: openKafkaContests, redis: openRedisContests, cassandra: openCassandraContests, s3: openS3Contests,
}

export const benchmark: Benchmark = {
  question: "What does each adapter cost of the process's CPU beside its bare client, for each operation?",
  async run() {
    const names = process.env.TIDEMARK_BENCH_ADAPTERS?.split(',') ?? Object.keys(OPENERS)
    await using opened = new AsyncDisposableStack()
    const addresses = process.env[SHARED_SET_VARIABLE] === undefined ? opened.use(await startServers({ names: SERVERS })).addresses : await sharedServers(...SERVERS)
    const figures: Figure[] = []
    for (const name of names) {
      await using contests = await OPENERS[name]!(addresses)
      for (const contest of contests.contests) figures.push(await measureContest(contest))
    }
    return { input: 'one process and each server on the same machine; CPU is of the process, its threads included, servers not', figures }
  },
}
