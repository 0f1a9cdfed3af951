// The relay of a source whose producers' topic keeps their times: appends its records to the source's own topic, which the log stamps. Records and the
// position in the producers' topic are one transaction, so that each record is there once, whatever crashes and however many do this at
// once; partition goes to partition of the same number, in its order. The relay's memory may be thrown away at any time.

import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import type { Clock } from '@tidemark/ports/clock'
import type { EventLog, LogBatch, Membership } from '@tidemark/ports/event-log'
import type { Alarm, OnAlarm } from '../alarm.ts'
import { relayGroupOf } from '../ingest/group-names.ts'
import { relayedTopicOf, topicOf } from '../names.ts'
import { RELAY_LIMITS, type RelayLimits } from './relay-limits.ts'

export interface RelayOptions {
  /** With `relayFrom`. */
  readonly source: SourceDefinition
  readonly log: EventLog
  /** In the group `relayGroupOf(source)`, of the producers' topic. */
  readonly membership: Membership
  readonly clock: Clock
  /** Called once when a partition comes to a stand. */
  readonly onAlarm: OnAlarm
  readonly limits?: Partial<RelayLimits>
}

export interface RelayStep {
  readonly did: 'relayed' | 'idle'
  readonly recordCount: number
  /** Partitions that stand still. */
  readonly stopped: readonly Alarm[]
}

export interface Relay {
  /**
   * What there is in each partition, some of it at most; waits a while where there is nothing. Not to be called again before it is done. Throws
   * what the log throws, and may be called again then.
   */
  step(signal?: AbortSignal): Promise<RelayStep>
}

interface RelayedPartition {
  readonly partition: number
  /** As the log has it of the group; null: nothing was committed. */
  committed: number | null
  next: number
  committedAtMs: number
  /** Records that are fetched at once: one, where some cannot be appended together. */
  fetchCountMax: number
}

export function createRelay(options: RelayOptions): Relay {
  return new SourceRelay(options)
}

class SourceRelay implements Relay {
  private readonly options: RelayOptions
  private readonly limits: RelayLimits
  private readonly from: string
  private readonly to: string
  private readonly group: string
  private readonly partitions = new Map<number, RelayedPartition>()
  private readonly alarms = new Map<number, Alarm>()
  private ownPartitionCount = 0

  constructor(options: RelayOptions) {
    const from = relayedTopicOf(options.source)
    if (from === null) throw new Error(`Source ${options.source.name} is not relayed.`)
    this.options = options
    this.limits = { ...RELAY_LIMITS, ...options.limits }
    this.from = from
    this.to = topicOf(options.source)
    this.group = relayGroupOf(options.source)
  }

  async step(signal?: AbortSignal): Promise<RelayStep> {
    signal?.throwIfAborted()
    try {
      const partitions = await this.follow()
      const atOnce = await this.relayAll(partitions, 0, signal)
      const recordCount = atOnce > 0 || partitions.length === 0 ? atOnce : await this.relayAll(partitions, this.limits.waitMaxMs, signal)
      return { did: recordCount > 0 ? 'relayed' : 'idle', recordCount, stopped: [...this.alarms.values()] }
    } catch (error) {
      // What became of a transaction may not be known.
      this.partitions.clear()
      throw error
    }
  }

  /** Those that are assigned, and go on. */
  private async follow(): Promise<RelayedPartition[]> {
    const { log, membership } = this.options
    const assigned = await membership.assigned()
    for (const known of [this.partitions, this.alarms]) for (const partition of known.keys()) if (!assigned.includes(partition)) known.delete(partition)
    if (assigned.some((partition) => partition >= this.ownPartitionCount)) {
      await log.ensureTopic(this.to, await log.partitionCount(this.from))
      this.ownPartitionCount = await log.partitionCount(this.to)
    }
    const followed = await Promise.all(assigned.map(async (partition) => this.partitions.get(partition) ?? this.takeUp(partition)))
    return followed.filter((partition) => partition !== null)
  }

