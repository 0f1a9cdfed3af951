// Chunks of any kind from panes of plain data, for tests that change what is in one.

import type { DecodedChunk } from '../batch-blob.ts'
import { NONE, viewOf } from '../chunk-format.ts'
import type { Pane } from '../chunk-panes.ts'
import { sealChunk } from '../chunk-verify.ts'
import { ChunkWriter } from '../chunk-writer.ts'
import { RowCursor } from '../row-cursor.ts'
import { TableBuilder } from '../table-builder.ts'
import type { ViewPlan } from '../view-plan.ts'

/** Packs panes as they are: sorted and each once. */
export function encodeChunk(plan: ViewPlan, { kind, logTimeMs, droppedThroughEpoch, panes, truncations }: DecodedChunk): Uint8Array {
  const writer = new ChunkWriter(plan)
  for (const table of tablesToWrite(panes, truncations)) {
    const group = plan.groups[table.group]!
    const builder = new TableBuilder(group)
    for (const { startMs, partials } of table.panes) builder.addPartials(startMs, partials)
    writer.addRows(table, [new RowCursor(group, builder.snapshot())])
  }
  const bytes = writer.finish(kind, logTimeMs, droppedThroughEpoch)
  sealChunk(plan, viewOf(bytes))
  return bytes
}

interface PlainTable {
  readonly group: number
  readonly epoch: number
  readonly rung: number
  readonly truncatedAtMs: number
  readonly panes: Pane[]
}

function tablesToWrite(panes: readonly Pane[], truncations: DecodedChunk['truncations']): PlainTable[] {
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

