// Chunks as plain data: packing panes into a batch blob, and reading any chunk back into panes.

import {
  AT_DROPPED, AT_KIND, AT_LOG_TIME, BATCH_CHUNK, NONE, tablesOf, viewOf, type ChunkKind,
} from './chunk-format.ts'
import { panesOf } from './chunk-panes.ts'
import { sealChunk, verifyChunk } from './chunk-verify.ts'
import { ChunkWriter } from './chunk-writer.ts'
import { rollUp, type Pane, type Truncation } from './roll-up.ts'
import type { ViewPlan } from './view-plan.ts'

/** What a batch blob is packed from: panes of any order and rung, equal ones among them, such as a base's and a new epoch's. */
export interface BatchState {
  /** The entity's newest append time. */
  readonly logTimeMs: number
  /** The cut: the epoch that every pane is filed under. */
  readonly throughEpoch: number
  readonly panes: readonly Omit<Pane, 'epoch'>[]
  /** Of the base. */
  readonly truncations?: readonly Omit<Truncation, 'epoch'>[]
}

export interface DecodedChunk {
  readonly kind: ChunkKind
  readonly logTimeMs: number
  /** -Infinity: none. */
  readonly droppedThroughEpoch: number
  /** By (group, epoch, rung, start). */
  readonly panes: readonly Pane[]
  readonly truncations: readonly Truncation[]
}

/** Packs an entity's panes, rolled up to its log time. */
export function encodeBatchBlob(plan: ViewPlan, { logTimeMs, throughEpoch, panes, truncations = [] }: BatchState): Uint8Array {
  const epoch = throughEpoch
  const rolled = rollUp(plan, panes.map((pane) => ({ ...pane, epoch })), logTimeMs, truncations.map((truncation) => ({ ...truncation, epoch })))
  return encodeChunk(plan, { kind: BATCH_CHUNK, logTimeMs, droppedThroughEpoch: NONE, ...rolled })
}

/** Packs panes as they are: sorted and each once. */
export function encodeChunk(plan: ViewPlan, { kind, logTimeMs, droppedThroughEpoch, panes, truncations }: DecodedChunk): Uint8Array {
  let writer = writers.get(plan)
  if (writer === undefined) writers.set(plan, (writer = new ChunkWriter(plan)))
  for (const table of tablesToWrite(panes, truncations)) {
    const builder = writer.startTable(table.group)
    for (const { startMs, partials } of table.panes) builder.addPartials(startMs, partials)
    writer.addBuilt(table, builder)
  }
  const bytes = writer.finish(kind, logTimeMs, droppedThroughEpoch)
  sealChunk(plan, viewOf(bytes))
  return bytes
}

/** Working memory, for each plan. */
const writers = new WeakMap<ViewPlan, ChunkWriter>()

interface PlainTable {
  readonly group: number
  readonly epoch: number
  readonly rung: number
  readonly truncatedAtMs: number
  readonly panes: Pane[]
}

function tablesToWrite(panes: readonly Pane[], truncations: readonly Truncation[]): PlainTable[] {
  const tables = new Map<string, PlainTable>()
  const tableOf = (group: number, epoch: number, rung: number): PlainTable => {
    const name = `${group} ${epoch} ${rung}`
    const truncatedAtMs = rung === 0 ? (truncations.find((each) => each.group === group && each.epoch === epoch)?.startMs ?? NONE) : NONE
    if (!tables.has(name)) tables.set(name, { group, epoch, rung, truncatedAtMs, panes: [] })
    return tables.get(name)!
  }
  for (const { group, epoch } of truncations) tableOf(group, epoch, 0)
  for (const pane of panes) tableOf(pane.group, pane.epoch, pane.rung).panes.push(pane)
  return [...tables.values()].sort((a, b) => a.group - b.group || a.epoch - b.epoch || a.rung - b.rung)
}

/**
 * Reads a chunk of any kind. Throws BLOB_DAMAGED, BLOB_TOO_NEW or BLOB_OTHER_LAYOUT.
 */
export function decodeBlob(plan: ViewPlan, bytes: Uint8Array): DecodedChunk {
  verifyChunk(plan, bytes)
  const view = viewOf(bytes)
  const tables = tablesOf(plan, bytes)
  return {
    kind: view.getUint8(AT_KIND) as ChunkKind,
    logTimeMs: view.getFloat64(AT_LOG_TIME, true),
    droppedThroughEpoch: view.getFloat64(AT_DROPPED, true),
    panes: tables.flatMap((table) => panesOf(plan, table)),
    truncations: tables.filter(({ truncatedAtMs }) => truncatedAtMs !== NONE).map(({ epoch, group, truncatedAtMs }) => ({ epoch, group, startMs: truncatedAtMs })),
  }
}

/** Verifies a batch blob; for those who merge it many times. */
export function verifyBlob(plan: ViewPlan, bytes: Uint8Array): void {
  verifyChunk(plan, bytes, BATCH_CHUNK)
}
