// Batch views in maps: view → entity → generation → blob, or null where the row was removed, for ever.

import type { BatchViewStore, StoredBatchRow } from '@tidemark/ports/batch-view-store'

/** Generation → blob; null: removed. */
type Rows = Map<number, Uint8Array | null>

/** A batch view store that lives as long as this object. */
export function createMemoryBatchViewStore(): BatchViewStore {
  const views = new Map<string, Map<string, Rows>>()
  const rowsOf = (view: string, entity: Uint8Array): Rows => {
    const entities = getOrMake(views, view, () => new Map<string, Rows>())
    return getOrMake(entities, textOf(entity), () => new Map())
  }
  const find = (view: string, entity: Uint8Array): Rows | undefined => views.get(view)?.get(textOf(entity))

  return {
    async write(view, generation, rows) {
      for (const { entity, blob } of rows) {
        const stored = rowsOf(view, entity)
        if (stored.get(generation) !== null) stored.set(generation, Uint8Array.from(blob))
      }
    },
    async remove(view, generation, entities) {
      for (const entity of entities) rowsOf(view, entity).set(generation, null)
    },
    readNewest: async (view, throughGeneration, entities) => entities.map((entity) => newestOf(find(view, entity), throughGeneration)),
    generationsOf: async (view, entities) =>
      entities.map((entity) => [...(find(view, entity) ?? [])].filter(([, blob]) => blob !== null).map(([n]) => n).sort((a, b) => b - a)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

function newestOf(rows: Rows | undefined, through: number): StoredBatchRow | null {
  let newest: StoredBatchRow | null = null
  for (const [generation, blob] of rows ?? []) {
    if (blob !== null && generation <= through && generation > (newest?.generation ?? -1)) newest = { generation, blob }
  }
  return newest && { generation: newest.generation, blob: Uint8Array.from(newest.blob) }
}

function textOf(entity: Uint8Array): string {
  return Buffer.from(entity.buffer, entity.byteOffset, entity.byteLength).toString('latin1')
}

function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const found = map.get(key)
  if (found !== undefined) return found
  const made = make()
  map.set(key, made)
  return made
}
