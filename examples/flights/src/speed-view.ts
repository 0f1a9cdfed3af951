// The last day as the stream will bring it: one JSON event at a time, decoded, folded into its entity's chunks, which are
// kept as bytes. A store and its fences come with the speed layer; here a map stands for it.
import { NO_CHUNKS, type SpeedChunks, encodeState, openState, presentChunks } from '@tidemark/aggregation/entity-state'
import { foldEvent, prepareRow } from '@tidemark/aggregation/fold'
import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import { type KeyType, encodeEntityKey } from '@tidemark/feature-schema/entity-key'
import { type DecodedEvent, compileEventDecoder, isRejected } from '@tidemark/feature-schema/event-decoder'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'

/** A record of the log: its JSON text, and its row number in the file as its offset. */
export interface LogRecord {
  readonly offset: number
  readonly json: string
}

export class SpeedView {
  readonly plan: ViewPlan
  /** By the entity's key bytes as text. */
  readonly chunks = new Map<string, SpeedChunks>()
  private readonly keyTypes: readonly KeyType[]

  constructor(plan: ViewPlan) {
    this.plan = plan
    this.keyTypes = plan.keys.map(({ type }) => type as KeyType)
  }

  /** Folds an event of partition 0; false where the view's filter or a NULL key leaves it out. */
  fold(event: DecodedEvent, offset: number, appendTimeMs: number, epoch: number): boolean {
    const { plan } = this
    const row = [...event.row]
    if (!prepareRow(plan, row)) return false
    const keys = plan.keys.map(({ index }) => row[index] ?? null)
    if (keys.includes(null)) return false
    const entity = keyText(encodeEntityKey(keys, this.keyTypes))
    const stored = this.chunks.get(entity) ?? NO_CHUNKS
    const state = openState(plan, stored)
    foldEvent(plan, state, { eventTimeMs: event.eventTimeMs, appendTimeMs, epoch, partition: 0, offset, row })
    this.chunks.set(entity, { ...stored, ...encodeState(plan, state) })
    return true
  }

  /** The chunks of an entity, by its key's bytes. */
  read(entity: Uint8Array): Uint8Array[] {
    return presentChunks(this.chunks.get(keyText(entity)) ?? NO_CHUNKS)
  }
}

export interface StreamResult {
  readonly foldCount: number
  readonly deadLetterCount: number
}

/** Folds the records into every view. The file has no append times: the running maximum of the event times stands for them. */
export function foldRecords(source: SourceDefinition, views: readonly SpeedView[], records: readonly LogRecord[]): StreamResult {
  const decoder = compileEventDecoder(source)
  const result = { foldCount: 0, deadLetterCount: 0 }
  let appendTimeMs = -Infinity
  for (const { offset, json } of records) {
    const event = decoder.decode(json)
    if (isRejected(event)) {
      result.deadLetterCount++
      continue
    }
    appendTimeMs = Math.max(appendTimeMs, event.eventTimeMs)
    const epoch = Math.floor(appendTimeMs / source.epochLengthMs)
    for (const view of views) if (view.fold(event, offset, appendTimeMs, epoch)) result.foldCount++
  }
  return result
}

function keyText(entity: Uint8Array): string {
  return Buffer.from(entity.buffer, entity.byteOffset, entity.byteLength).toString('latin1')
}
