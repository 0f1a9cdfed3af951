// What is not as it was written, among what a store or a decoder throws.

import { TidemarkError } from '@tidemark/feature-schema/errors'

export function isDamage(error: unknown): error is TidemarkError {
  return error instanceof TidemarkError && (error.code === 'BLOB_DAMAGED' || error.code === 'STORE_DAMAGED')
}
