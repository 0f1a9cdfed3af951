// Producers of others: a topic that keeps their times, and who appends to it.
import { setTimeout as sleep } from 'node:timers/promises'
import { createTopicsV7, deleteTopicsV6 } from '@platformatic/kafka'
import { externalTopic, type LogAppend } from '@tidemark/ports/event-log'
import { KafkaCluster } from '../kafka-cluster.ts'
import type { KafkaOptions } from '../kafka-options.ts'
import { PartitionWriter } from '../partition-writer.ts'
import { recordSizeOf } from '../record-batches.ts'

const TIMEOUT_MS = 10_000

export class Producers implements AsyncDisposable {
  private readonly cluster: KafkaCluster
  private readonly name: string
  private readonly writers = new Map<number, PartitionWriter>()

  private constructor(cluster: KafkaCluster, name: string) {
    this.cluster = cluster
    this.name = name
  }

  /** Makes the topic, by its own name. */
  static async open(options: KafkaOptions, name: string, partitionCount: number): Promise<Producers> {
    const cluster = new KafkaCluster(options)
    const configs = [{ name: 'message.timestamp.type', value: 'CreateTime' }]
    await cluster.retrying(name, async (attemptCount) =>
      createTopicsV7.api.async(await cluster.controller(attemptCount), [{ name, numPartitions: partitionCount, replicationFactor: 1, assignments: [], configs }], TIMEOUT_MS, false))
    // Another broker than the controller may not know it yet.
    while (!(await cluster.partitionsOf(externalTopic(name)).then(() => true, () => false))) await sleep(20)
    return new Producers(cluster, name)
  }

  async append(partition: number, records: LogAppend['records']): Promise<void> {
    const writer = this.writers.get(partition) ?? new PartitionWriter(this.cluster, externalTopic(this.name), partition)
    this.writers.set(partition, writer)
    await writer.append(records, records.reduce((sum, record) => sum + recordSizeOf(record), 0))
  }

  /** The topic is gone, with what was committed of it; `open` makes another of its name. */
  async removeTopic(): Promise<void> {
    await this.cluster.retrying(this.name, async (attemptCount) => deleteTopicsV6.api.async(await this.cluster.controller(attemptCount), [{ name: this.name }], TIMEOUT_MS))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cluster[Symbol.asyncDispose]()
  }
}
