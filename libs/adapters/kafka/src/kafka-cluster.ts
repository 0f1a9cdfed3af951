// The brokers of a cluster: connections, who leads a partition, who coordinates a group or a transaction, and trying again. Requests are
// the client's own encoders and decoders, in versions that Kafka 3.1 to 4 speak. What the client does above them is not used where it
// repeats what may have been done: its producer sends a batch anew under another identity, its consumer shows aborted records.

import { setTimeout as sleep } from 'node:timers/promises'
import { ConnectionPool, describeConfigsV4, FindCoordinatorKeyTypes, findCoordinatorV4, metadataV12, NetworkError, ProtocolError, protocolErrors, type Connection } from '@platformatic/kafka'
import { externalName } from '@tidemark/ports/event-log'
import { asTidemarkError, errorNamesOf, isPassing, responseOf, unavailable, unknownName } from './kafka-errors.ts'
import { brokerOf, connectionOptionsOf, withDefaults, type BrokerAddress, type KafkaOptions, type KafkaSettings } from './kafka-options.ts'

/** Before a request is tried again, doubling. */
const RETRY_MIN_MS = 10
const RETRY_MAX_MS = 500
/** A broker's answer of any size is taken; a time-out of a request that waits at the broker comes on top of what it waits. */
const TOPIC_RESOURCE = 2

export interface TopicPartitions {
  readonly id: string
  /** By partition; −1 where nobody leads. */
  readonly leaders: readonly number[]
}

/** What of a topic's settings matters. */
export interface TopicSettings {
  readonly hasLogAppendTime: boolean
  readonly batchSizeMaxBytes: number
}

export type CoordinatorKind = 'group' | 'transaction'

export class KafkaCluster implements AsyncDisposable {
  readonly settings: KafkaSettings
  /** `kafka HOST:PORT,HOST:PORT`, for messages. */
  readonly name: string
  private readonly bootstrap: readonly BrokerAddress[]
  private readonly pools = new Set<ConnectionPool>()
  private readonly pool: ConnectionPool
  /** A batch that waits for its replicas holds up what comes after it on its connection. */
  readonly producePool: ConnectionPool
  private nodes = new Map<number, BrokerAddress>()
  private controllerId = -1
  private readonly topicsByName = new Map<string, TopicPartitions>()
  private readonly coordinators = new Map<string, number>()
  private isClosed = false

  constructor(options: KafkaOptions) {
    this.settings = withDefaults(options)
    this.name = `kafka ${options.brokers.join(',')}`
    this.bootstrap = options.brokers.map(brokerOf)
    this.pool = this.openPool()
    this.producePool = this.openPool()
  }

  /** Connections of one's own, one to each broker: a broker answers the requests of a connection one after the other. */
  openPool(requestTimeoutMs: number = this.settings.requestTimeoutMs): ConnectionPool {
    const pool = new ConnectionPool(this.settings.clientId, connectionOptionsOf({ ...this.settings, requestTimeoutMs }))
    // Who waits for a connection is told of its error; an error event that nobody hears would end the process.
    pool.on('connecting', ({ connection }) => connection.on('error', () => undefined))
    this.pools.add(pool)
    return pool
  }

  /** The name by which the cluster knows a group or a transaction. */
  named(name: string): string {
    return `${this.settings.namePrefix}${name}`
  }

  /** The name by which the cluster knows a topic: of others, theirs. */
  topicNamed(topic: string): string {
    return externalName(topic) ?? this.named(topic)
  }

  where(place: string): string {
    return `${this.name}, ${place}`
  }

  /** Tries until it succeeds, fails for good, or the call's time is over: then STORE_UNAVAILABLE. */
  async retrying<T>(place: string, attempt: (attemptCount: number) => Promise<T>, { timeoutMs = this.settings.callTimeoutMs, isWorthwhile = isPassing } = {}): Promise<T> {
    const untilMs = performance.now() + timeoutMs
    let delayMs = RETRY_MIN_MS
    for (let attemptCount = 0; ; attemptCount++) {
      try {
        return await this.inTime(attempt(attemptCount), untilMs)
      } catch (error) {
        const leftMs = untilMs - performance.now()
        if (this.isClosed || leftMs <= delayMs || !isWorthwhile(error)) throw asTidemarkError(error, this.where(place))
        this.forget(error)
        await sleep(delayMs * (0.5 + Math.random() / 2))
        delayMs = Math.min(2 * delayMs, RETRY_MAX_MS)
      }
    }
  }

  private async inTime<T>(promise: Promise<T>, untilMs: number): Promise<T> {
    const { promise: tooLate, reject } = Promise.withResolvers<never>()
    const timer = setTimeout(() => reject(new NetworkError('No answer in time.')), Math.max(0, untilMs - performance.now()))
    try {
      return await Promise.race([promise, tooLate])
    } finally {
      clearTimeout(timer)
      promise.catch(() => undefined)
    }
  }

  /** Who leads and who coordinates is asked again, unless the error says that it was the right one. */
  forget(error: unknown): void {
    const names = errorNamesOf(error)
    if (names.some((name) => name === 'CONCURRENT_TRANSACTIONS' || name === 'UNSTABLE_OFFSET_COMMIT')) return
    this.coordinators.clear()
    if (!names.some((name) => name.includes('COORDINATOR'))) this.topicsByName.clear()
  }

  // ---- Whom to ask -----------------------------------------------------------------------------------------------------------

