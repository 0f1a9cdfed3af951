// Applies definitions to the servers that an environment names, for suites and demos, as `tidemark apply` does it for people.

import { createSystemClock } from '@tidemark/machine/system-clock'
import type { Definitions } from '@tidemark/feature-schema/definition'
import type { AppliedDefinitions } from '@tidemark/pipelines/definitions/applied-register'
import { commitApply, prepareApply } from '@tidemark/pipelines/definitions/apply-definitions'
import { cassandraSettings, openCassandraStores } from '../cassandra-server.ts'
import { readSettings, type Environment } from '../settings.ts'

/** Makes the keyspace where the environment says with how many replicas. Throws what applying throws, and opening. */
export async function applyToServers(environment: Environment, definitions: Definitions, retire: readonly string[] = []): Promise<AppliedDefinitions> {
  const { cassandra } = readSettings(environment, { cassandra: cassandraSettings })
  await using stores = await openCassandraStores(cassandra, { onNotice: () => undefined })
  const request = { registers: stores.registers, definitions, retire }
  return await commitApply(request, await prepareApply(request), createSystemClock(), 'a suite')
}
