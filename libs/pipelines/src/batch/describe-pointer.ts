// A pointer in plain figures, for people: what is read, what can be gone back to, what is planned, and which numbers are void.

import { cutOf, isVoid, type Pointer, type VoidGeneration } from '../pointer.ts'

export interface DescribedGeneration {
  readonly n: number
  /** 0: none. */
  readonly base: number
  readonly cut: number
  /** The first append time that it does not contain, epoch ms. */
  readonly cutEndMs: number
  /** null: it is planned, not published. */
  readonly publishedAtMs: number | null
  /** 'read': the pointer is here; 'ahead': rolled back past, void at the next plan; 'kept': the pointer may go back to it. */
  readonly state: 'read' | 'kept' | 'ahead' | 'planned'
  readonly isFloor: boolean
}

export interface PointerDescription {
  readonly view: string
  /** null: nothing was published yet. */
  readonly n: number | null
  readonly cut: number | null
  readonly floor: number | null
  readonly floorCut: number | null
  readonly next: number
  /** By number: the lineage from the floor on, and what is planned. */
  readonly generations: readonly DescribedGeneration[]
  /** Void numbers above the floor. */
  readonly voidNumbers: readonly number[]
  /** Of these, those whose rows the next run that publishes removes. */
  readonly purge: readonly VoidGeneration[]
}

export function describePointer(pointer: Pointer, epochLengthMs: number): PointerDescription {
  const { view, n, floor, next, published, planned, purge } = pointer
  const generations = published.map((generation): DescribedGeneration => ({
    ...generation,
    cutEndMs: (generation.cut + 1) * epochLengthMs,
    state: generation.n === n ? 'read' : generation.n > n ? 'ahead' : 'kept',
    isFloor: generation.n === floor,
  }))
  if (planned !== null) generations.push({ ...planned, cutEndMs: (planned.cut + 1) * epochLengthMs, publishedAtMs: null, state: 'planned', isFloor: false })
  const numbers = Array.from({ length: Math.max(0, next - 1 - floor) }, (_, i) => floor + 1 + i)
  return {
    view, next, generations, purge,
    n: n === 0 ? null : n,
    cut: n === 0 ? null : cutOf(pointer, n),
    floor: floor === 0 ? null : floor,
    floorCut: floor === 0 ? null : cutOf(pointer, floor),
    voidNumbers: numbers.filter((number) => isVoid(pointer, number)),
  }
}
