// What the processor of a partition says of itself about once a second, for each view: how far the view's state is, and whether all is
// well. With it a reader tells a log without events from a processor that is dead (law 7).

import { z } from 'zod'
import { decodeVersioned } from '../versioned-json.ts'

export const HEARTBEAT_VERSION = 1

export interface Heartbeat {
  readonly formatVersion: number
  readonly writtenAtMs: number
  /** The end of the log, and when it was read. */
  readonly logEnd: number
  readonly logEndSeenAtMs: number
  /** Every bucket of the view contains what is before this offset. */
  readonly nextOffset: number
  /** Everything that the log acknowledged before this time is in the view's state; null: not yet so since the processor began. */
  readonly caughtUpAtMs: number | null
  /** The running maximum of append times before `nextOffset`, and the epoch there; null: no record yet. */
  readonly knownTimeMs: number | null
  readonly epoch: number | null
  /** Why the partition stands still until somebody intervenes; null: it does not. */
  readonly stopped: { readonly code: string; readonly message: string } | null
  /** Epochs that the partition was opened again at because of broken skew: answers whose cut is before one say SEAM_BROKEN. */
  readonly brokenEpochs: readonly number[]
}

const schema: z.ZodType<Heartbeat> = z.strictObject({
  formatVersion: z.literal(HEARTBEAT_VERSION),
  writtenAtMs: z.int(),
  logEnd: z.int().min(0),
  logEndSeenAtMs: z.int(),
  nextOffset: z.int().min(0),
  caughtUpAtMs: z.int().nullable(),
  knownTimeMs: z.int().nullable(),
  epoch: z.int().nullable(),
  stopped: z.strictObject({ code: z.string(), message: z.string() }).nullable(),
  brokenEpochs: z.array(z.int()),
})

export function encodeHeartbeat(heartbeat: Heartbeat): Uint8Array {
  return Buffer.from(JSON.stringify(heartbeat))
}

/** Throws STORE_DAMAGED or STORE_TOO_NEW. */
export function decodeHeartbeat(bytes: Uint8Array, where: string): Heartbeat {
  return decodeVersioned(schema, HEARTBEAT_VERSION, bytes, where)
}
