// The rules of generations (law 5), each a small function of its own, so that a suite can replace one and see what goes wrong.

import type { Pointer, PublishedGeneration, ReadPointer } from '../pointer.ts'

/** What a run does, in this order. */
export type RunStage = 'plan' | 'compute' | 'gate' | LateStage

export type LateStage = 'record' | 'check' | 'purge' | 'load' | 'confirm' | 'publish'

export interface BatchRules {
  /** The epochs that a run reads: those after the base's cut, up to its own. */
  epochsOf(baseCut: number, cut: number): { readonly afterCut: number; readonly cut: number }
  /** The number of the next generation: never one that was given away before, whatever became of it. */
  numberOf(pointer: Pointer): number
  /** What a run on the base voids: all above it, rolled back past or planned by somebody else. */
  voidedBy(pointer: Pointer, base: number): readonly number[]
  /** The pointer without what is voided, which waits for its purge: part of the compare-and-set that plans. */
  withVoided(pointer: Pointer, numbers: readonly number[], nowMs: number): Pointer
  /**
   * The stages after the gate. The write-set is recorded before the first row, so that whatever is loaded can be purged; then the
   * pointer is read, so that a run that was voided before its write-set could be found loads nothing.
   */
  readonly stages: readonly LateStage[]
  /** Whether the rows of a number that was void then may go: no reader still has a pointer from before. By the steady clock, which nobody sets ahead. */
  mayPurge(knownVoidAtMs: number, steadyMs: number, leaseMs: number): boolean
  /** What is compared and changed to publish: the pointer as it was after the plan, whatever it is by now. */
  publishOn(planned: ReadPointer, readNow: () => Promise<ReadPointer>): Promise<ReadPointer>
  /** The floor after a publication, and what can be read from it on. It is so many generations back along the lineage, and only rises. */
  withFloor(lineage: readonly PublishedGeneration[], keptCount: number, floor: number): Pick<Pointer, 'floor' | 'published'>
  /** Whether a clean-up may act on a floor that it read then: no reader still has a pointer from below it. */
  mayClean(readAtMs: number, steadyMs: number, leaseMs: number): boolean
}

export const BATCH_RULES: BatchRules = {
  epochsOf: (baseCut, cut) => ({ afterCut: baseCut, cut }),
  numberOf: ({ next }) => next,
  voidedBy: ({ published, planned }, base) => [...published, ...(planned === null ? [] : [planned])].map(({ n }) => n).filter((n) => n > base),
  withVoided: (pointer, numbers, voidedAtMs) => ({
    ...pointer,
    published: pointer.published.filter(({ n }) => !numbers.includes(n)),
    purge: [...pointer.purge, ...numbers.map((n) => ({ n, voidedAtMs, wasPublished: pointer.published.some((one) => one.n === n) }))],
  }),
  stages: ['record', 'check', 'purge', 'load', 'confirm', 'publish'],
  mayPurge: (knownVoidAtMs, steadyMs, leaseMs) => steadyMs > knownVoidAtMs + leaseMs,
  publishOn: (planned) => Promise.resolve(planned),
  withFloor: (lineage, keptCount, floor) => {
    const oldest = lineage[Math.max(0, lineage.length - 1 - keptCount)]!.n
    const risen = Math.max(oldest, floor)
    return { floor: risen, published: lineage.filter(({ n }) => n >= risen) }
  },
  mayClean: (readAtMs, steadyMs, leaseMs) => steadyMs > readAtMs + leaseMs,
}
