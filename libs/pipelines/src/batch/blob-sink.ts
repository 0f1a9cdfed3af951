// Where a batch run writes: one blob for each entity that changed.
export interface EntityBlob {
  /** The entity's key bytes. */
  readonly entity: Uint8Array
  readonly blob: Uint8Array
}

export interface BlobSink {
  /** Each entity once in a run. */
  write(blobs: readonly EntityBlob[]): Promise<void>
}

/** The blobs that a run starts from. */
export interface BaseBlobs {
  /** The last epoch that they contain. */
  readonly cut: number
  /** In the order of the entities; null: the entity has none. */
  read(entities: readonly Uint8Array[]): Promise<readonly (Uint8Array | null)[]>
}

/** Keeps blobs in a map, by the entity's key bytes as text. */
export class BlobMap implements BlobSink {
  readonly blobs = new Map<string, Uint8Array>()

  write(blobs: readonly EntityBlob[]): Promise<void> {
    for (const { entity, blob } of blobs) this.blobs.set(keyText(entity), blob)
    return Promise.resolve()
  }

  get(entity: Uint8Array): Uint8Array | null {
    return this.blobs.get(keyText(entity)) ?? null
  }

  /** These blobs as the base of a run: what a run writes later does not show in it. */
  asBase(cut: number): BaseBlobs {
    const blobs = new Map(this.blobs)
    return { cut, read: (entities) => Promise.resolve(entities.map((entity) => blobs.get(keyText(entity)) ?? null)) }
  }
}

function keyText(entity: Uint8Array): string {
  return Buffer.from(entity.buffer, entity.byteOffset, entity.byteLength).toString('latin1')
}
