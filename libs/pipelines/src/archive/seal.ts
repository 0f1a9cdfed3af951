// Sealing (law 3): which epochs can be sealed, and how. An epoch is sealed once every open partition shows a record past it; an idle one by the
// clock, once its end is more than the declared skew ago, and only if its end in the log, read after the register says that it
// closes, is still the one that was archived: its end with what is in transactions that are not decided, and was appended before. One
// compare-and-set seals, and carries the manifest.

import { readSealRegister, replaceSealRegister, type ReadSealRegister } from '../log/change-seal-register.ts'
import { MANIFEST_VERSION, type Manifest } from '../log/manifest.ts'
import type { Closing, SealRegister } from '../log/seal-register.ts'
import type { ArchiveWork } from './archiver.ts'
import type { PartitionArchive } from './partition-archive.ts'

/** The epoch that can be sealed through by what is known; null: none. */
export function planSeal({ options: { source, clock, rules }, limits, partitions }: ArchiveWork, { register }: ReadSealRegister): number | null {
  const byMargin = rules.marginEpoch(clock.nowMs(), register.epochLengthMs, source.skewMaxMs)
  const all = openPartitionsOf(register).map((partition) => partitions.get(partition))
  let through = all.length === 0 ? -Infinity : Infinity
  for (const partition of all) through = Math.min(through, partition === undefined ? -Infinity : sealableThrough(partition, byMargin))
  if (through <= (register.sealedThrough ?? -Infinity)) return null
  const counts = [...partitions.values()].flatMap((partition) => [...partition.segmentCounts()]).filter(({ epoch }) => epoch <= through)
  // A log that nothing was written to yet has no first epoch.
  if (register.sealedThrough === null && counts.length === 0) return null
  return withinLimit(counts, through, limits.sealSegmentsMax)
}

/** What a partition that stands still has lost may be what proves its epochs; an append time ahead comes after all that was read. */
function sealableThrough(partition: PartitionArchive, byMargin: number): number {
  if (partition.alarm !== null && partition.alarm.code !== 'APPEND_TIME_AHEAD') return -Infinity
  return partition.isAtEnd() ? Math.max(partition.provenThrough(), byMargin) : partition.provenThrough()
}

function withinLimit(counts: readonly { readonly epoch: number; readonly count: number }[], through: number, segmentsMax: number): number {
  const byEpoch = [...Map.groupBy(counts, ({ epoch }) => epoch)].sort(([a], [b]) => a - b)
  let sum = 0
  let within: number | null = null
  for (const [epoch, parts] of byEpoch) {
    for (const { count } of parts) sum += count
    if (sum > segmentsMax && within !== null) return within
    within = epoch
  }
  return through
}

/** Seals through an epoch that was planned on this state of the register. The register afterwards; null: not now. */
export async function seal(work: ArchiveWork, read: ReadSealRegister, through: number): Promise<ReadSealRegister | null> {
  const { registers, source, rules } = work.options
  const planned = await close(work, read, through)
  if (planned === null || (await work.isAnyReplaced())) return null
  for (const partition of work.partitions.values()) await partition.write(through)
  const manifest = manifestOf(work, planned.register, through)
  const current = await readSealRegister(registers, source, planned)
  if (!rules.isSealable(planned, current)) return null
  return replaceSealRegister(registers, current.revision, { ...current.register, sealedThrough: through, closing: null, lastSeal: manifest })
}

/** RULE closing: idle partitions are announced in the register, and their ends read after that. null: somebody was faster, or there is more. */
async function close({ options: { registers, log, rules }, topic, partitions }: ArchiveWork, read: ReadSealRegister, through: number): Promise<ReadSealRegister | null> {
  const idle = [...partitions.values()].filter((partition) => partition.provenThrough() < through)
  if (idle.length === 0) return read
  const closing: Closing = { through, ends: idle.map(({ partition, reader }) => ({ partition, end: reader.next })).sort((a, b) => a.partition - b.partition) }
  const isSame = JSON.stringify(closing) === JSON.stringify(read.register.closing)
  const closed = isSame ? read : await replaceSealRegister(registers, read.revision, rules.withClosing(read.register, closing))
  if (closed === null) return null
  for (const partition of idle) partition.end = rules.endOf(await log.extent(topic, partition.partition))
  return idle.every(({ end, reader }) => end === reader.next) ? closed : null
}

function manifestOf({ options: { source, rules }, partitions }: ArchiveWork, register: SealRegister, through: number): Manifest {
  return {
    formatVersion: MANIFEST_VERSION,
    source: source.name,
    sourceVersion: source.version,
    after: register.sealedThrough,
    through,
    partitions: openPartitionsOf(register).map((partition) => partitions.get(partition)!.sealed(through, rules.proofOf)),
  }
}

function openPartitionsOf({ openings }: SealRegister): number[] {
  return [...new Set(openings.map(({ partition }) => partition))].sort((a, b) => a - b)
}
