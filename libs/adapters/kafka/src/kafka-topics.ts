// Making topics, and holding them to what the seam rests on: that the log stamps what it takes. Topics are made with LogAppendTime; one
// that somebody else made without it is refused, with the command that mends it.

import { createPartitionsV3, createTopicsV7 } from '@platformatic/kafka'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import { externalName } from '@tidemark/ports/event-log'
import type { KafkaCluster, TopicSettings } from './kafka-cluster.ts'
import { errorNamesOf, isPassing, problem } from './kafka-errors.ts'
import { BATCH_FRAME_MAX_BYTES } from './kafka-options.ts'

/** Somebody else does the same at once. */
const AT_ONCE: ReadonlySet<string> = new Set(['TOPIC_ALREADY_EXISTS', 'INVALID_PARTITIONS', 'REASSIGNMENT_IN_PROGRESS'])

export class KafkaTopics {
  private readonly cluster: KafkaCluster
  private readonly checked = new Map<string, TopicSettings>()

  constructor(cluster: KafkaCluster) {
    this.cluster = cluster
  }

  /** Makes the topic, or adds partitions; whoever does it at once comes to the same. TOPIC_SETTINGS, STORE_REFUSED. */
  async ensure(topic: string, partitionCount: number): Promise<void> {
    if (!Number.isSafeInteger(partitionCount) || partitionCount < 1) throw new RangeError(`A topic has at least one partition, not ${partitionCount}.`)
    if (externalName(topic) !== null) throw new Error(`Topic ${topic} is its owners' to make.`)
    await this.cluster.retrying(`topic ${topic}, making it`, async (attemptCount) => {
      const count = await this.countOrZero(topic)
      if (count >= partitionCount) return
      await this.grow(topic, count, partitionCount, attemptCount)
      // A broker learns of what was made a little later.
      if ((await this.countOrZero(topic)) < partitionCount) throw new NotYetThere()
    }, { isWorthwhile: (error) => error instanceof NotYetThere || isPassing(error) || errorNamesOf(error).some((name) => AT_ONCE.has(name)) })
    await this.settingsOf(topic)
  }

  private async countOrZero(topic: string): Promise<number> {
    try {
      const { leaders } = await this.cluster.readTopic(topic)
      return leaders.every((leader) => leader >= 0) ? leaders.length : 0
    } catch (error) {
      if (error instanceof TidemarkError && error.code === 'UNKNOWN_NAME') return 0
      throw error
    }
  }

  private async grow(topic: string, count: number, partitionCount: number, attemptCount: number): Promise<void> {
    const { callTimeoutMs, recordSizeMaxBytes, replicationFactor } = this.cluster.settings
    const name = this.cluster.topicNamed(topic)
    const controller = await this.cluster.controller(attemptCount)
    if (count > 0) return void (await createPartitionsV3.api.async(controller, [{ name, count: partitionCount, assignments: null }], callTimeoutMs, false))
    const configs = [
      { name: 'message.timestamp.type', value: 'LogAppendTime' },
      { name: 'max.message.bytes', value: `${recordSizeMaxBytes + BATCH_FRAME_MAX_BYTES}` },
    ]
    await createTopicsV7.api.async(controller, [{ name, numPartitions: partitionCount, replicationFactor, assignments: [], configs }], callTimeoutMs, false)
  }

  /** Asked once for each topic. UNKNOWN_NAME; TOPIC_SETTINGS where producers' times are kept. */
  async settingsOf(topic: string): Promise<TopicSettings> {
    const known = this.checked.get(topic)
    if (known !== undefined) return known
    await this.cluster.partitionsOf(topic)
    const settings = await this.cluster.topicSettings(topic)
    if (!settings.hasLogAppendTime) throw this.notStamping(topic)
    this.checked.set(topic, settings)
    return settings
  }

  private notStamping(topic: string): TidemarkError {
    const command = `kafka-configs.sh --bootstrap-server ${this.cluster.settings.brokers.join(',')} --entity-type topics --entity-name ${this.cluster.topicNamed(topic)} --alter --add-config message.timestamp.type=LogAppendTime`
    const message = 'Its records have the times that their producers say (message.timestamp.type=CreateTime): when the log took them, nobody knows.'
    return problem('TOPIC_SETTINGS', this.cluster.where(`topic ${topic}`), message, `Run \`${command}\`. What is in the topic already keeps its producers' times and is not read. Where the topic has to stay as it is, have it relayed: relayFrom of the source.`)
  }
}

class NotYetThere extends Error {}
