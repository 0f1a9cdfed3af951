// Entities as views know them: an entity that is asked for again has the same key, bucket and name, and is not encoded and hashed again.

import { bucketOf, entityHash, entityKeyText, type KeyType } from '@tidemark/feature-schema/entity-key'
import type { Value } from '@tidemark/feature-schema/value'
import { LRUCache } from 'lru-cache'

const SIZE_MAX_BYTES = 32 * 2 ** 20
/** What an entry costs besides its key and name. */
const ENTRY_SIZE_BYTES = 250

/** An entity as one view knows it. */
export interface ViewEntity {
  readonly key: Uint8Array
  /** Its own among those of all views, to look things up by: one string for as long as the entity is known, so that it is hashed once. */
  readonly name: string
  readonly bucket: number
}

/** A view as its entities' keys need it. */
export interface EntityView {
  /** `airport_delays@1` */
  readonly id: string
  readonly keyTypes: readonly KeyType[]
  readonly bucketCount: number
}

/** Of the views of one catalog. */
export class KnownEntities {
  private readonly known = new LRUCache<string, ViewEntity>({ maxSize: SIZE_MAX_BYTES, sizeCalculation: ({ key, name }) => key.byteLength + 2 * name.length + ENTRY_SIZE_BYTES })

  /** The entity that has these values, in the order of the view's join keys and in canonical form. */
  entityOf({ id, keyTypes, bucketCount }: EntityView, values: readonly Value[]): ViewEntity {
    const text = entityKeyText(values, keyTypes)
    const name = `${id} ${text}`
    let entity = this.known.get(name)
    if (entity === undefined) {
      const key = Buffer.from(text)
      entity = { key, name, bucket: bucketOf(entityHash(key), bucketCount) }
      this.known.set(name, entity)
    }
    return entity
  }
}
