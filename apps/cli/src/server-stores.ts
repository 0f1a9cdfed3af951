// The stores of a system of services, on the servers that its settings name (docs/services.md): opened as they are, within a time, and nothing is made.
import { createSystemClock } from '@tidemark/machine/system-clock'
import type { RegisterStore } from '@tidemark/ports/register-store'
import { cassandraSettings, openCassandraStores, type CassandraSettings } from '@tidemark/service-kit/cassandra-server'
import { namespaceSettings } from '@tidemark/service-kit/common-settings'
import { kafkaSettings, openLog } from '@tidemark/service-kit/kafka-server'
import { openServersInTime } from '@tidemark/service-kit/open-servers'
import { openSpeedViews, redisStateSettings } from '@tidemark/service-kit/redis-servers'
import { readSettings, type Environment, type GroupsValues, type SettingsGroup } from '@tidemark/service-kit/settings'
import type { OpenStores, StoreName } from './stores.ts'

/** Whoever has typed a command does not wait for a server as a service does. */
const OPENED_WITHIN_MS = 15_000
/** What the brokers call a command. */
const CLIENT_ID = 'tidemark-command'
/** Services say what of the servers' settings is worth a thought. */
const UNHEARD = { onNotice: () => undefined }

const SETTINGS = { registers: cassandraSettings, log: kafkaSettings, speedViews: redisStateSettings }

/** Throws SETTINGS_INVALID with all that is wrong; STORE_UNAVAILABLE where a server does not answer in time; what the stores' openers throw; the signal's reason. */
export async function openServerStores<N extends StoreName>(names: readonly N[], environment: Environment, signal: AbortSignal): Promise<OpenStores<N> & AsyncDisposable> {
  const asked = Object.fromEntries(names.map((name) => [name, SETTINGS[name] as SettingsGroup<unknown>]))
  const { namespace, ...settings } = readSettings(environment, { namespace: namespaceSettings, ...asked })
  const { registers, log, speedViews } = settings as Partial<GroupsValues<typeof SETTINGS>>
  const stores = await openServersInTime({
    ...(registers && { registers: () => openRegisters(registers) }),
    ...(log && { log: () => openLog(log, CLIENT_ID) }),
    ...(speedViews && { speedViews: () => openSpeedViews(speedViews, UNHEARD) }),
  }, { withinMs: OPENED_WITHIN_MS, clock: createSystemClock(), signal })
  return { ...stores, place: { servers: namespace } } as unknown as OpenStores<N> & AsyncDisposable
}

export interface RegistersToWrite extends AsyncDisposable {
  readonly registers: RegisterStore
  readonly namespace: string
  /** Which holds them; it has this release's tables. */
  readonly keyspace: string
}

/** Of the registers alone, which are made where the settings say with how many replicas. Throws what `openServerStores` throws. */
export async function openRegistersToWrite(environment: Environment, signal: AbortSignal): Promise<RegistersToWrite> {
  const { namespace, cassandra } = readSettings(environment, { namespace: namespaceSettings, cassandra: cassandraSettings })
  const { stores } = await openServersInTime({ stores: () => openCassandraStores(cassandra, UNHEARD) }, { withinMs: OPENED_WITHIN_MS, clock: createSystemClock(), signal })
  return { namespace, keyspace: cassandra.keyspace, registers: stores.registers, [Symbol.asyncDispose]: () => stores[Symbol.asyncDispose]() }
}

/** Those of a keyspace that services have made. */
async function openRegisters(settings: CassandraSettings): Promise<RegisterStore> {
  const stores = await openCassandraStores({ ...settings, mustExist: true }, UNHEARD)
  return { ...stores.registers, [Symbol.asyncDispose]: () => stores[Symbol.asyncDispose]() }
}
