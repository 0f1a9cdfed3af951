// The rules that the pipelines of a history obey, and where a deliberate bug is put.

import { ARCHIVE_RULES, type ArchiveRules } from '@tidemark/pipelines/archive/archive-rules'
import { BATCH_RULES, type BatchRules } from '@tidemark/pipelines/batch/batch-rules'
import { INGEST_RULES, type IngestRules } from '@tidemark/pipelines/ingest/ingest-rules'
import { SERVE_RULES, type ServeRules } from '@tidemark/pipelines/serve/read-view'
import type { BatchViewStore } from '@tidemark/ports/batch-view-store'
import type { WaitingClock } from '@tidemark/ports/clock'

export interface Rules {
  readonly archive: ArchiveRules
  readonly ingest: IngestRules
  readonly batch: BatchRules
  readonly serve: ServeRules
  /** What a store that breaks its promises makes of one that does not. */
  readonly changeBatchViews: (views: BatchViewStore) => BatchViewStore
  /** What a process makes of its machine's clock that does not keep the time of day and its periods apart. */
  readonly changeClock: (clock: WaitingClock) => WaitingClock
}

/** What a bug changes. */
export interface RuleChanges {
  readonly archive?: Partial<ArchiveRules>
  readonly ingest?: Partial<IngestRules>
  readonly batch?: Partial<BatchRules>
  readonly serve?: Partial<ServeRules>
  readonly changeBatchViews?: Rules['changeBatchViews']
  readonly changeClock?: Rules['changeClock']
}

export const NO_CHANGES: Rules = { archive: ARCHIVE_RULES, ingest: INGEST_RULES, batch: BATCH_RULES, serve: SERVE_RULES, changeBatchViews: (views) => views, changeClock: (clock) => clock }

export function rulesWith({ archive, ingest, batch, serve, changeBatchViews = NO_CHANGES.changeBatchViews, changeClock = NO_CHANGES.changeClock }: RuleChanges): Rules {
  return {
    archive: { ...ARCHIVE_RULES, ...archive }, ingest: { ...INGEST_RULES, ...ingest }, batch: { ...BATCH_RULES, ...batch },
    serve: { ...SERVE_RULES, ...serve }, changeBatchViews, changeClock,
  }
}
