// Batch blobs: packing an entity's panes, alone or on top of an earlier blob of it, and reading any chunk back into panes of plain
// data. A base is never decoded: rows that roll up are merged in bytes, the others are copied.

import {
  AT_DROPPED, AT_KIND, AT_LOG_TIME, BATCH_CHUNK, NONE, tablesOf, viewOf, type ChunkKind, type TableRef,
} from './chunk-format.ts'
import { panesOf, type Pane, type Truncation } from './chunk-panes.ts'
import { sealChunk, verifyChunk } from './chunk-verify.ts'
import { ChunkWriter } from './chunk-writer.ts'
import { hasRows, limitOf, RowMerger, takeLeaving } from './roll-up.ts'
import { RowCursor } from './row-cursor.ts'
import { TableBuilder } from './table-builder.ts'
import type { LadderGroup, ViewPlan } from './view-plan.ts'

/** A pane that is not yet under an epoch. */
export type LoosePane = Omit<Pane, 'epoch'>

export interface BatchState {
  /** The newest append time of the panes' events. */
  readonly logTimeMs: number
  /** The cut: the epoch that every pane is filed under. */
  readonly throughEpoch: number
  /** Of any rung, in any order, each once. */
  readonly panes: readonly LoosePane[]
  /** An earlier batch blob of the entity, which the panes are added to. */
  readonly base?: Uint8Array | null
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

/** Packs an entity's panes, rolled up to its log time. Throws what `decodeBlob` throws, of the base. */
export function encodeBatchBlob(plan: ViewPlan, state: BatchState): Uint8Array {
  let packer = packers.get(plan)
  if (packer === undefined) packers.set(plan, (packer = new Packer(plan)))
  return packer.pack(state)
}

/** Working memory, for each plan. */
const packers = new WeakMap<ViewPlan, Packer>()

class Packer {
  private readonly plan: ViewPlan
  private readonly writer: ChunkWriter
  private readonly builders: readonly TableBuilder[]
  private readonly mergers: readonly RowMerger[]

  constructor(plan: ViewPlan) {
    this.plan = plan
    this.writer = new ChunkWriter(plan)
    this.builders = plan.groups.map((group) => new TableBuilder(group))
    this.mergers = plan.groups.map((group) => new RowMerger(group))
  }

  pack({ logTimeMs, throughEpoch, panes, base = null }: BatchState): Uint8Array {
    const { plan } = this
    if (base !== null) verifyBlob(plan, base)
    const newestMs = base === null ? logTimeMs : Math.max(logTimeMs, viewOf(base).getFloat64(AT_LOG_TIME, true))
    const tables = base === null ? [] : tablesOf(plan, base)
    const byTable = new Map<LadderGroup, LoosePane[][]>(plan.groups.map((group) => [group, group.rungs.map(() => [])]))
    for (const pane of panes) byTable.get(plan.groups[pane.group]!)![pane.rung]!.push(pane)
    for (const [group, byRung] of byTable) this.packGroup(group, newestMs, throughEpoch, tables, byRung)
    const bytes = this.writer.finish(BATCH_CHUNK, newestMs, NONE)
    sealChunk(plan, viewOf(bytes))
    return bytes
  }

  private packGroup(group: LadderGroup, logTimeMs: number, epoch: number, tables: readonly TableRef[], byRung: readonly LoosePane[][]): void {
    const merger = this.mergers[group.index]!
    let carried: readonly RowCursor[] = []
    for (const [index, rung] of group.rungs.entries()) {
      const kept = tables.find((table) => table.group === group.index && table.rung === index) ?? null
      const keptRows = kept && new RowCursor(group, kept)
      const rows = merger.weave(rung, [keptRows, this.rowsOf(group, byRung[index]!)].filter(hasRows))
      const { limitMs, truncatedAtMs } = limitOf(group, index, logTimeMs, rows, kept?.truncatedAtMs ?? NONE)
      const leaving = takeLeaving([...rows, ...carried], limitMs)
      const staying = merger.weave(rung, [...rows, ...carried])
      const isSame = kept !== null && truncatedAtMs === kept.truncatedAtMs && staying.length === 1 && staying[0] === keptRows && keptRows.row === 0
      if (isSame) this.writer.copyTable(kept, epoch)
      else this.writer.addRows({ group: group.index, rung: index, epoch, truncatedAtMs }, staying)
      const next = group.rungs[index + 1]
      // What leaves the last rung, no window needs.
      carried = next === undefined || leaving.length === 0 ? [] : [merger.merge(next, leaving)]
    }
  }

  private rowsOf(group: LadderGroup, panes: LoosePane[]): RowCursor | null {
    if (panes.length === 0) return null
    panes.sort((a, b) => a.startMs - b.startMs)
    const builder = this.builders[group.index]!
    builder.clear()
    for (const { startMs, partials } of panes) builder.addPartials(startMs, partials)
    return new RowCursor(group, builder.snapshot())
  }
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
