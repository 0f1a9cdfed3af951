// Consumer groups by Kafka's own membership: one Kafka group for each group and topic, its members static, so that one that comes again
// under its name takes its own place and nobody else loses any. The group's positions are under the group's own name, apart from its
// members: Kafka lets only members commit to a group that has some. The member that leads shares the partitions among all, by the order of
// their names. A member answers the brokers by itself, so that others need not wait for it to ask; one that was not asked for what it is
// assigned for longer than the session time-out leaves, and joins again once it is asked.

import { setTimeout as sleep } from 'node:timers/promises'
import {
  decodeConsumerProtocolAssignment, decodeConsumerProtocolSubscription, encodeConsumerProtocolAssignment, encodeConsumerProtocolSubscription,
  heartbeatV4, joinGroupV7, leaveGroupV4, syncGroupV5, type Connection, type ConnectionPool,
} from '@platformatic/kafka'
import type { Problem } from '@tidemark/feature-schema/errors'
import type { ConsumerGroups, Membership } from '@tidemark/ports/event-log'
import { SESSION_TIMEOUT_DEFAULT_MS } from '@tidemark/ports/group-members'
import { KafkaCluster } from './kafka-cluster.ts'
import { asTidemarkError, errorNamesOf, isPassing } from './kafka-errors.ts'
import type { KafkaOptions } from './kafka-options.ts'

/** How soon a member sees that others come and go: what a change costs in time. */
export const HEARTBEAT_MAX_MS = 500
/** How soon it sees that a topic has more partitions. */
const PARTITIONS_LOOK_MS = 2_000
const HEARTBEATS_PER_SESSION = 5
/** Whoever has not come again by then is left out. */
const REBALANCES_PER_SESSION = 1
/** A member that ends waits no longer for the brokers to take its leave: they find out by themselves. */
const LEAVE_MAX_MS = 3_000
const PROTOCOL_TYPE = 'consumer'
const PROTOCOL_NAME = 'tidemark-even'
const PROTOCOL_VERSION = 0
/** Somebody else has joined under the same name. */
const REPLACED = 'FENCED_INSTANCE_ID'
/** What belongs to a change of the group: the member joins again. */
const JOINS_AGAIN: ReadonlySet<string> = new Set(['UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION', 'REBALANCE_IN_PROGRESS', 'MEMBER_ID_REQUIRED'])

export interface KafkaConsumerGroupsOptions extends KafkaOptions {
  /** The brokers allow 6 to 1,800 s, unless they say otherwise (group.min.session.timeout.ms). */
  readonly sessionTimeoutMs?: number
  /** Hears of a member that another process has replaced: it is given nothing any more. */
  readonly onNotice?: (notice: Problem) => void
}

export interface KafkaConsumerGroups extends ConsumerGroups, AsyncDisposable {}

export function openKafkaConsumerGroups({ sessionTimeoutMs = SESSION_TIMEOUT_DEFAULT_MS, onNotice, ...options }: KafkaConsumerGroupsOptions): KafkaConsumerGroups {
  const cluster = new KafkaCluster(options)
  const members = new Set<GroupMember>()
  return {
    async join(group, topic, member) {
      await cluster.partitionsOf(topic)
      const joined = new GroupMember({ cluster, group, topic, member, sessionTimeoutMs, onNotice })
      members.add(joined)
      await joined.firstRound()
      return joined
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...members].map((member) => member[Symbol.asyncDispose]()))
      await cluster[Symbol.asyncDispose]()
    },
  }
}

interface MemberOptions {
  readonly cluster: KafkaCluster
  readonly group: string
  readonly topic: string
  readonly member: string
  readonly sessionTimeoutMs: number
  readonly onNotice: KafkaConsumerGroupsOptions['onNotice']
}

type State = 'outside' | 'member' | 'replaced' | 'left'

