// The quality gate: what a generation's figures must show before a row of it is loaded. A generation that does not pass is blocked for
// good; the next run starts from the same base again.

import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { GenerationFigures } from './staged-generation.ts'

export interface GateOptions {
  /** Largest share of the new records that may be rejected, from 0 to 1. */
  readonly rejectedShareMax: number
  /** Whether new epochs may be without a single accepted record. */
  readonly isEmptyAllowed: boolean
  /** Least share of the entities that the base's run wrote; 0 asks for none. For runs of equal length: a first run writes them all. */
  readonly entityShareMin: number
  /** By how much a feature's share of NULL values may be above the base's, from 0 to 1; 1 asks for nothing. */
  readonly nullShareRiseMax: number
  /** Largest share of NULL values, by feature. */
  readonly nullShareMax: Readonly<Record<string, number>>
  /** What else must hold. */
  readonly check?: (generation: GatedGeneration) => Promise<readonly GateFailure[]> | readonly GateFailure[]
}

export const DEFAULT_GATE: GateOptions = { rejectedShareMax: 0.05, isEmptyAllowed: false, entityShareMin: 0, nullShareRiseMax: 0.5, nullShareMax: {} }

export interface GatedGeneration {
  readonly view: string
  readonly n: number
  readonly base: number
  readonly cut: number
  readonly figures: GenerationFigures
  /** null: there is no base, or its write-set is no longer kept. */
  readonly baseFigures: GenerationFigures | null
}

export interface GateFailure {
  /** `rejectedShareMax`; of a check of one's own, any name. */
  readonly rule: string
  /** What was found and what was asked for, a sentence. */
  readonly message: string
}

/** Fewer entities than these say nothing about a share of NULL values. */
const SAMPLED_COUNT_MIN = 100

/** Everything that a generation fails; empty: it passes. */
export async function judgeGeneration(options: GateOptions, generation: GatedGeneration): Promise<GateFailure[]> {
  const { figures, baseFigures } = generation
  const failures: GateFailure[] = []
  const refuse = (rule: string, message: string): void => void failures.push({ rule, message })
  const { recordCount, rejectedCount, entityCount } = figures
  if (recordCount === rejectedCount && !options.isEmptyAllowed) refuse('isEmptyAllowed', recordCount === 0 ? 'No record came in its epochs.' : `None of ${recordCount} new records was accepted.`)
  if (rejectedCount > options.rejectedShareMax * recordCount) {
    refuse('rejectedShareMax', `${rejectedCount} of ${recordCount} new records were rejected; at most ${percent(options.rejectedShareMax)} may be.`)
  }
  if (baseFigures !== null && entityCount < options.entityShareMin * baseFigures.entityCount) {
    refuse('entityShareMin', `${entityCount} entities are written; the base's run wrote ${baseFigures.entityCount}, and at least ${percent(options.entityShareMin)} of them are asked for.`)
  }
  failures.push(...judgeNulls(options, figures, baseFigures), ...((await options.check?.(generation)) ?? []))
  return failures
}

function judgeNulls(options: GateOptions, figures: GenerationFigures, baseFigures: GenerationFigures | null): GateFailure[] {
  if (figures.sampledCount < SAMPLED_COUNT_MIN) return []
  const isComparable = baseFigures !== null && baseFigures.sampledCount >= SAMPLED_COUNT_MIN
  return Object.entries(figures.nullShares).flatMap(([feature, share]) => {
    const most = options.nullShareMax[feature] ?? 1
    const before = isComparable ? baseFigures.nullShares[feature] : undefined
    const found = `${feature} is NULL for ${percent(share)} of ${figures.sampledCount} entities`
    return [
      ...(share > most ? [{ rule: 'nullShareMax', message: `${found}; at most ${percent(most)} may be.` }] : []),
      ...(before !== undefined && share > before + options.nullShareRiseMax ? [{ rule: 'nullShareRiseMax', message: `${found}, and for ${percent(before)} in the base.` }] : []),
    ]
  })
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(2))}%`
}

/** GATE_CLOSED, with every rule that was broken. */
export function gateClosed({ view, n, cut }: GatedGeneration, [first, ...others]: readonly [GateFailure, ...GateFailure[]]): TidemarkError {
  const problem = ({ rule, message }: GateFailure) => ({
    code: 'GATE_CLOSED' as const,
    message,
    where: `view ${view}, generation ${n} through epoch ${cut}, rule ${rule}`,
    action: 'Look at the new records, the rejected ones with `tidemark dead-letters list`; mend the producer, or give another bound (TIDEMARK_BATCH_REJECTED_SHARE_MAX, --rejected-share-max). The next epoch is a new occasion, on the same base.',
  })
  return new TidemarkError([problem(first), ...others.map(problem)])
}
