// What a request gets: values with their statuses, and what makes them believable: t, generation, cut, how far the speed layer lags, and
// what was degraded and why (law 7).

import type { FeatureStatus } from '@tidemark/aggregation/feature-value'
import type { FinalValue, UnavailableReason } from '@tidemark/aggregation/partial'
import type { FeatureName } from '../resolve-features.ts'
import type { EntityExplanation } from './explain.ts'

/** Why a value is missing that the definition would give. */
export type MissingReason = UnavailableReason | 'backfilling' | 'batch_unavailable' | 'speed_unavailable' | 'deadline' | 'state_damaged'

export interface ServedValue {
  readonly status: FeatureStatus
  /** null for every status but PRESENT, unless it is the declared default. */
  readonly value: FinalValue
  readonly reason?: MissingReason
  /** The value is the declared default: the policy asked for it. */
  readonly isDefault?: true
}

export type DegradationCode =
  /** The view's version is not whole yet: its values are UNAVAILABLE. */
  | 'BACKFILLING'
  /** Its values are of the batch view alone, as of the cut; without a generation there are none. */
  | 'SPEED_UNAVAILABLE'
  /** The values of entities whose batch view could not be read are UNAVAILABLE. */
  | 'BATCH_UNAVAILABLE'
  | 'DEADLINE'
  /** A blob or chunk is not what was written; its entities' values are UNAVAILABLE. */
  | 'STATE_DAMAGED'
  /** A partition's processor has been silent: what is missing is not known. */
  | 'SPEED_SILENT'
  /** A partition is further behind the log than the limit. */
  | 'SPEED_LAGGING'
  /** A partition stands still until somebody intervenes. */
  | 'PARTITION_STOPPED'
  /** A record came later than the declared skew; no generation contains it yet. */
  | 'SEAM_BROKEN'

export interface Degradation {
  readonly code: DegradationCode
  readonly view: string
  readonly message: string
}

export interface ViewFacts {
  readonly view: string
  readonly version: number
  /** 0: no generation is published; everything is of the speed view. null: not known, because the pointer was not read. */
  readonly generation: number | null
  /** The last epoch of the generation; null: none, or not known. */
  readonly cut: number | null
  /** Everything that the log took longer ago than this is in the answer; null: not known. */
  readonly lagMs: number | null
}

/** `explanation`: by view, where the request asked to explain. */
export interface AnsweredEntity {
  /** In the order of the answer's `features`. */
  readonly values: readonly ServedValue[]
  readonly explanation?: readonly EntityExplanation[]
}

/** `E`: what was made of each entity, to leave as it is. */
export interface FeatureAnswer<E = AnsweredEntity> {
  /** The time that the features are of, epoch ms. */
  readonly t: number
  /** In the order that was asked for. The same list may come again with the next answer. */
  readonly features: readonly FeatureName[]
  /** In the order of `features`: where each window begins; null: lifetime. */
  readonly tailsMs: readonly (number | null)[]
  /** In the order of the request. */
  readonly entities: readonly E[]
  readonly views: readonly ViewFacts[]
  readonly degraded: readonly Degradation[]
}
