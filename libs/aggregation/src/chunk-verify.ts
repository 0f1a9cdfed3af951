// Sealing and checking chunks: checksums are written when a chunk leaves for a store and compared once, when it comes back.
// What passes is what was written, so that the fold and the merge need no checks of their own.

import { TidemarkError } from '@tidemark/feature-schema/errors'
import { checksum } from './chunk-checksum.ts'
import {
  AT_BYTES, AT_CHECKSUM, AT_LAYOUT, AT_TABLES, AT_VERSION, BATCH_CHUNK, CHUNK_VERSION, SETTLED_CHUNK, AT_KIND, damagedChunk, ENTRY_CHECKSUM,
  ENTRY_GROUP, ENTRY_RUNG, entryAt, HEADER_BYTES, MAGIC, tableBytes, tablesOf, viewOf, type ChunkKind,
} from './chunk-format.ts'
import { panesOf } from './chunk-panes.ts'
import type { ViewPlan } from './view-plan.ts'

/** Writes the version and the checksums of the chunk in the first `AT_BYTES` bytes of the view; of tables, those whose field is zero. */
export function sealChunk(plan: ViewPlan, view: DataView): void {
  // A chunk of an earlier version that was changed in place.
  view.setUint8(AT_VERSION, CHUNK_VERSION)
  const tableCount = view.getUint32(AT_TABLES, true)
  let at = entryAt(tableCount)
  for (let index = 0; index < tableCount; index++) {
    const entry = entryAt(index)
    const end = at + tableBytes(plan, view, entry)
    if (view.getUint32(entry + ENTRY_CHECKSUM, true) === 0) view.setUint32(entry + ENTRY_CHECKSUM, checksum(view, at, end, 0), true)
    at = end
  }
  view.setUint32(AT_CHECKSUM, headChecksum(view), true)
}

/**
 * Checks a chunk that came from a store, of any kind or of the given one. Throws BLOB_DAMAGED, BLOB_TOO_NEW or BLOB_OTHER_LAYOUT.
 */
export function verifyChunk(plan: ViewPlan, bytes: Uint8Array, kind: ChunkKind | null = null): void {
  if (bytes.length < HEADER_BYTES || bytes[0] !== MAGIC) throw damagedChunk(`${bytes.length} bytes that do not begin as a chunk does.`)
  const version = bytes[AT_VERSION]!
  if (version > CHUNK_VERSION) throw tooNew(version)
  const view = viewOf(bytes)
  const tableCount = view.getUint32(AT_TABLES, true)
  if (view.getUint32(AT_BYTES, true) !== bytes.length || entryAt(tableCount) > bytes.length) {
    throw damagedChunk(`It is ${bytes.length} bytes long and says ${view.getUint32(AT_BYTES, true)}, with ${tableCount} tables.`)
  }
  compare('its head', view.getUint32(AT_CHECKSUM, true), version === 0 ? 0 : headChecksum(view))
  if (view.getUint32(AT_LAYOUT, true) !== plan.layoutId) throw otherLayout(plan)
  const kindByte = bytes[AT_KIND]!
  if (kindByte > SETTLED_CHUNK || (kind !== null && kindByte !== kind)) throw damagedChunk(`Its kind is ${kindByte}, not ${kind ?? `${BATCH_CHUNK} to ${SETTLED_CHUNK}`}.`)
  let at = entryAt(tableCount)
  for (let index = 0; index < tableCount; index++) {
    const entry = entryAt(index)
    const group = plan.groups[view.getUint16(entry + ENTRY_GROUP, true)]
    if (group === undefined || view.getUint16(entry + ENTRY_RUNG, true) >= group.rungs.length) throw damagedChunk(`Table ${index} belongs to no rung.`)
    const end = at + tableBytes(plan, view, entry)
    if (end > bytes.length) throw damagedChunk(`Table ${index} ends at ${end}, past the chunk's ${bytes.length} bytes.`)
    compare(`table ${index}`, view.getUint32(entry + ENTRY_CHECKSUM, true), version === 0 ? 0 : checksum(view, at, end, 0))
    at = end
  }
  if (at !== bytes.length) throw damagedChunk(`Its tables end at ${at}, not at ${bytes.length}.`)
  // Without checksums, at least every length and partial must be one that can be read.
  if (version === 0) for (const table of tablesOf(plan, bytes)) panesOf(plan, table)
}

function headChecksum(view: DataView): number {
  return checksum(view, AT_CHECKSUM + 4, entryAt(view.getUint32(AT_TABLES, true)), view.getUint32(0, true))
}

function compare(what: string, stored: number, computed: number): void {
  if (stored !== computed) throw damagedChunk(`The checksum of ${what} is ${stored}, and its bytes give ${computed}.`)
}

function tooNew(version: number): TidemarkError {
  const message = `Its format version is ${version}, and this release reads ${CHUNK_VERSION} and the one before.`
  return new TidemarkError([{ code: 'BLOB_TOO_NEW', message, where: 'chunk', action: 'Upgrade this layer: a newer release wrote the state.' }])
}

function otherLayout({ view }: ViewPlan): TidemarkError {
  const message = 'Its layout is of another definition.'
  const action = 'Read it with the definition that wrote it: a changed view needs a new version.'
  return new TidemarkError([{ code: 'BLOB_OTHER_LAYOUT', message, where: `chunk of view ${view.name}`, action }])
}
