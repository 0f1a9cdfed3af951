// The one register of a source, changed only by compare-and-set: through which epoch the log is sealed, where each partition was opened,
// and what the last seal contains (law 3). Archiver and processors open partitions in it; only an archiver seals.
//
// Why an epoch cannot be sealed without a record that a processor folds under it: before a processor folds what it polled, it reads this
// register; before an archiver seals an idle partition, it writes `closing` here and only then reads the log's end. So either the
// archiver finds the record, or the processor finds the epoch closing, and opens the partition again, past the seal.

import { z } from 'zod'
import { decodeVersioned } from '../versioned-json.ts'
import { manifestSchema, type Manifest } from './manifest.ts'

export const SEAL_REGISTER_VERSION = 1

/** From this offset on, no record of the partition has an older epoch. */
export interface Opening {
  readonly partition: number
  readonly offset: number
  /** null: the first opening of all, before anything was sealed; it bounds nothing. */
  readonly epoch: number | null
  /** 'skew': a record came later than the declared skew allows; answers say SEAM_BROKEN until a generation contains `epoch`. */
  readonly reason: 'first' | 'skew'
}

/** A declared append time in place of one that the log stamped far ahead. */
export interface AppendTimeOverride {
  readonly partition: number
  readonly offset: number
  readonly appendTimeMs: number
}

export interface SealRegister {
  readonly formatVersion: number
  readonly source: string
  /** As of the source's first use; a register never changes it. */
  readonly epochLengthMs: number
  /** null: nothing is sealed. */
  readonly sealedThrough: number | null
  /** The epoch through which an archiver is about to seal idle partitions; null: none. */
  readonly closing: number | null
  /** By (partition, offset). */
  readonly openings: readonly Opening[]
  readonly overrides: readonly AppendTimeOverride[]
  /** What `sealedThrough` was reached with, and the archive's positions; null: nothing is sealed. */
  readonly lastSeal: Manifest | null
}

/** Most openings after the first ones; more means that a broker's clock is broken for good. */
export const OPENINGS_MAX = 10_000

export function sealRegisterName(source: string): string {
  return `seal/${source}`
}

export function emptySealRegister(source: string, epochLengthMs: number): SealRegister {
  return { formatVersion: SEAL_REGISTER_VERSION, source, epochLengthMs, sealedThrough: null, closing: null, openings: [], overrides: [], lastSeal: null }
}

export function isOpen({ openings }: SealRegister, partition: number): boolean {
  return openings.some((opening) => opening.partition === partition)
}

/** The register with a partition opened at the first unsealed epoch; what is open already stays as it is. */
export function withPartitionOpened(register: SealRegister, partition: number, offset: number): SealRegister {
  return isOpen(register, partition) ? register : withOpening(register, { partition, offset, epoch: firstUnsealed(register), reason: 'first' })
}

/** The register with a partition opened again from an offset whose record came too late for what is sealed, or is about to be. */
export function withPartitionReopened(register: SealRegister, partition: number, offset: number): SealRegister {
  const epoch = Math.max(firstUnsealed(register) ?? -Infinity, register.closing === null ? -Infinity : register.closing + 1)
  return withOpening(register, { partition, offset, epoch, reason: 'skew' })
}

function withOpening(register: SealRegister, opening: Opening): SealRegister {
  const openings = [...register.openings, opening].sort((a, b) => a.partition - b.partition || a.offset - b.offset)
  if (openings.length > OPENINGS_MAX) throw new Error(`Source ${register.source} has more than ${OPENINGS_MAX} openings.`)
  return { ...register, openings }
}

/** null: nothing is sealed, so that no epoch is the first. */
export function firstUnsealed({ sealedThrough }: SealRegister): number | null {
  return sealedThrough === null ? null : sealedThrough + 1
}

const schema = z.strictObject({
  formatVersion: z.literal(SEAL_REGISTER_VERSION),
  source: z.string(),
  epochLengthMs: z.int().positive(),
  sealedThrough: z.int().nullable(),
  closing: z.int().nullable(),
  openings: z.array(z.strictObject({ partition: z.int().min(0), offset: z.int().min(0), epoch: z.int().nullable(), reason: z.enum(['first', 'skew']) })),
  overrides: z.array(z.strictObject({ partition: z.int().min(0), offset: z.int().min(0), appendTimeMs: z.int() })),
  lastSeal: manifestSchema.nullable(),
})

export function encodeSealRegister(register: SealRegister): Uint8Array {
  return Buffer.from(JSON.stringify(register))
}

/** Throws STORE_DAMAGED or STORE_TOO_NEW. */
export function decodeSealRegister(bytes: Uint8Array, where: string): SealRegister {
  return decodeVersioned(schema, SEAL_REGISTER_VERSION, bytes, where)
}
