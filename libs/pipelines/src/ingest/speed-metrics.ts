// What a stream processor tells of itself: what it counts while it works, and where it stands when somebody asks.

import type { Metrics } from '@tidemark/observability/metrics'
import type { Processor, StepReport } from './processor.ts'

/** What a source's part is given to report to. */
export interface SpeedObserver {
  readonly onStep: (report: StepReport) => void
  readonly onFolded: (appendTimesMs: readonly number[], nowMs: number) => void
}

export function observeSpeed(metrics: Metrics, source: string): SpeedObserver {
  const events = metrics.counter('tidemark_speed_events_total', { source })
  const deadLetters = metrics.counter('tidemark_speed_dead_letters_total', { source })
  const redoneWrites = metrics.counter('tidemark_speed_redone_writes_total', { source })
  const stepSeconds = metrics.histogram('tidemark_speed_step_seconds', { source })
  const freshnessSeconds = metrics.histogram('tidemark_freshness_seconds', { source })
  return {
    onStep: ({ did, recordCount, deadLetterCount, refusedCount, foldMs }) => {
      events.value += recordCount
      deadLetters.value += deadLetterCount
      redoneWrites.value += refusedCount
      if (did === 'folded') stepSeconds.record(foldMs / 1_000)
    },
    // The log's clock may be ahead of this one.
    onFolded: (appendTimesMs, nowMs) => {
      for (let i = 0; i < appendTimesMs.length; i++) freshnessSeconds.record(Math.max(0, nowMs - appendTimesMs[i]!) / 1_000)
    },
  }
}

/** Until what this returns is called. */
export function tellProcessor(metrics: Metrics, source: string, processor: Pick<Processor, 'status' | 'heldBucketCount'>): () => void {
  return metrics.whenRead((tell) => {
    const status = processor.status()
    const stopped = new Map<string, number>()
    for (const { partition, stopped: alarm, behindCount, behindMs } of status) {
      tell('tidemark_speed_lag_records', { source, partition: `${partition}` }, behindCount)
      tell('tidemark_speed_lag_seconds', { source, partition: `${partition}` }, behindMs / 1_000)
      if (alarm !== null) stopped.set(alarm.code, (stopped.get(alarm.code) ?? 0) + 1)
    }
    for (const [code, count] of stopped) tell('tidemark_speed_stopped_partitions', { source, code }, count)
    tell('tidemark_speed_partitions', { source }, status.length)
    tell('tidemark_speed_buckets', { source }, processor.heldBucketCount())
  })
}
