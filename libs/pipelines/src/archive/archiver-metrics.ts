// What an archiver tells of itself when somebody asks.

import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import type { Metrics } from '@tidemark/observability/metrics'
import type { Archiver } from './archiver.ts'
import type { RelayLag } from '../relay/run-relay.ts'
import type { Clock } from '@tidemark/ports/clock'

export interface ToldArchiver {
  readonly source: SourceDefinition
  readonly archiver: Archiver
  /** Of its relay, as it was read last; none where it has no relay. */
  readonly relayLag: () => readonly RelayLag[]
}

/** Until what this returns is called. */
export function tellArchiver(metrics: Metrics, clock: Clock, { source: { name: source, epochLengthMs }, archiver, relayLag }: ToldArchiver): () => void {
  return metrics.whenRead((tell) => {
    for (const { partition, lagCount } of relayLag()) tell('tidemark_relay_lag_records', { source, partition: `${partition}` }, lagCount)
    const status = archiver.status?.()
    if (status === undefined) return
    tell('tidemark_archive_records_total', { source }, status.takenCount)
    tell('tidemark_archive_bytes_total', { source }, status.sealedSizeBytes)
    for (const { partition, count } of status.behind) tell('tidemark_archive_lag_records', { source, partition: `${partition}` }, count)
    tell('tidemark_archive_epoch_seconds', { source }, epochLengthMs / 1_000)
    if (status.sealedThrough === null) return
    const sealedMs = (status.sealedThrough + 1) * epochLengthMs
    tell('tidemark_archive_sealed_through_seconds', { source }, sealedMs / 1_000)
    tell('tidemark_archive_unsealed_age_seconds', { source }, (clock.nowMs() - sealedMs) / 1_000)
  })
}
