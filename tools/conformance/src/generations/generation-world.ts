// A small world for the laws of generations: a history of events whose epochs are sealed one after another, stores in memory, and a judge
// that says by brute force what each read of a pinned generation must give.

import { createMemoryBatchEngine } from '@tidemark/adapter-memory/memory-batch-engine'
import { createMemoryBatchViewStore } from '@tidemark/adapter-memory/memory-batch-view-store'
import { createMemoryObjectStore } from '@tidemark/adapter-memory/memory-object-store'
import { createMemoryRegisterStore } from '@tidemark/adapter-memory/memory-register-store'
import { mergeAtCut } from '@tidemark/aggregation/merge'
import { disagreements } from '@tidemark/aggregation/testing/agreement'
import { oracleValues, type OracleEvent, type OracleFeature } from '@tidemark/aggregation/testing/oracle'
import { seededRandom, type Random } from '@tidemark/aggregation/testing/random'
import { planView, type ViewPlan } from '@tidemark/aggregation/view-plan'
import type { FeatureViewDefinition, SourceDefinition } from '@tidemark/feature-schema/definition'
import { encodeEntityKey, type KeyType } from '@tidemark/feature-schema/entity-key'
import type { Value } from '@tidemark/feature-schema/value'
import type { BatchStores, EpochOpener } from '@tidemark/pipelines/batch/generation-run'
import { changeSealRegister } from '@tidemark/pipelines/log/change-seal-register'
import { viewId } from '@tidemark/pipelines/names'
import type { BatchViewStore } from '@tidemark/ports/batch-view-store'
import type { Revision } from '@tidemark/ports/revision'
import { createSteppedClock, type SteppedClock } from '@tidemark/ports/stepped-clock'
import { archiveOf } from '../event-records.ts'

export interface WorldHistory {
  readonly view: FeatureViewDefinition
  readonly source: SourceDefinition
  readonly events: readonly OracleEvent[]
  readonly entities: readonly (readonly Value[])[]
}

export interface World {
  readonly plan: ViewPlan
  /** `airport_delays@1` */
  readonly view: string
  readonly clock: SteppedClock
  readonly stores: BatchStores
  /** Every entity, by its key bytes. */
  readonly entities: readonly Uint8Array[]
  /** Seals the next epoch that has events, or the one before it; false: everything is sealed. */
  seal(): Promise<boolean>
  /** Every event of the history twice, whatever the epochs: what a broken upstream may give, of any entity. */
  readonly openNonsense: EpochOpener
  /** What is wrong with a blob that a read of an entity gave at a cut; null: nothing. */
  judge(entity: Uint8Array, cut: number, blob: Uint8Array | null): string | null
}

export function createWorld({ view, source, events, entities }: WorldHistory, random: Random, changeViews: (views: BatchViewStore) => BatchViewStore = (views) => views): World {
  const plan = planView(view, source)
  const keys = entities.map((values) => encodeEntityKey(values, plan.keys.map(({ type }) => type as KeyType)))
  const clock = createSteppedClock(1_000_000)
  const revisions = seededRandom(random.below(2 ** 31))
  const registers = createMemoryRegisterStore({ newRevision: () => Math.floor(revisions.next() * 2 ** 53) as Revision })
  const epochs = [...new Set(events.map(({ epoch }) => epoch))].sort((a, b) => a - b)
  const atMs = Math.max(...events.map(({ appendTimeMs }) => appendTimeMs)) + 1
  const oracle = new Map<string, readonly OracleFeature[]>()

  const openAs = (change: (events: OracleEvent[]) => OracleEvent[]): EpochOpener => (_, afterCut, cut) => {
    const inside = change(events.filter(({ epoch }) => epoch > afterCut && epoch <= cut))
    return Promise.resolve({ input: archiveOf({ source, events: inside, rejected: [] }), recordCount: inside.length, rejectedCount: 0, [Symbol.asyncDispose]: () => Promise.resolve() })
  }
  let copyCount = 0
  const copyAt = (copy: number): OracleEvent[] => events.map((event) => ({ ...event, offset: event.offset + copy * 1_000_000 }))
  const expectedAt = (index: number, cut: number): readonly OracleFeature[] => {
    const name = `${index} ${cut}`
    let expected = oracle.get(name)
    if (expected === undefined) oracle.set(name, (expected = oracleValues(view, source, events, { entity: entities[index]!, atMs, has: ({ epoch }) => epoch <= cut })))
    return expected
  }

  return {
    plan, clock, view: viewId(view), entities: keys,
    stores: {
      registers, clock, objects: createMemoryObjectStore(), views: changeViews(createMemoryBatchViewStore()),
      engine: createMemoryBatchEngine(), openEpochs: openAs((inside) => inside),
    },
    // At offsets of their own: a base that has the true events, or nonsense too, has no event of the same place.
    openNonsense: openAs(() => [1, 2].flatMap(() => copyAt(++copyCount))),
    async seal() {
      let isSealed = false
      await changeSealRegister(registers, source, (register) => {
        const next = epochs.find((epoch) => epoch > (register.sealedThrough ?? -Infinity))
        isSealed = next !== undefined
        return next === undefined ? register : { ...register, sealedThrough: next }
      })
      return isSealed
    },
    judge(entity, cut, blob) {
      const index = keys.indexOf(entity)
      try {
        const { values } = mergeAtCut(plan, blob, [], { cut, t: atMs })
        return disagreements(expectedAt(index, cut), values)
      } catch (error) {
        return (error as Error).message
      }
    },
  }
}
