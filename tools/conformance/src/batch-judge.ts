// Judges a batch engine on a generated history: blobs of a full run against the oracle, and runs on a base against the full run.
import { isDeepStrictEqual } from 'node:util'
import { decodeBlob } from '@tidemark/aggregation/batch-blob'
import { mergeAtCut } from '@tidemark/aggregation/merge'
import type { GroupMap, Partial } from '@tidemark/aggregation/partial'
import { disagreements } from '@tidemark/aggregation/testing/agreement'
import { chanceOf, entitiesOf, generateTimes, type SeamCase } from '@tidemark/aggregation/testing/generate-case'
import { planView, type Slot, type ViewPlan } from '@tidemark/aggregation/view-plan'
import { encodeEntityKey, type KeyType } from '@tidemark/feature-schema/entity-key'
import type { Value } from '@tidemark/feature-schema/value'
import { runBatch } from '@tidemark/pipelines/batch/batch-run'
import { BlobMap } from '@tidemark/pipelines/batch/blob-sink'
import type { BatchEngine, EventInput } from '@tidemark/ports/batch-engine'
import { archiveOf, expectedAt, type ArchiveCase, type RecordsInput } from './event-records.ts'

/** The last epoch that the case's batch may contain: its cut, or where that is no number, its history's last epoch. */
export function lastEpoch({ cut, events }: SeamCase): number {
  return Number.isFinite(cut) ? cut : Math.max(...events.map(({ epoch }) => epoch))
}

/** Whether the merged features of a full run are the oracle's, for every entity at several times. */
export async function judgeFullRun(engine: BatchEngine, example: ArchiveCase): Promise<string | null> {
  const { view, source, events } = example
  const plan = planView(view, source)
  const cut = lastEpoch(example)
  const { sink } = await runThrough(engine, plan, archiveOf(example), [cut])
  const logTimeMs = Math.max(...events.map(({ appendTimeMs }) => appendTimeMs))
  for (const atMs of generateTimes(chanceOf(example), example, logTimeMs)) {
    for (const entity of entitiesOf(view)) {
      const expected = expectedAt(example, plan, { entity, atMs, has: ({ epoch }) => epoch <= cut })
      const { values } = mergeAtCut(plan, sink.get(bytesOf(plan, entity)), [], { cut, t: atMs })
      const wrong = disagreements(expected, values)
      if (wrong !== null) return `${JSON.stringify(entity)} at ${atMs}: ${wrong}`
    }
  }
  return null
}

/** Whether runs on a base give the panes of a full run, and its very bytes where all slots are exact. */
export async function judgeIncrementalRuns(engine: BatchEngine, example: ArchiveCase): Promise<string | null> {
  const plan = planView(example.view, example.source)
  const cut = lastEpoch(example)
  const epochs = [...new Set(example.events.map(({ epoch }) => epoch))].filter((epoch) => epoch < cut)
  const archive = archiveOf(example)
  const cuts = [...chanceOf(example).shuffle(epochs).slice(0, 3), cut].sort((a, b) => a - b)
  const full = await runThrough(engine, plan, archive, [cut])
  const stepwise = await runThrough(engine, plan, archive, cuts)
  const isExact = plan.slots.every((slot) => !isInexact(slot))
  for (const entity of entitiesOf(example.view)) {
    const bytes = bytesOf(plan, entity)
    const [once, inSteps] = [full.sink.get(bytes), stepwise.sink.get(bytes)]
    const where = `${JSON.stringify(entity)} through ${cuts.join(', ')}`
    if (once === null || inSteps === null) {
      if (once !== inSteps) return `${where}: ${once === null ? 'only in steps' : 'only in the full run'}`
      continue
    }
    if (!isDeepStrictEqual(plainPanes(plan, inSteps), plainPanes(plan, once))) return `${where}: other panes`
    // An entity without events in the last step keeps its blob of an earlier cut.
    if (isExact && stepwise.lastWritten.get(bytes) !== null && !isDeepStrictEqual(inSteps, once)) return `${where}: other bytes`
  }
  return null
}

/** Whether two engines make the same panes; `toFiles` gives the first one the history as files. */
export async function judgeAlike(a: BatchEngine, b: BatchEngine, example: ArchiveCase, toFiles?: (archive: RecordsInput) => Promise<EventInput>): Promise<string | null> {
  const plan = planView(example.view, example.source)
  const archive = archiveOf(example)
  const inputs = [[a, (await toFiles?.(archive)) ?? archive], [b, archive]] as const
  const [runA, runB] = await Promise.all(inputs.map(([engine, input]) => runThrough(engine, plan, input, [lastEpoch(example)])))
  const entities = new Set([...runA!.sink.blobs.keys(), ...runB!.sink.blobs.keys()])
  for (const entity of entities) {
    const [blobA, blobB] = [runA!.sink.blobs.get(entity), runB!.sink.blobs.get(entity)]
    if (blobA === undefined || blobB === undefined) return `${entity} is only in the ${blobA === undefined ? 'second' : 'first'}`
    if (!isDeepStrictEqual(plainPanes(plan, blobA), plainPanes(plan, blobB))) return `${entity}: other panes`
  }
  // Files number their own records.
  const [reportA, reportB] = [runA!, runB!].map(({ report }) => (toFiles === undefined ? report : { ...report, rejectedSamples: [] }))
  return isDeepStrictEqual(reportA, reportB) ? null : `reports: ${JSON.stringify([reportA, reportB])}`
}

/** A full run through the first cut, then a run on a base through each of the others. */
async function runThrough(engine: BatchEngine, plan: ViewPlan, input: EventInput, cuts: readonly number[]) {
  const sink = new BlobMap()
  let lastWritten = new BlobMap()
  let report = null
  for (const [i, throughEpoch] of cuts.entries()) {
    lastWritten = new BlobMap()
    const base = i === 0 ? {} : { base: sink.asBase(cuts[i - 1]!) }
    ;({ report } = await runBatch({ engine, plan, input, sink: lastWritten, throughEpoch, ...base }))
    for (const [entity, blob] of lastWritten.blobs) sink.blobs.set(entity, blob)
  }
  return { sink, lastWritten, report }
}

function bytesOf(plan: ViewPlan, entity: readonly Value[]): Uint8Array {
  return encodeEntityKey(entity, plan.keys.map(({ type }) => type as KeyType))
}

/** Panes without their epoch, and without what the order of additions shows in: sums of doubles and moments. */
function plainPanes(plan: ViewPlan, blob: Uint8Array): unknown {
  const { logTimeMs, panes, truncations } = decodeBlob(plan, blob)
  return {
    logTimeMs,
    truncations: truncations.map(({ epoch: _, ...rest }) => rest),
    panes: panes.map(({ epoch: _, partials, ...place }) => ({ ...place, partials: partials.map((partial, i) => exactPart(plan.groups[place.group]!.slots[i]!, partial)) })),
  }
}

function isInexact({ kind, inputType }: Slot): boolean {
  return kind === 'moments' || (kind === 'sum' && inputType === 'double')
}

function exactPart(slot: Slot, partial: Partial): unknown {
  if (!isInexact(slot)) return partial
  if (slot.groupBy === null) return (partial as { n: number }).n
  const { groups, isOverflow } = partial as GroupMap
  return { isOverflow, groups: new Map([...groups].map(([group, inner]) => [group, (inner as { n: number }).n])) }
}
