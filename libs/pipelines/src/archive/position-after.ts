// Where reading a partition goes on after a cut: in the log, at the first record that the cut does not contain.

import type { Manifest } from '../log/manifest.ts'
import type { PartitionPosition } from '../log/partition-position.ts'
import type { SealRegister } from '../log/seal-register.ts'

/**
 * The position after the seal of a manifest (null: before everything). A partition that was opened later starts at its opening. Throws
 * a plain error for one that is not open at all: it has to be opened before anything of it is read.
 */
export function positionAfter(manifest: Manifest | null, { openings, source }: Pick<SealRegister, 'openings' | 'source'>, partition: number): PartitionPosition {
  const sealed = manifest?.partitions.find((one) => one.partition === partition)
  // All records from here on are past the seal, so that their running maximum may as well start at it.
  if (sealed !== undefined) return { next: sealed.end, epoch: manifest!.through, knownTimeMs: sealed.knownTimeMs ?? -Infinity, mark: sealed.mark }
  const opening = openings.find((one) => one.partition === partition)
  if (opening === undefined) throw new Error(`Partition ${partition} of source ${source} is not open.`)
  return { next: opening.offset, epoch: opening.epoch ?? -Infinity, knownTimeMs: -Infinity, mark: null }
}