  /** A connection to any broker: one that is connected already, or else, and with each further attempt, another one first. */
  async anyBroker(attemptCount: number): Promise<Connection> {
    const known = [...this.bootstrap, ...this.nodes.values()]
    const connected = attemptCount > 0 ? undefined : known.map((broker) => this.pool.getEstablishedConnection(broker)).find((connection) => connection?.isConnected())
    if (connected !== undefined) return connected
    const first = attemptCount % known.length
    return this.pool.getFirstAvailable([...known.slice(first), ...known.slice(0, first)])
  }

  async controller(attemptCount: number): Promise<Connection> {
    if (!this.nodes.has(this.controllerId)) await this.askMetadata([], attemptCount)
    return this.nodes.has(this.controllerId) ? this.node(this.controllerId) : this.anyBroker(attemptCount)
  }

  async node(id: number, pool: ConnectionPool = this.pool): Promise<Connection> {
    const address = this.nodes.get(id)
    if (address === undefined) throw new NetworkError(`Broker ${id} is not there.`)
    return pool.get(address)
  }

  async coordinator(kind: CoordinatorKind, id: string, attemptCount: number, pool?: ConnectionPool): Promise<Connection> {
    const key = `${kind} ${id}`
    let node = this.coordinators.get(key)
    if (node === undefined) {
      const keyType = kind === 'group' ? FindCoordinatorKeyTypes.GROUP : FindCoordinatorKeyTypes.TRANSACTION
      const { coordinators: [found] } = await findCoordinatorV4.api.async(await this.anyBroker(attemptCount), keyType, [id])
      node = found!.nodeId
      this.nodes.set(node, { host: found!.host, port: found!.port })
      this.coordinators.set(key, node)
    }
    return this.node(node, pool)
  }

  // ---- Topics ----------------------------------------------------------------------------------------------------------------

  /** The node that leads a partition, and the topic's id. UNKNOWN_NAME. To be called within `retrying`. */
  async leaderOf(topic: string, partition: number): Promise<{ readonly leader: number; readonly topicId: string }> {
    let found = this.topicsByName.get(topic)
    // Partitions may have been added.
    if (found === undefined || !(partition < found.leaders.length)) found = await this.readTopic(topic)
    const leader = found.leaders[partition]
    if (leader === undefined) throw unknownName(this.where(placeOf(topic, partition)), `The topic has ${found.leaders.length} partitions.`)
    if (leader < 0) throw new NetworkError('Nobody leads the partition.')
    return { leader, topicId: found.id }
  }

  /** As the cluster has it now. UNKNOWN_NAME. */
  partitionsOf(topic: string): Promise<TopicPartitions> {
    return this.retrying(`topic ${topic}, metadata`, (attemptCount) => this.readTopic(topic, attemptCount))
  }

  /** To be called within `retrying`. UNKNOWN_NAME. */
  async readTopic(topic: string, attemptCount = 0): Promise<TopicPartitions> {
    const { topics: [found] } = await this.askMetadata([this.topicNamed(topic)], attemptCount)
    const { errorCode, topicId, partitions } = found!
    if (errorCode === protocolErrors['UNKNOWN_TOPIC_OR_PARTITION']!.code) throw unknownName(this.where(`topic ${topic}`), 'There is no such topic.')
    if (errorCode !== 0) throw new ProtocolError(errorCode)
    const leaders: number[] = []
    for (const { partitionIndex, leaderId } of partitions) leaders[partitionIndex] = leaderId
    const known = { id: topicId, leaders }
    this.topicsByName.set(topic, known)
    return known
  }

  /** Their names, without the prefix; of other prefixes none. */
  async topicNames(): Promise<string[]> {
    const { topics } = await this.retrying('topics', (attemptCount) => this.askMetadata(null, attemptCount))
    const prefix = this.settings.namePrefix
    return topics.flatMap(({ name, isInternal }) => (typeof name === 'string' && !isInternal && name.startsWith(prefix) ? [name.slice(prefix.length)] : [])).sort()
  }

  /** Errors of topics and partitions are in the response. */
  private async askMetadata(topics: string[] | null, attemptCount: number): Promise<metadataV12.MetadataResponse> {
    const response = await metadataV12.api.async(await this.anyBroker(attemptCount), topics, false, false).catch(responseOf<metadataV12.MetadataResponse>)
    this.nodes = new Map(response.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }]))
    this.controllerId = response.controllerId
    return response
  }

  async topicSettings(topic: string): Promise<TopicSettings> {
    const place = `topic ${topic}, settings`
    const { results: [result] } = await this.retrying(place, async (attemptCount) =>
      describeConfigsV4.api.async(await this.anyBroker(attemptCount), [{ resourceType: TOPIC_RESOURCE, resourceName: this.topicNamed(topic), configurationKeys: ['message.timestamp.type', 'max.message.bytes'] }], false, false))
    const valueOf = (name: string): string => result!.configs.find((config) => config.name === name)?.value ?? ''
    return { hasLogAppendTime: valueOf('message.timestamp.type') === 'LogAppendTime', batchSizeMaxBytes: Number(valueOf('max.message.bytes')) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isClosed = true
    await Promise.all([...this.pools].map((pool) => pool.close()))
  }

  /** Throws where the cluster is closed. */
  checkOpen(place: string): void {
    if (this.isClosed) throw unavailable(this.where(place), 'It was closed by this process.')
  }
}

export function placeOf(topic: string, partition: number): string {
  return `topic ${topic}, partition ${partition}`
}
