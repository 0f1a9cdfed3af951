// The one register of a source, changed only by compare-and-set: through which epoch the log is sealed, where each partition was opened,
// and what the last seal contains (law 3). Archiver and processors open partitions in it; only an archiver seals.
//
// Why an epoch cannot be sealed without a record that a processor folds under it: before a processor folds what it polled, it reads this
// register; before an archiver seals idle partitions, it writes `closing` here, with where each of them ends, and only then reads the log's
// ends again. So either the archiver finds the record and does not seal, or the processor finds the epoch closing without the record. It then
// takes `closing` back, which fails the seal's compare-and-set; or it is late itself, finds the epoch sealed without the record, and opens
// the partition again, past the seal. Archiver and processors ask `isExpected` of each record, and write `withUnexpected` where it is not.

import { TidemarkError } from '@tidemark/feature-schema/errors'
import { z } from 'zod'
import { decodeVersioned } from '../versioned-json.ts'
import { manifestSchema, type Manifest } from './manifest.ts'

/** Version 3 had no accepted stamps; version 2 append times of single records; version 1 no announced ones, and manifests of version 1. */
export const SEAL_REGISTER_VERSION = 4

/** From this offset on, no record of the partition has an older epoch. */
export interface Opening {
  readonly partition: number
  readonly offset: number
  /** null: the first opening of all, before anything was sealed; it bounds nothing. */
  readonly epoch: number | null
  /** 'skew': a record came later than the declared skew allows; answers say SEAM_BROKEN until a generation contains `epoch`. */
  readonly reason: 'first' | 'skew'
}

/** A declared append time in place of those that the log stamped far ahead: of each record from an offset through another one. */
export interface AppendTimeOverride {
  readonly partition: number
  readonly offset: number
  readonly through: number
  /**
   * null: announced; nobody takes the records before the time is declared, or the announcement taken back. 'stamped': each counts as it is
   * stamped, and nobody stands still before it.
   */
  readonly appendTimeMs: number | 'stamped' | null
}

/** An archiver is about to seal epochs of partitions that are idle: no record of theirs at or after `end` is expected in them. */
export interface Closing {
  readonly through: number
  /** Of the idle partitions, by number. */
  readonly ends: readonly { readonly partition: number; readonly end: number }[]
}

export interface SealRegister {
  readonly formatVersion: number
  readonly source: string
  /** As of the source's first use; a register never changes it. */
  readonly epochLengthMs: number
  /** null: nothing is sealed. */
  readonly sealedThrough: number | null
  /** null: no idle partition is about to be sealed. */
  readonly closing: Closing | null
  /** By (partition, offset). */
  readonly openings: readonly Opening[]
  readonly overrides: readonly AppendTimeOverride[]
  /** What `sealedThrough` was reached with, and the archive's positions; null: nothing is sealed. */
  readonly lastSeal: Manifest | null
}

/** Most openings; more means that a broker's clock is broken for good. */
export const OPENINGS_MAX = 10_000

export function sealRegisterName(source: string): string {
  return `seal/${source}`
}

export function emptySealRegister(source: string, epochLengthMs: number): SealRegister {
  return { formatVersion: SEAL_REGISTER_VERSION, source, epochLengthMs, sealedThrough: null, closing: null, openings: [], overrides: [], lastSeal: null }
}

/** The epoch that a partition is opened at. Another one than `firstUnsealed` stands here only in tests. */
export type OpeningRule = (register: SealRegister) => number | null

export function isOpen({ openings }: SealRegister, partition: number): boolean {
  return openings.some((opening) => opening.partition === partition)
}

/** The register with a partition opened at the first unsealed epoch; what is open already stays as it is. */
export function withPartitionOpened(register: SealRegister, partition: number, offset: number, openingEpoch: OpeningRule = firstUnsealed): SealRegister {
  return isOpen(register, partition) ? register : withOpening(register, { partition, offset, epoch: openingEpoch(register), reason: 'first' })
}

