// A relay's world: producers' topic and a source's own in memory, relays that believe in whatever partitions they are told, and a log that breaks off at a
// call: before it has done what it was asked, or after.

import { MemoryEventLog } from '@tidemark/adapter-memory/memory-event-log'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import { eventSource, timestamp } from '@tidemark/feature-schema/dsl'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { Alarm } from '@tidemark/pipelines/alarm'
import { createRelay, type Relay } from '@tidemark/pipelines/relay/relay'
import type { RelayLimits } from '@tidemark/pipelines/relay/relay-limits'
import { externalTopic, type EventLog, type LogRecord } from '@tidemark/ports/event-log'
import { createSteppedClock } from '@tidemark/ports/stepped-clock'

export const SOURCE: SourceDefinition = eventSource('orders', { fields: { at: timestamp() }, eventTime: 'at', relayFrom: 'orders' }).definition
export const FROM = externalTopic('orders')
export const TO = 'orders'
export const GROUP = 'orders.relay'
const NO_LIMITS = { countMax: 1_000_000, sizeMaxBytes: 1e9, waitMaxMs: 0 }

/** Where a call breaks off. */
export type Break = 'before' | 'after'

/** What a log may be made of for a suite that looks for faults. */
export type ChangeLog = (log: EventLog) => EventLog

export class RelayWorld {
  readonly clock = createSteppedClock(1_700_000_000_000)
  readonly log: MemoryEventLog
  readonly alarms: Alarm[] = []
  private sentCount = 0

  constructor(recordSizeMaxBytes?: number) {
    this.log = new MemoryEventLog({ clock: this.clock, ...(recordSizeMaxBytes !== undefined && { recordSizeMaxBytes }) })
  }

  static async create(partitionCount: number): Promise<RelayWorld> {
    const world = new RelayWorld()
    await world.log.ensureTopic(FROM, partitionCount)
    return world
  }

  /** Sends records that differ in all that a record has. */
  async send(partition: number, count: number): Promise<void> {
    const records = Array.from({ length: count }, () => {
      const n = this.sentCount++
      return { key: n % 3 === 0 ? null : Buffer.from([n, 0xff]), value: n % 5 === 0 ? null : Buffer.from([0, n, 0xfe]), headers: n % 2 === 0 ? {} : { trace: Buffer.from([n]), empty: Buffer.alloc(0) } }
    })
    await this.log.append([{ topic: FROM, partition, records }])
  }

  relay(partitions: readonly number[] | (() => readonly number[]), { log = this.log, limits = {} }: { readonly log?: EventLog; readonly limits?: Partial<RelayLimits> } = {}): Relay {
    const membership = { assigned: async () => (typeof partitions === 'function' ? partitions() : partitions), [Symbol.asyncDispose]: () => Promise.resolve() }
    return createRelay({ source: SOURCE, log, membership, clock: this.clock, onAlarm: (alarm) => void this.alarms.push(alarm), limits: { waitMaxMs: 0, ...limits } })
  }

  async contents(topic: string): Promise<Pick<LogRecord, 'key' | 'value' | 'headers'>[][]> {
    const partitionCount = await this.log.partitionCount(topic)
    return Promise.all(Array.from({ length: partitionCount }, async (_, partition) => {
      const { start } = await this.log.extent(topic, partition)
      const { records } = await this.log.fetch(topic, partition, start, NO_LIMITS)
      return records.map(({ key, value, headers }) => ({ key, value, headers }))
    }))
  }
}

/** Steps until there is nothing. */
export async function drain(relay: Relay): Promise<void> {
  while ((await relay.step()).did === 'relayed');
}

/** A log that a process has until its call of that number. `calls`: how many there were. */
export function breakingLog(log: EventLog, at: number, where: Break): { readonly log: EventLog; readonly calls: () => number } {
  let calls = 0
  const broken = (): Error => new TidemarkError([{ code: 'STORE_UNAVAILABLE', message: 'It broke off; what was sent may be there.', where: 'log', action: 'None.' }])
  const counted = new Proxy(log, {
    get(target, name) {
      const value = target[name as keyof EventLog] as unknown
      if (typeof value !== 'function') return value
      return async (...asked: unknown[]) => {
        const number = calls++
        if (number === at && where === 'before') throw broken()
        const answer = await (value as (...args: unknown[]) => Promise<unknown>).apply(target, asked)
        if (number === at && where === 'after') throw broken()
        // Of a process that is gone, nothing comes any more.
        if (number > at) throw broken()
        return answer
      }
    },
  })
  return { log: counted, calls: () => calls }
}
