// The pointer of a view version: which generation is read, how far back it may still go, and which numbers are taken (law 5). One
// register, replaced whole by compare-and-set. What is neither published here nor planned here is void: its rows count nowhere, and
// whoever still works on it finds out by reading this again.

import type { RegisterStore } from '@tidemark/ports/register-store'
import type { Revision } from '@tidemark/ports/revision'
import { z } from 'zod'
import { decodeVersioned } from './versioned-json.ts'

export const POINTER_VERSION = 1

/**
 * How long a reader may use a pointer that it read, at most, every request that it pins included. Above every deadline, by more than
 * clocks may differ: rows and sections that only an older pointer needs are removed after it.
 */
export const PIN_LEASE_MS = 120_000

/** Generations that a pointer may go back, along its lineage, where nothing else is declared. */
export const KEPT_GENERATION_COUNT = 2

export interface PublishedGeneration {
  readonly n: number
  /** The generation it was built on; 0: on nothing. */
  readonly base: number
  /** The last epoch that it contains. */
  readonly cut: number
  readonly publishedAtMs: number
}

export interface PlannedGeneration {
  readonly n: number
  readonly base: number
  readonly cut: number
}

export interface VoidGeneration {
  readonly n: number
  /** For people: a time shortly before it was voided, by the clock of who did it. */
  readonly voidedAtMs: number
  /** Readers may still have it pinned. What was only planned, nobody ever had. */
  readonly wasPublished: boolean
}

export interface Pointer {
  readonly formatVersion: number
  /** `airport_delays@1` */
  readonly view: string
  /** The generation that is read; 0: none yet, whose cut is no epoch at all. */
  readonly n: number
  /** The oldest generation that the pointer may go back to; 0 before the first one. */
  readonly floor: number
  /** Numbers from here on were never given away. */
  readonly next: number
  /** The generations that can be read, by number: those from the floor on that are not void. */
  readonly published: readonly PublishedGeneration[]
  /** The one run that may publish; null: none. */
  readonly planned: PlannedGeneration | null
  /** Void numbers whose rows are not yet known to be removed. */
  readonly purge: readonly VoidGeneration[]
}

export function pointerName(view: string): string {
  return `pointer/${view}`
}

export function emptyPointer(view: string): Pointer {
  return { formatVersion: POINTER_VERSION, view, n: 0, floor: 0, next: 1, published: [], planned: null, purge: [] }
}

/** The cut of a generation that the pointer lists; -Infinity for 0, which contains nothing. Throws a plain error for others. */
export function cutOf({ published, view }: Pointer, n: number): number {
  if (n === 0) return -Infinity
  const found = published.find((generation) => generation.n === n)
  if (found === undefined) throw new Error(`Generation ${n} of ${view} is not published.`)
  return found.cut
}

/** The cut that speed state is kept above: the floor's. */
export function floorCut(pointer: Pointer): number {
  return cutOf(pointer, pointer.floor)
}

/** Whether nothing may be written or read under a number that was given away: it is neither published nor planned. True too of those that the floor has passed. */
export function isVoid({ published, planned, next }: Pointer, n: number): boolean {
  return n > 0 && n < next && planned?.n !== n && !published.some((generation) => generation.n === n)
}

/** A pointer as it was read; what is compared when it is replaced. */
export interface ReadPointer {
  readonly pointer: Pointer
  /** null: there is no register yet, and the pointer is the empty one. */
  readonly revision: Revision | null
}

/** Throws STORE_DAMAGED or STORE_TOO_NEW. */
export async function readPointer(registers: Pick<RegisterStore, 'read'>, view: string): Promise<ReadPointer> {
  const register = await registers.read(pointerName(view))
  if (register === null) return { pointer: emptyPointer(view), revision: null }
  return { pointer: decodePointer(register.bytes, `pointer of ${view}`), revision: register.revision }
}

/** Replaces a pointer that is still as it was read. What it is then; null: somebody was faster. */
export async function replacePointer(registers: RegisterStore, expected: Revision | null, pointer: Pointer): Promise<ReadPointer | null> {
  const revision = await registers.compareAndSet(pointerName(pointer.view), expected, encodePointer(pointer))
  return revision === null ? null : { pointer, revision }
}

const schema: z.ZodType<Pointer> = z.strictObject({
  formatVersion: z.literal(POINTER_VERSION),
  view: z.string(),
  n: z.int().min(0),
  floor: z.int().min(0),
  next: z.int().min(1),
  published: z.array(z.strictObject({ n: z.int().min(1), base: z.int().min(0), cut: z.int(), publishedAtMs: z.int() })),
  planned: z.strictObject({ n: z.int().min(1), base: z.int().min(0), cut: z.int() }).nullable(),
  purge: z.array(z.strictObject({ n: z.int().min(1), voidedAtMs: z.int(), wasPublished: z.boolean() })),
})

export function encodePointer(pointer: Pointer): Uint8Array {
  return Buffer.from(JSON.stringify(pointer))
}

/** Throws STORE_DAMAGED or STORE_TOO_NEW. */
export function decodePointer(bytes: Uint8Array, where: string): Pointer {
  return decodeVersioned(schema, POINTER_VERSION, bytes, where)
}