class GroupMember implements Membership {
  private readonly cluster: KafkaCluster
  private readonly topic: string
  private readonly member: string
  private readonly groupId: string
  private readonly sessionTimeoutMs: number
  private readonly onNotice: KafkaConsumerGroupsOptions['onNotice']
  private readonly pool: ConnectionPool
  private state: State = 'outside'
  private memberId = ''
  private generationId = -1
  private partitions: readonly number[] = []
  /** By which the assignment was made. */
  private partitionCount = 0
  private askedAtMs = performance.now()
  private heardAtMs = performance.now()
  private lookedAtMs = -Infinity
  /** Why it is no member, where it is not the group's doing. */
  private failure: unknown = null
  private readonly ended = new AbortController()
  /** Wakes the loop of a member that went away because nobody asked. */
  private wake = Promise.withResolvers<null>()
  private readonly first = Promise.withResolvers<null>()
  private readonly loop: Promise<void>

  constructor({ cluster, group, topic, member, sessionTimeoutMs, onNotice }: MemberOptions) {
    this.cluster = cluster
    this.topic = topic
    this.member = member
    this.groupId = cluster.named(`${group}/${topic}`)
    this.sessionTimeoutMs = sessionTimeoutMs
    this.onNotice = onNotice
    // A broker answers who joins when all others have come again.
    this.pool = cluster.openPool(cluster.settings.requestTimeoutMs + REBALANCES_PER_SESSION * sessionTimeoutMs)
    this.first.promise.catch(() => undefined)
    this.loop = this.run()
  }

  /** What is assigned at first is known; where a member that is gone is still waited for, it comes later. */
  firstRound(): Promise<unknown> {
    return Promise.race([this.first.promise, sleep(this.sessionTimeoutMs, undefined, { ref: false })])
  }

