// The flights' definitions for a run in real time: the same features, with epochs of seconds, so that there is a seam to be crossed all the time.
import { requireSound } from '@tidemark/feature-schema/check-definitions'
import { collectDefinitions } from '@tidemark/feature-schema/collect-definitions'
import type { Definitions } from '@tidemark/feature-schema/definition'
import * as flights from '../flights.ts'

export const EPOCH_LENGTH_MS = 10_000
/** All clocks are one machine's. */
const SKEW_MAX_MS = 2_000

export function realDefinitions(): Definitions {
  const definitions = collectDefinitions(Object.values(flights))
  return requireSound({ ...definitions, sources: definitions.sources.map((source) => ({ ...source, epochLengthMs: EPOCH_LENGTH_MS, skewMaxMs: SKEW_MAX_MS })) })
}