/** The register with a partition opened again from an offset whose record came too late for what is sealed. */
export function withPartitionReopened(register: SealRegister, partition: number, offset: number): SealRegister {
  const epoch = firstUnsealed(register)
  if (epoch === null) throw new Error(`Nothing of source ${register.source} is sealed, so that no record came too late.`)
  // What is about to be sealed may hold that epoch.
  return withOpening({ ...register, closing: null }, { partition, offset, epoch, reason: 'skew' })
}

/** Whether the epoch of a record that a reader found at `offset` is neither sealed nor about to be, or is so with the record in it. */
export function isExpected(register: SealRegister, partition: number, offset: number, epoch: number): boolean {
  return !isSealedWithout(register, partition, offset, epoch) && !isClosingWithout(register, partition, offset, epoch)
}

/**
 * The register in which a record that is not expected has its place: the epoch that closes without it stays open; of one that is
 * sealed without it, the partition is opened again at the record. `isExpected` is to be asked again: the record's epoch is another one then.
 */
export function withUnexpected(register: SealRegister, partition: number, offset: number, epoch: number): SealRegister {
  if (isSealedWithout(register, partition, offset, epoch)) return withPartitionReopened(register, partition, offset)
  return { ...register, closing: null }
}

/** A reader may be far behind what is sealed: only from the seal's end on is a record of a sealed epoch one too many. */
function isSealedWithout({ sealedThrough, lastSeal }: SealRegister, partition: number, offset: number, epoch: number): boolean {
  if (sealedThrough === null || epoch > sealedThrough) return false
  return offset >= (lastSeal?.partitions.find((sealed) => sealed.partition === partition)?.end ?? 0)
}

function isClosingWithout({ closing }: SealRegister, partition: number, offset: number, epoch: number): boolean {
  if (closing === null || epoch > closing.through) return false
  return offset >= (closing.ends.find((idle) => idle.partition === partition)?.end ?? Infinity)
}

/** The openings for broken skew that a cut does not contain: an answer at that cut may lack what they are for, and says SEAM_BROKEN. */
export function brokenSeams({ openings }: SealRegister, cut: number): Opening[] {
  return openings.filter(({ reason, epoch }) => reason === 'skew' && epoch! > cut)
}

export function covers(override: AppendTimeOverride, partition: number, offset: number): boolean {
  return override.partition === partition && override.offset <= offset && offset <= override.through
}

/**
 * The register in which records count as appended at that time, or are announced to: those before the next ones with a time of their own. It stays as
 * it is where the first has the time already that is to be declared. Throws USAGE where the partition is not open, or the first record has another
 * declared time; APPEND_TIME_SETTLED where it is sealed and is to have another time than its stamp: its epoch is settled.
 */
export function withAppendTime(register: SealRegister, override: AppendTimeOverride, declaredMs: AppendTimeOverride['appendTimeMs'] = override.appendTimeMs): SealRegister {
  const { partition, offset, appendTimeMs } = override
  const found = register.overrides.find((one) => covers(one, partition, offset))
  if (found !== undefined && found.appendTimeMs !== null && (found.appendTimeMs === appendTimeMs || found.appendTimeMs === declaredMs)) return register
  const end = register.lastSeal?.partitions.find((sealed) => sealed.partition === partition)?.end ?? 0
  const problem = !isOpen(register, partition) ? 'Nothing was read of that partition.'
    : found !== undefined && found.appendTimeMs !== null ? `Its append time was declared already, as ${found.appendTimeMs === 'stamped' ? 'what it is stamped' : found.appendTimeMs}.`
      : found !== undefined && found.offset !== offset ? `It is one of those from offset ${found.offset} on for which a time is announced.` : null
  if (problem !== null) {
    throw new TidemarkError([{ code: 'USAGE', message: problem, where: `source ${register.source}, partition ${partition}, offset ${offset}`, action: 'Name the record that the alarm names.' }])
  }
  if (offset < end && appendTimeMs !== 'stamped') throw settledError(register.source, override, 'The archive has the record, and its epoch is sealed.')
  const others = register.overrides.filter((one) => one !== found)
  const next = others.find((one) => one.partition === partition && one.offset > offset)?.offset ?? Infinity
  return { ...register, overrides: [...others, { ...override, through: Math.min(override.through, next - 1) }].sort((a, b) => a.partition - b.partition || a.offset - b.offset) }
}

