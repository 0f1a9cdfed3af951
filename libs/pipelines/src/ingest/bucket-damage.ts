// Damage is a fact about one bucket: wherever something of it is read and is not what was written, it is said of which, and what was seen, so
// that the bucket is discarded while it is still that, and all others are let alone.

import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { Soon } from '@tidemark/ports/soon'
import type { BucketKey, BucketQuestion, BucketState, BucketWrite, SpeedViewStore } from '@tidemark/ports/speed-view-store'
import { isDamage } from '../is-damage.ts'

/** What of a bucket is damaged. */
export type SeenDamage = Partial<BucketWrite['expected']>

export class BucketDamagedError extends TidemarkError {
  readonly bucket: BucketKey
  /** Nothing: the store itself cannot read it. */
  readonly seen: BucketWrite['expected']

  constructor(cause: TidemarkError, { view, bucket }: BucketKey, seen: SeenDamage = {}) {
    super([cause.problems[0]!, ...cause.problems.slice(1)], { cause })
    this.bucket = { view, bucket }
    this.seen = { fences: [], chunks: [], ...seen }
  }
}

/** What a check of something that was read of a bucket gives. Throws BucketDamagedError where it finds damage. */
export function ofBucket<T>(bucket: BucketKey, seen: () => SeenDamage, check: () => T): T {
  try {
    return check()
  } catch (error) {
    throw isNewDamage(error) ? new BucketDamagedError(error, bucket, seen()) : error
  }
}

/** Reads as the store does; where it finds damage, it is found out in which bucket. Throws BucketDamagedError. */
export async function readBuckets(store: SpeedViewStore, questions: readonly BucketQuestion[]): Promise<readonly BucketState[]> {
  try {
    return await store.read(questions)
  } catch (error) {
    if (!isNewDamage(error)) throw error
    for (const question of questions) await storeOfBucket(question, () => store.read([question]))
    throw error
  }
}

/** What the store does in one bucket. Throws BucketDamagedError where it finds damage. */
export async function storeOfBucket<T>(bucket: BucketKey, work: () => Soon<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw isNewDamage(error) ? new BucketDamagedError(error, bucket) : error
  }
}

/** Said of no bucket yet. */
function isNewDamage(error: unknown): error is TidemarkError {
  return isDamage(error) && !(error instanceof BucketDamagedError)
}
