// The part of a source's way that comes before its own topic, where its producers' topic keeps their times: one member of the relays of the source.

import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import type { Membership } from '@tidemark/ports/event-log'
import type { OnAlarm } from '../alarm.ts'
import { relayGroupOf } from '../ingest/group-names.ts'
import { relayedTopicOf } from '../names.ts'
import { createRelay } from '../relay/relay.ts'
import { readRelayLag, runRelay, type RelayLag } from '../relay/run-relay.ts'
import type { LambdaPorts } from './lambda-ports.ts'
import { every, type Loop } from './run-together.ts'

const LAG_EVERY_MS = 60_000

export interface RelayPartOptions {
  /** With `relayFrom`; its own topic is there. */
  readonly source: SourceDefinition
  readonly ports: Pick<LambdaPorts, 'log' | 'groups' | 'clock'>
  /** This process, among those that relay the source. */
  readonly member: string
  readonly onAlarm: OnAlarm
  /** Hears now and then how far the relay is behind, in all partitions. */
  readonly onLag: (source: SourceDefinition, lag: readonly RelayLag[]) => void
}

export class RelayPart implements AsyncDisposable {
  readonly loops: readonly Loop[]
  private readonly membership: Membership

  private constructor({ source, ports: { log, clock }, onAlarm, onLag }: RelayPartOptions, membership: Membership) {
    this.membership = membership
    const relay = createRelay({ source, log, membership, clock, onAlarm })
    this.loops = [
      (signal) => runRelay(relay, clock, signal),
      every(LAG_EVERY_MS, clock, async () => onLag(source, await readRelayLag(log, source))),
    ]
  }

  /** Joins the group of those that relay the source. Throws UNKNOWN_NAME where its producers' topic is not there. */
  static async start(options: RelayPartOptions): Promise<RelayPart> {
    const { source, ports: { groups }, member } = options
    return new RelayPart(options, await groups.join(relayGroupOf(source), relayedTopicOf(source)!, member))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.membership[Symbol.asyncDispose]()
  }
}
