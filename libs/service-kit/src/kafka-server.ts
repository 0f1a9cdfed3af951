// The log and its consumer groups on Kafka: how a service is told of it, and how it opens it.

import { openKafkaConsumerGroups, type KafkaConsumerGroups, type KafkaConsumerGroupsOptions } from '@tidemark/adapter-kafka/kafka-consumer-groups'
import { openKafkaEventLog, type KafkaEventLog } from '@tidemark/adapter-kafka/kafka-event-log'
import type { KafkaOptions } from '@tidemark/adapter-kafka/kafka-options'
import { namespaceKind } from './common-settings.ts'
import { observed, type Observation } from './server-calls.ts'
import { addresses, oneOf, text, wholeNumber } from './setting-kinds.ts'
import { settingsGroup } from './settings.ts'
import { TLS_VARIABLES, tlsOf, unpaired } from './tls-settings.ts'

const PREFIX = 'TIDEMARK_KAFKA_'
const PARTITIONS_DEFAULT = 4

export interface KafkaSettings {
  readonly options: Omit<KafkaOptions, 'clientId'>
  /** Of topics that are made. */
  readonly partitionCount: number
}

export const kafkaSettings = settingsGroup({
  prefix: PREFIX,
  variables: {
    TIDEMARK_NAMESPACE: namespaceKind,
    BROKERS: addresses('some brokers').describe('Where the cluster is.'),
    SASL_MECHANISM: oneOf('PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512').optional().describe('How it says so.'),
    SASL_USERNAME: text('Give the name of a user.').optional().describe('Who this process is.'),
    SASL_PASSWORD: text("Give the user's password.").optional().describe('How it proves it.'),
    ...TLS_VARIABLES,
    PARTITIONS: wholeNumber(1, 1_024).default(PARTITIONS_DEFAULT).describe('How many a topic has that is made; one that has fewer is given more.'),
    REPLICATION_FACTOR: wholeNumber(1, 32).optional().meta({ description: 'How many copies a topic has that is made.', unset: "the brokers'" }),
  },
  secrets: ['SASL_PASSWORD'],
  check: (given) => [
    ...unpaired(given, 'SASL_USERNAME', 'SASL_MECHANISM', PREFIX),
    ...unpaired(given, 'TLS_CERT_FILE', 'TLS_KEY_FILE', PREFIX),
    ...(given.SASL_USERNAME !== undefined && given.SASL_PASSWORD === undefined ? [{ name: 'SASL_PASSWORD' as const, message: `It is not given, but ${PREFIX}SASL_USERNAME is.`, action: 'Give both, or neither.' }] : []),
  ],
  become: (values): KafkaSettings => {
    const { TIDEMARK_NAMESPACE: namespace, BROKERS: brokers, SASL_MECHANISM: mechanism, SASL_USERNAME: username, SASL_PASSWORD: password, PARTITIONS: partitionCount, REPLICATION_FACTOR: replicationFactor } = values
    const tls = tlsOf(values)
    return {
      partitionCount,
      options: {
        brokers, namePrefix: `${namespace}.`,
        ...(mechanism !== undefined && { sasl: { mechanism, username: username!, password: password! } }),
        ...(tls && { tls }),
        ...(replicationFactor !== undefined && { replicationFactor }),
      },
    }
  },
})

/** `clientId`: what the brokers call this process. Throws what the cluster answers, or that it does not. */
export async function openLog({ options }: KafkaSettings, clientId: string, observation: Observation = {}): Promise<KafkaEventLog> {
  const log = openKafkaEventLog({ ...options, clientId })
  try {
    // It connects when it is first asked.
    await log.topics()
    return observed(observation, 'log', log, { load: () => log.load() })
  } catch (error) {
    await log[Symbol.asyncDispose]()
    throw error
  }
}

export function openGroups({ options }: KafkaSettings, clientId: string, { onNotice }: Required<Pick<KafkaConsumerGroupsOptions, 'onNotice'>>): KafkaConsumerGroups {
  return openKafkaConsumerGroups({ ...options, clientId, onNotice })
}
