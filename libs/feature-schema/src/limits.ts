// Every limit and default of a definition and of an event, with its unit in its name.

export const NAME_LENGTH_MAX = 64

/** Epoch length of a source that declares none. */
export const EPOCH_LENGTH_DEFAULT_MS = 3_600_000
export const EPOCH_LENGTH_MIN_MS = 1_000
export const EPOCH_LENGTH_MAX_MS = 366 * 86_400_000
export const SKEW_MAX_DEFAULT_MS = 30_000
/** Most that a source may declare as skew or as delay. */
export const SKEW_LIMIT_MS = 86_400_000
export const DELAY_MAX_MS = 366 * 86_400_000

export const WINDOW_LENGTH_MIN_MS = 1_000
export const WINDOW_LENGTH_MAX_MS = 3_660 * 86_400_000
/** Most panes that a window may consist of; a window of resolution `exact` has a cap of its own, in the aggregation library. */
export const WINDOW_PANES_MAX = 4_096
export const MAX_AGE_MAX_MS = WINDOW_LENGTH_MAX_MS

export const BUCKET_COUNT_DEFAULT = 64
export const BUCKET_COUNT_MAX = 4_096

/** Most values of firstK, lastK, topK and bottomK; every pane holds as many. */
export const K_MAX = 100
export const GROUPS_MAX_DEFAULT = 100
export const GROUPS_MAX_LIMIT = 1_000
export const VALUES_MAX_DEFAULT = 1_000
export const VALUES_MAX_LIMIT = 10_000

/** Relative error of a quantile. */
export const QUANTILE_ERROR_MIN = 0.001
export const QUANTILE_ERROR_MAX = 0.1
export const QUANTILE_ERROR_DEFAULT = 0.01
/** Relative standard error of approxUniqueCount: 1.04 / sqrt(2^p), p from 14 down to 4. */
export const UNIQUE_ERROR_MIN = 0.008125
export const UNIQUE_ERROR_MAX = 0.26
export const UNIQUE_ERROR_DEFAULT = 0.0163

/** A larger record is a dead letter. */
export const EVENT_SIZE_MAX_BYTES = 1_048_576

/** 1678-01-01 and 2261-12-31T23:59:59.999: what signed 64-bit nanoseconds hold, in whole years. */
export const TIMESTAMP_MIN_MS = Date.UTC(1678, 0, 1)
export const TIMESTAMP_MAX_MS = Date.UTC(2262, 0, 1) - 1
