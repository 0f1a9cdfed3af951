// The entities of a view that a processor knows: from an event's key values to the entity's bytes and bucket, so that neither is made
// and hashed for each event, and to its state as it was last read or written. Bounded by bytes: there are two generations of entries, what
// is asked for moves to the younger one, and when that is half of the limit the older one is forgotten.

import type { EntityState, SpeedChunks, StoredChunk } from '@tidemark/aggregation/entity-state'
import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import { bucketOf, encodeEntityKey, entityHash, type KeyType } from '@tidemark/feature-schema/entity-key'
import type { Row, Value } from '@tidemark/feature-schema/value'
import type { Revision } from '@tidemark/ports/revision'

/** By chunk number. */
export type Revisions = (Revision | null)[]

export interface EntityEntry {
  /** What it is found by: bytes of its own, for a record's strings may hold on to the record's whole text. */
  readonly name: Value
  readonly entity: Uint8Array
  readonly bucket: number
  /** null: it was not read, or what was read may not be so any more. */
  state: EntityState | null
  /** Of the chunks that `state` was read from and last written to. */
  revisions: Revisions
  /** The bucket's `stateVersion` that `state` belongs to. */
  stateVersion: number
  sizeBytes: number
  /** The command that it was last part of. */
  command: number
}

/** An entry without its state: maps, key, arrays. */
const ENTRY_BYTES = 400

export class ViewEntities {
  private young = new Map<Value, EntityEntry>()
  private old = new Map<Value, EntityEntry>()
  private youngBytes = 0
  private readonly keyIndexes: readonly number[]
  private readonly keyTypes: readonly KeyType[]
  private readonly bucketCount: number
  private readonly sizeMaxBytes: number

  constructor({ keys, view }: ViewPlan, sizeMaxBytes: number) {
    this.keyIndexes = keys.map(({ index }) => index)
    this.keyTypes = keys.map(({ type }) => type as KeyType)
    this.bucketCount = view.bucketCount
    this.sizeMaxBytes = sizeMaxBytes
  }

  /** The entity of an event's row; null: one of its keys is NULL. */
  find(row: Row): EntityEntry | null {
    const name = this.nameOf(row)
    if (name === null) return null
    const found = this.young.get(name)
    return found ?? this.admit(name, row)
  }

  /** Takes note of an entry's state as it is after events were folded into it. */
  weigh(entry: EntityEntry): void {
    const sizeBytes = ENTRY_BYTES + entry.entity.length + (entry.state === null ? 0 : stateBytes(entry.state))
    this.youngBytes += sizeBytes - entry.sizeBytes
    entry.sizeBytes = sizeBytes
  }

  /** Whether some are to be forgotten. */
  get isFull(): boolean {
    return this.youngBytes > this.sizeMaxBytes / 2
  }

  /** Forgets what was not asked for in a long while, where it is too much. Not while a command is being made. */
  trim(): void {
    if (!this.isFull) return
    this.old = this.young
    this.young = new Map()
    this.youngBytes = 0
  }

  private admit(name: Value, row: Row): EntityEntry {
    const known = this.old.get(name)
    if (known !== undefined) this.old.delete(name)
    const entry = known ?? this.makeEntry(name, row)
    this.young.set(entry.name, entry)
    this.youngBytes += entry.sizeBytes
    return entry
  }

  private makeEntry(name: Value, row: Row): EntityEntry {
    const entity = encodeEntityKey(this.keyIndexes.map((index) => row[index]!), this.keyTypes)
    const bucket = bucketOf(entityHash(entity), this.bucketCount)
    const own = typeof name === 'string' ? Buffer.from(name).toString() : name
    return { name: own, entity, bucket, state: null, revisions: [], stateVersion: -1, sizeBytes: ENTRY_BYTES + entity.length, command: -1 }
  }

  /** One key is its own name; of several, each text says its length. */
  private nameOf(row: Row): Value {
    const { keyIndexes } = this
    if (keyIndexes.length === 1) return row[keyIndexes[0]!] ?? null
    let name = ''
    for (const index of keyIndexes) {
      const value = row[index] ?? null
      if (value === null) return null
      const text = String(value)
      name += `${text.length}:${text}`
    }
    return name
  }
}

function stateBytes({ open, closed, settled }: EntityState): number {
  return open.bytes.length + storedBytes(closed) + storedBytes(settled)
}

function storedBytes({ bytes, edit }: StoredChunk): number {
  return (bytes?.length ?? 0) + (edit?.bytes.length ?? 0)
}

/** Chunk numbers in the store. */
export const CHUNK_NAMES = ['open', 'closed', 'settled'] as const satisfies readonly (keyof SpeedChunks)[]