  /** null: it stands still. */
  private async takeUp(partition: number): Promise<RelayedPartition | null> {
    const { log, clock } = this.options
    // In this order: whose records are seen, his position is there.
    const own = await log.extent(this.to, partition)
    const committed = await log.committed(this.group, this.from, partition, true)
    const { start, end } = await log.extent(this.from, partition)
    if (committed === null && own.end > 0) {
      return this.stand(partition, start, 'LOG_OFFSET_GONE', `No position of group ${this.group} is there, and records were appended to ${this.to} before: whether any of these are among them is not known. Set the group's position to where the relay is to go on.`)
    }
    const next = committed ?? start
    if (next < start) return this.stand(partition, next, 'LOG_OFFSET_GONE', `It starts at ${start}: retention removed records before they were relayed. They are lost; lengthen the topic's retention, and set the position of group ${this.group} to where the relay is to go on.`)
    if (next > end) return this.stand(partition, next, 'LOG_REPLACED', `It ends at ${end}, before what was relayed: the topic was made anew, or it was cut short. Set the position of group ${this.group} to where the relay is to go on.`)
    if (this.alarms.get(partition)?.code !== 'EVENT_TOO_LARGE') this.alarms.delete(partition)
    const taken = { partition, committed, next, committedAtMs: clock.steadyMs(), fetchCountMax: this.limits.fetchCountMax }
    this.partitions.set(partition, taken)
    return taken
  }

  private stand(partition: number, offset: number, code: Alarm['code'], message: string): null {
    const alarm = { code, message, where: `topic ${this.from}, partition ${partition}, offset ${offset}` }
    const known = this.alarms.get(partition)
    this.partitions.delete(partition)
    this.alarms.set(partition, alarm)
    if (known?.message !== message) this.options.onAlarm(alarm)
    return null
  }

  /** Side by side; the first that finds something keeps nobody waiting. How many records were relayed. */
  private async relayAll(partitions: readonly RelayedPartition[], waitMaxMs: number, signal: AbortSignal | undefined): Promise<number> {
    const found = new AbortController()
    const either = signal === undefined ? found.signal : AbortSignal.any([signal, found.signal])
    const results = await Promise.allSettled(partitions.map((partition) => this.relay(partition, waitMaxMs, either, () => found.abort())))
    for (const result of results) if (result.status === 'rejected') throw result.reason
    return results.reduce((sum, result) => sum + (result as PromiseFulfilledResult<number>).value, 0)
  }

  private async relay(partition: RelayedPartition, waitMaxMs: number, signal: AbortSignal, onFound: () => void): Promise<number> {
    const { clock } = this.options
    const batch = await this.fetch(partition, waitMaxMs, signal)
    if (batch === null) return 0
    const isMoved = batch.next > partition.next
    if (isMoved) onFound()
    // Kafka forgets positions that nobody commits for long.
    if (!isMoved && clock.steadyMs() - partition.committedAtMs < this.limits.commitAgainMs) return 0
    return this.append(partition, batch)
  }

  /** null: the position is not there any more; taking it up again finds out why. */
  private async fetch({ partition, next, fetchCountMax: countMax }: RelayedPartition, waitMaxMs: number, signal: AbortSignal): Promise<LogBatch | null> {
    const { fetchSizeMaxBytes: sizeMaxBytes } = this.limits
    try {
      return await this.options.log.fetch(this.from, partition, next, { countMax, sizeMaxBytes, waitMaxMs }, signal)
    } catch (error) {
      if (!(error instanceof TidemarkError) || error.code !== 'LOG_OFFSET_GONE') throw error
      this.partitions.delete(partition)
      return null
    }
  }

  private async append(relayed: RelayedPartition, { records, next }: LogBatch): Promise<number> {
    const { log, clock } = this.options
    const { partition, committed } = relayed
    const appends = records.length === 0 ? [] : [{ topic: this.to, partition, records: records.map(({ key, value, headers }) => ({ key, value, headers })) }]
    try {
      const appended = await log.appendAndCommit(appends, { group: this.group, topic: this.from, partition, offset: next }, committed)
      if (appended === null) {
        // Somebody else has relayed them.
        this.partitions.delete(partition)
        return 0
      }
    } catch (error) {
      if (!(error instanceof TidemarkError) || error.code !== 'EVENT_TOO_LARGE') throw error
      // What is before it goes on.
      if (records.length > 1) relayed.fetchCountMax = 1
      else this.stand(partition, relayed.next, 'EVENT_TOO_LARGE', `${error.problems[0]!.message} It cannot be appended to ${this.to}, and what follows it waits.`)
      return 0
    }
    this.alarms.delete(partition)
    Object.assign(relayed, { committed: next, next, committedAtMs: clock.steadyMs() })
    return records.length
  }
}