  async assigned(): Promise<readonly number[]> {
    this.askedAtMs = performance.now()
    this.wake.resolve(null)
    // Others have been given what this member had, if the brokers have not heard of it for so long.
    if (this.state === 'member' && performance.now() - this.heardAtMs <= this.sessionTimeoutMs) return this.partitions
    if (this.isWanted() && this.failure !== null) throw this.failure
    return []
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.state === 'left') return this.loop
    const mayLeave = this.state !== 'replaced'
    this.state = 'left'
    this.ended.abort()
    this.wake.resolve(null)
    if (mayLeave) await Promise.race([this.leave(), sleep(LEAVE_MAX_MS, undefined, { ref: false })])
    await this.pool.close()
    await this.loop
  }

  // ---- The life of a member --------------------------------------------------------------------------------------------------

  private async run(): Promise<void> {
    while (this.isWanted()) {
      try {
        if (this.state === 'outside') await this.join()
        else await this.stay()
        this.failure = null
        this.first.resolve(null)
      } catch (error) {
        this.hasFailed(error)
      }
      if (this.isWanted()) await this.pause()
    }
  }

  private isWanted(): boolean {
    return this.state === 'outside' || this.state === 'member'
  }

  private hasFailed(error: unknown): void {
    const names = errorNamesOf(error)
    this.cluster.forget(error)
    if (names.includes(REPLACED)) return this.isReplaced()
    if (names.includes('UNKNOWN_MEMBER_ID')) this.memberId = ''
    if (names.some((name) => JOINS_AGAIN.has(name))) return this.become('outside')
    this.failure = asTidemarkError(error, this.cluster.where(`group ${this.groupId}`))
    if (!isPassing(error)) this.first.reject(this.failure)
  }

  private isReplaced(): void {
    if (this.state === 'left') return
    this.become('replaced')
    this.onNotice?.({
      code: 'STORE_SETTINGS', message: `Another process has joined as member ${this.member}, and has what this one had: this one reads nothing any more.`,
      where: this.cluster.where(`group ${this.groupId}`), action: 'Give each process a name of its own, and end this one, unless it is ending anyway.',
    })
  }

  /** Unless it was closed in the meantime. */
  private become(state: State): void {
    if (this.state !== 'left') this.state = state
  }

  private async pause(): Promise<void> {
    const isForgotten = performance.now() - this.askedAtMs > this.sessionTimeoutMs
    if (isForgotten) {
      this.wake = Promise.withResolvers()
      await this.leave()
      this.become('outside')
      if (this.isWanted()) await this.wake.promise
      return
    }
    await sleep(Math.min(HEARTBEAT_MAX_MS, this.sessionTimeoutMs / HEARTBEATS_PER_SESSION), undefined, { signal: this.ended.signal }).catch(() => undefined)
  }

  private async stay(): Promise<void> {
    try {
      await this.ask((connection) => heartbeatV4.api.async(connection, this.groupId, this.generationId, this.memberId, this.member))
      this.heardAtMs = performance.now()
      if (this.heardAtMs < this.lookedAtMs + PARTITIONS_LOOK_MS) return
      const { leaders } = await this.cluster.partitionsOf(this.topic)
      this.lookedAtMs = this.heardAtMs
      if (leaders.length === this.partitionCount) return
    } catch (error) {
      if (!errorNamesOf(error).includes('REBALANCE_IN_PROGRESS')) throw error
    }
    await this.join()
  }

  private async join(): Promise<void> {
    const { leaders } = await this.cluster.partitionsOf(this.topic)
    // What a member says of itself has changed when the partitions have: then all share anew.
    const metadata = encodeConsumerProtocolSubscription({ version: PROTOCOL_VERSION, topics: [this.cluster.topicNamed(this.topic)], userData: `${leaders.length}` })
    const joined = await this.ask((connection) =>
      joinGroupV7.api.async(connection, this.groupId, this.sessionTimeoutMs, REBALANCES_PER_SESSION * this.sessionTimeoutMs, this.memberId, this.member, PROTOCOL_TYPE, [{ name: PROTOCOL_NAME, metadata }]))
    this.memberId = joined.memberId
    this.generationId = joined.generationId
    const shares = joined.leader === joined.memberId ? this.sharesOf(joined) : []
    const { assignment } = await this.ask((connection) =>
      syncGroupV5.api.async(connection, this.groupId, this.generationId, this.memberId, this.member, PROTOCOL_TYPE, PROTOCOL_NAME, shares))
    this.partitions = assignment.length === 0 ? [] : decodeConsumerProtocolAssignment(assignment).assignedPartitions.flatMap(({ partitions }) => partitions)
    this.partitionCount = leaders.length
    this.heardAtMs = performance.now()
    this.become('member')
  }

  /** Of n members, each has every n-th partition, by the order of their names. */
  private sharesOf({ members }: joinGroupV7.JoinGroupResponse): { memberId: string; assignment: Buffer }[] {
    const partitionCount = Math.max(...members.map(({ metadata }) => Number(decodeConsumerProtocolSubscription(metadata).userData.toString())))
    const inOrder = [...members].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
    return inOrder.map(({ memberId }, rank) => {
      const partitions = Array.from({ length: Math.ceil((partitionCount - rank) / members.length) }, (_, i) => rank + i * members.length)
      return { memberId, assignment: encodeConsumerProtocolAssignment({ version: PROTOCOL_VERSION, assignedPartitions: [{ topic: this.cluster.topicNamed(this.topic), partitions }] }) }
    })
  }

  private async leave(): Promise<void> {
    if (this.memberId === '') return
    const members = [{ memberId: this.memberId, groupInstanceId: this.member }]
    this.memberId = ''
    try {
      // Not behind a join that waits for others.
      await leaveGroupV4.api.async(await this.cluster.coordinator('group', this.groupId, 0), this.groupId, members)
    } catch {
      // Whoever took its place stays; and a member that the brokers do not hear of is given up by them.
    }
  }

  private async ask<T>(send: (connection: Connection) => Promise<T>): Promise<T> {
    return send(await this.cluster.coordinator('group', this.groupId, 0, this.pool))
  }
}

function nameOf({ memberId, groupInstanceId }: joinGroupV7.JoinGroupResponse['members'][number]): string {
  return groupInstanceId ?? memberId
}