/** Of a record that something contains under its stamp. */
export function settledError(source: string, { partition, offset }: Pick<AppendTimeOverride, 'partition' | 'offset'>, message: string): TidemarkError {
  return new TidemarkError([{
    code: 'APPEND_TIME_SETTLED', message, where: `source ${source}, partition ${partition}, offset ${offset}`,
    action: 'It counts there as it is stamped, and so it has to everywhere: where somebody stands still before it, accept the stamps (`--as-stamped` in place of `--at`), or wait until the clock comes up to them.',
  }])
}

/** The register without the announcement of a time that was not declared, by its first offset. */
export function withoutAnnouncement(register: SealRegister, partition: number, offset: number): SealRegister {
  const overrides = register.overrides.filter((one) => one.partition !== partition || one.offset !== offset || one.appendTimeMs !== null)
  return overrides.length === register.overrides.length ? register : { ...register, overrides }
}

function withOpening(register: SealRegister, opening: Opening): SealRegister {
  const openings = [...register.openings, opening].sort((a, b) => a.partition - b.partition || a.offset - b.offset)
  if (openings.length > OPENINGS_MAX) {
    throw new TidemarkError([{
      code: 'SEAM_BROKEN', message: `Records came later than the declared skew more than ${OPENINGS_MAX} times; no more of them can be given a place.`,
      where: `source ${register.source}, partition ${opening.partition}, offset ${opening.offset}`,
      action: 'Mend the clock of the broker that stamps them, or declare a larger `skewMax`; nothing of the log is lost, and what stands still goes on from there.',
    }])
  }
  return { ...register, openings }
}

/** null: nothing is sealed, so that no epoch is the first. */
export function firstUnsealed({ sealedThrough }: SealRegister): number | null {
  return sealedThrough === null ? null : sealedThrough + 1
}

const overrideSchema = z.strictObject({ partition: z.int().min(0), offset: z.int().min(0), through: z.int().min(0).optional(), appendTimeMs: z.union([z.int(), z.literal('stamped')]).nullable() })
  .transform(({ through, ...rest }): AppendTimeOverride => ({ ...rest, through: through ?? rest.offset }))

const schema = z.strictObject({
  formatVersion: z.union([z.literal(1), z.literal(2), z.literal(3), z.literal(SEAL_REGISTER_VERSION)]),
  source: z.string(),
  epochLengthMs: z.int().positive(),
  sealedThrough: z.int().nullable(),
  closing: z.strictObject({ through: z.int(), ends: z.array(z.strictObject({ partition: z.int().min(0), end: z.int().min(0) })) }).nullable(),
  openings: z.array(z.strictObject({ partition: z.int().min(0), offset: z.int().min(0), epoch: z.int().nullable(), reason: z.enum(['first', 'skew']) })),
  overrides: z.array(overrideSchema),
  lastSeal: manifestSchema.nullable(),
})

export function encodeSealRegister(register: SealRegister): Uint8Array {
  return Buffer.from(JSON.stringify({ ...register, formatVersion: SEAL_REGISTER_VERSION }))
}

/** Throws STORE_DAMAGED or STORE_TOO_NEW. */
export function decodeSealRegister(bytes: Uint8Array, where: string): SealRegister {
  return decodeVersioned(schema, SEAL_REGISTER_VERSION, bytes, where)
}
