// The flights' definitions for a run in real time: the same features, with epochs of seconds, so that there is a seam to be crossed all the time.
import { requireSound } from '@tidemark/feature-schema/check-definitions'
import { collectDefinitions } from '@tidemark/feature-schema/collect-definitions'
import type { Definitions } from '@tidemark/feature-schema/definition'
import * as flights from '../flights.ts'

/** How fast a run crosses seams. */
export interface Pace {
  readonly epochLengthMs: number
  /** All clocks are one machine's. */
  readonly skewMaxMs: number
  /** How often generations are made. */
  readonly batchEveryMs: number
  /** How long a batch layer that was killed has its run to itself. */
  readonly jobLeaseMs: number
}

/** A generation has a few epochs, and the processors are left to the others in between. */
export const DEMO_PACE: Pace = { epochLengthMs: 10_000, skewMaxMs: 2_000, batchEveryMs: 15_000, jobLeaseMs: 60_000 }

export function realDefinitions({ epochLengthMs, skewMaxMs }: Pick<Pace, 'epochLengthMs' | 'skewMaxMs'>): Definitions {
  const definitions = collectDefinitions(Object.values(flights))
  return requireSound({ ...definitions, sources: definitions.sources.map((source) => ({ ...source, epochLengthMs, skewMaxMs })) })
}
