// The part of a source's way that comes before its own topic, where its producers' topic keeps their times: one member of the relays of the source. Where
// the producers have not made their topic yet, or have deleted it, this says so once and looks again; other sources go on.

import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { Membership } from '@tidemark/ports/event-log'
import type { OnAlarm } from '../alarm.ts'
import { relayGroupOf } from '../ingest/group-names.ts'
import { relayedTopicOf } from '../names.ts'
import { createRelay } from '../relay/relay.ts'
import { readRelayLag, runRelay, type RelayLag } from '../relay/run-relay.ts'
import type { LambdaPorts } from './lambda-ports.ts'
import { every, type Loop } from './run-together.ts'

const LAG_EVERY_MS = 60_000
/** How often it is looked whether a topic that was not there is. */
export const TOPIC_LOOK_MS = 2_000

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
  private readonly options: RelayPartOptions
  private membership: Membership | null = null
  private isMissing = false

  constructor(options: RelayPartOptions) {
    this.options = options
    this.loops = [(signal) => this.run(signal), every(LAG_EVERY_MS, options.ports.clock, () => this.tellLag())]
  }

  private async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.options.ports
    while (!signal.aborted) {
      if (await this.relay(signal)) return
      await clock.wait(TOPIC_LOOK_MS, signal)
    }
  }

  /** false: the producers' topic is not there. */
  private async relay(signal: AbortSignal): Promise<boolean> {
    const { source, ports: { log, groups, clock }, member, onAlarm } = this.options
    try {
      this.membership ??= await groups.join(relayGroupOf(source), relayedTopicOf(source)!, member)
      await runRelay(createRelay({ source, log, membership: this.membership, clock, onAlarm }), clock, signal, () => void (this.isMissing = false))
      return true
    } catch (error) {
      if (!isUnknownName(error)) throw error
      const isNews = !this.isMissing
      this.isMissing = true
      if (isNews) onAlarm({ code: 'UNKNOWN_NAME', message: `Its producers' topic ${source.relayFrom!} is not there: nothing of it is relayed until they make it.`, where: `source ${source.name}` })
      return false
    }
  }

  private async tellLag(): Promise<void> {
    const { source, ports: { log }, onLag } = this.options
    if (this.membership === null || this.isMissing) return
    const lag = await readRelayLag(log, source).catch((error: unknown) => {
      if (isUnknownName(error)) return null
      throw error
    })
    if (lag !== null) onLag(source, lag)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.membership?.[Symbol.asyncDispose]()
  }
}

function isUnknownName(error: unknown): boolean {
  return error instanceof TidemarkError && error.code === 'UNKNOWN_NAME'
}
