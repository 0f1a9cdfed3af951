// Plans a generation: on what it is built, what it adds, its number, and what is void from then on. All of it is one value that
// replaces the pointer by compare-and-set, so that of two who plan at once one starts over.

import { cutOf, type PlannedGeneration, type Pointer, type VoidGeneration } from '../pointer.ts'
import { BATCH_RULES, type BatchRules } from './batch-rules.ts'

export type ToPurge = Pick<VoidGeneration, 'n' | 'wasPublished'>

export interface GenerationPlan extends PlannedGeneration {
  /** The last epoch of the base; -Infinity: there is no base. */
  readonly baseCut: number
  /** Void numbers whose rows go before this generation is loaded. */
  readonly purge: readonly ToPurge[]
  /** What the pointer becomes. */
  readonly pointer: Pointer
}

/** null: no epoch is sealed that the pointer's generation does not contain. `sealedThrough` null: none is sealed. */
export function planGeneration(pointer: Pointer, sealedThrough: number | null, nowMs: number, rules: BatchRules = BATCH_RULES): GenerationPlan | null {
  const base = pointer.n
  const baseCut = cutOf(pointer, base)
  if (sealedThrough === null || sealedThrough <= baseCut) return null
  const planned = { n: rules.numberOf(pointer), base, cut: sealedThrough }
  const voided = rules.voidedBy(pointer, base)
  const purge = voided.map((n) => ({ n, wasPublished: pointer.published.some((one) => one.n === n) }))
  const next = { ...rules.withVoided(pointer, voided, nowMs), planned, next: Math.max(pointer.next, planned.n + 1) }
  return { ...planned, baseCut, purge: [...pointer.purge, ...purge], pointer: next }
}

/** The pointer without a run that its gate has blocked; what it staged is never loaded, and its number never used again. */
export function withBlocked(pointer: Pointer, n: number, nowMs: number, rules: BatchRules = BATCH_RULES): Pointer {
  return { ...rules.withVoided(pointer, [n], nowMs), planned: null }
}

/** The pointer that reads a run's generation. Everything that waited for its purge was purged by the run. */
export function withPublished(pointer: Pointer, { n, base, cut }: PlannedGeneration, publishedAtMs: number, keptCount: number, rules: BatchRules = BATCH_RULES): Pointer {
  const lineage = [...pointer.published, { n, base, cut, publishedAtMs }]
  return { ...pointer, n, planned: null, purge: [], ...rules.withFloor(lineage, keptCount, pointer.floor) }
}
