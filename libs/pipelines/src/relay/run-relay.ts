// Runs a relay until it is told to end, and tells how far it is behind.

import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import type { WaitingClock } from '@tidemark/ports/clock'
import type { EventLog } from '@tidemark/ports/event-log'
import { relayGroupOf } from '../ingest/group-names.ts'
import { relayedTopicOf } from '../names.ts'
import type { Relay, RelayStep } from './relay.ts'

/** Pause where a step found nothing and may not have waited itself: it has no partitions. */
const IDLE_MS = 50

/** Resolves once the signal is aborted, after the step under way. Throws what a step throws; whoever runs it decides when to begin again. */
export async function runRelay(relay: Relay, clock: WaitingClock, signal: AbortSignal, onStep?: (step: RelayStep) => void): Promise<void> {
  while (!signal.aborted) {
    const step = await relay.step(signal)
    onStep?.(step)
    if (step.did === 'idle') await clock.wait(IDLE_MS, signal)
  }
}

export interface RelayLag {
  readonly partition: number
  /** The next offset to relay; null: none was. */
  readonly position: number | null
  /** Where the partition ends. */
  readonly end: number
  /** Offsets between: records, and what of a log nobody sees. */
  readonly lagCount: number
}

/** How far the relay of a source is behind its producers, by partition. Throws what the log throws. */
export async function readRelayLag(log: EventLog, source: SourceDefinition): Promise<RelayLag[]> {
  const topic = relayedTopicOf(source)
  if (topic === null) return []
  return Promise.all(Array.from({ length: await log.partitionCount(topic) }, async (_, partition) => {
    const [position, { start, end }] = await Promise.all([log.committed(relayGroupOf(source), topic, partition), log.extent(topic, partition)])
    return { partition, position, end, lagCount: end - Math.max(position ?? start, start) }
  }))
}
