// Each rule of generations broken once. `seedMax` is what a random search may take; where it takes longer, a directed schedule does it.

import type { BatchRules } from '@tidemark/pipelines/batch/batch-rules'
import { BATCH_RULES } from '@tidemark/pipelines/batch/batch-rules'
import type { BatchViewStore } from '@tidemark/ports/batch-view-store'

export interface GenerationBug {
  readonly rules?: Partial<BatchRules>
  readonly changeViews?: (views: BatchViewStore) => BatchViewStore
}

export const GENERATION_BUGS: Readonly<Record<string, GenerationBug>> = {
  'cut-off-by-one': { rules: { epochsOf: (baseCut, cut) => ({ afterCut: baseCut - 1, cut }) } },
  'floor-may-fall': {
    rules: { withFloor: (lineage, keptCount) => ({ floor: lineage.find(({ n }) => n === oldestOf(lineage, keptCount))!.n, published: lineage }) },
  },
  'no-void': { rules: { voidedBy: () => [] } },
  'void-without-cas': { rules: { withVoided: (pointer) => pointer } },
  'write-set-late': { rules: { stages: ['check', 'purge', 'load', 'record', 'confirm', 'publish'] } },
  'void-unread': { rules: { stages: BATCH_RULES.stages.filter((stage) => stage !== 'check') } },
  'late-rows-live': { changeViews: withLateRows },
  'purge-without-lease': { rules: { mayPurge: () => true } },
  'clean-without-lease': { rules: { mayClean: () => true } },
  'publish-without-cas': { rules: { publishOn: (_, readNow) => readNow() } },
  'number-used-twice': { rules: { numberOf: ({ published }) => Math.max(0, ...published.map(({ n }) => n)) + 1 } },
  'base-read-at-publish': {
    rules: {
      publishOn: async (planned, readNow) => {
        const now = await readNow()
        return now.pointer.planned?.n === planned.pointer.planned?.n ? now : planned
      },
    },
  },
}

/** So many generations back from the newest one, wherever a rollback has been: the floor may fall. */
function oldestOf(lineage: Parameters<BatchRules['withFloor']>[0], keptCount: number): number {
  return lineage[Math.max(0, lineage.length - 1 - keptCount)]!.n
}

/** A store that removes the rows that are there, and lets later ones in. */
export function withLateRows(views: BatchViewStore): BatchViewStore {
  const removed = new Set<string>()
  const late = new Map<string, Uint8Array>()
  const textOf = (view: string, generation: number, entity: Uint8Array): string => `${view} ${generation} ${Buffer.from(entity).toString('hex')}`
  return {
    ...views,
    async write(view, generation, rows) {
      for (const { entity, blob } of rows) if (removed.has(textOf(view, generation, entity))) late.set(textOf(view, generation, entity), blob)
      await views.write(view, generation, rows)
    },
    async remove(view, generation, entities) {
      for (const entity of entities) {
        removed.add(textOf(view, generation, entity))
        late.delete(textOf(view, generation, entity))
      }
      await views.remove(view, generation, entities)
    },
    async readNewest(view, through, entities) {
      const rows = await views.readNewest(view, through, entities)
      return rows.map((row, i) => {
        let newest = row
        for (let generation = through; generation > (row?.generation ?? 0); generation--) {
          const blob = late.get(textOf(view, generation, entities[i]!))
          if (blob === undefined) continue
          newest = { generation, blob }
          break
        }
        return newest
      })
    },
  }
}
