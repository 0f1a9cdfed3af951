// Clients of a shared cluster whose topics, groups and transactions have a prefix of their own, and what happens to real logs.
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { addPartitionsToTxnV3, createTopicsV7, deleteRecordsV2, describeTransactionsV0, endTxnV3, initProducerIdV4, listTransactionsV0, type Connection } from '@platformatic/kafka'
import type { EventLogHarness } from '@tidemark/ports/testing/log-cases'
import { KafkaCluster } from '../kafka-cluster.ts'
import { openKafkaEventLog } from '../kafka-event-log.ts'
import { RECORD_SIZE_MAX_BYTES, type KafkaOptions } from '../kafka-options.ts'
import { prepareBatch } from '../partition-writer.ts'

const TRANSACTION_TIMEOUT_MS = 10_000
const CREATE_TIMEOUT_MS = 10_000

export function testOptions(brokers: readonly string[]): KafkaOptions {
  return { brokers, clientId: 'tidemark-tests', namePrefix: `${randomUUID()}.` }
}

export function kafkaLogHarness(brokers: readonly string[]): EventLogHarness {
  const options = testOptions(brokers)
  const log = openKafkaEventLog(options)
  const other = openKafkaEventLog({ ...options, clientId: 'tidemark-tests-other' })
  const cluster = new KafkaCluster(options)
  return {
    log,
    other,
    nowMs: () => Date.now(),
    step: (byMs) => sleep(byMs),
    hasServerClock: true,
    markerCount: 1,
    hasAsciiNames: true,
    recordSizeMaxBytes: RECORD_SIZE_MAX_BYTES,
    moveStart: (topic, partition, start) => moveStart(cluster, topic, partition, start),
    appendInvisible: (topic, partition, count) => appendAborted(cluster, topic, partition, count - 1),
    async [Symbol.asyncDispose]() {
      for (const client of [log, other, cluster]) await client[Symbol.asyncDispose]()
    },
  }
}

// A broker that has just made a topic may not know yet that it leads it: all of this is tried again.

async function moveStart(cluster: KafkaCluster, topic: string, partition: number, start: number): Promise<void> {
  await cluster.retrying(topic, async () => {
    const { leader } = await cluster.leaderOf(topic, partition)
    return deleteRecordsV2.api.async(await cluster.node(leader), [{ name: cluster.named(topic), partitions: [{ partitionIndex: partition, offset: BigInt(start) }] }], TRANSACTION_TIMEOUT_MS)
  })
}

/** A transaction of so many records that is given up: these, and its marker. */
export async function appendAborted(cluster: KafkaCluster, topic: string, partition: number, recordCount: number): Promise<void> {
  await (await beginTransaction(cluster, topic, partition, recordCount)).end(false)
}

/** A transaction of so many records that somebody has open; `end` decides it, and resolves when its marker is there. */
export async function beginTransaction(cluster: KafkaCluster, topic: string, partition: number, recordCount: number): Promise<{ end(isCommitted: boolean): Promise<void> }> {
  const id = cluster.named(`transaction/${randomUUID()}`)
  const ask = <T>(send: (coordinator: Connection) => Promise<T>): Promise<T> => cluster.retrying(id, async (attemptCount) => send(await cluster.coordinator('transaction', id, attemptCount)))
  const identity = await ask((coordinator) => initProducerIdV4.api.async(coordinator, id, TRANSACTION_TIMEOUT_MS))
  const { producerId, producerEpoch } = identity
  await ask((coordinator) => addPartitionsToTxnV3.api.async(coordinator, [{ transactionalId: id, producerId, producerEpoch, verifyOnly: false, topics: [{ name: cluster.named(topic), partitions: [partition] }] }]))
  const records = Array.from({ length: recordCount }, (_, i) => ({ key: null, value: Buffer.from(`in a transaction ${i}`) }))
  if (recordCount > 0) await cluster.retrying(id, async () => (await prepareBatch(cluster, topic, partition))(records, identity, 0, id))
  return {
    async end(isCommitted) {
      await ask((coordinator) => endTxnV3.api.async(coordinator, id, producerId, producerEpoch, isCommitted))
      for (let state = ''; !state.startsWith('Complete'); ) {
        const { transactionStates: [found] } = await ask((coordinator) => describeTransactionsV0.api.async(coordinator, [id]))
        state = found!.transactionState
      }
    },
  }
}

/** The id of a transaction that clients of this prefix have made, by how it begins. */
export async function transactionIdOf(cluster: KafkaCluster, beginning: string): Promise<string> {
  const { transactionStates } = await listTransactionsV0.api.async(await cluster.anyBroker(0), [], [], -1n, null)
  const { transactionalId } = transactionStates.find((made) => made.transactionalId.startsWith(cluster.named(beginning)))!
  return transactionalId.slice(cluster.named('').length)
}

/** Of one partition, with settings that the log would not make it with. */
export async function makeTopic(cluster: KafkaCluster, topic: string, settings: Readonly<Record<string, string>>): Promise<void> {
  const configs = Object.entries(settings).map(([name, value]) => ({ name, value }))
  await createTopicsV7.api.async(await cluster.anyBroker(0), [{ name: cluster.named(topic), numPartitions: 1, replicationFactor: 1, assignments: [], configs }], CREATE_TIMEOUT_MS, false)
}
