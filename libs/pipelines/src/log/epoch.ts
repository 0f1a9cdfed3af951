// The epoch of a record: the running maximum, over its partition up to its offset, of floor(append time / epoch length).
// A pure function of the log: append times may step back, epochs never do.

/** The epoch of the next record of a partition whose running maximum is `runningEpoch`. */
export function nextEpoch(runningEpoch: number, appendTimeMs: number, epochLengthMs: number): number {
  return Math.max(runningEpoch, Math.floor(appendTimeMs / epochLengthMs))
}
