// Damage is a fact about one entity's state, and no reason to answer nothing about the others.

import { TidemarkError, type Problem } from '@tidemark/feature-schema/errors'

/** What a check says is wrong; null: it passes. A bug is thrown. */
export function damageOf(check: () => void): Problem | null {
  try {
    check()
    return null
  } catch (error) {
    if (error instanceof TidemarkError) return error.problems[0]!
    throw error
  }
}
