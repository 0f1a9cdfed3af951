// HyperLogLog: how many distinct values were seen, within a declared standard error, in 2^p registers of which each keeps the
// largest rank of the hashes that fell to it (Flajolet, Fusy, Gandouet, Meunier, 2007). A partial is Map<register, rank>; its bytes:
//
//   sparse   3 bytes for each register that is not zero: u16 register (little-endian) | u8 rank; registers ascending
//   dense    2^p bytes: u8 rank of each register
//
// Sparse as long as it is the shorter: 3n < 2^p. 3n is never 2^p, so the length tells which it is. No bytes: no values.

import { damaged } from './byte-stream.ts'
import type { Hash64 } from './md5-hash.ts'
import type { Registers, SpliceableBytes } from './partial.ts'

export const PRECISION_MIN = 4
/** 16,384 registers: a standard error of 0.8%. */
export const PRECISION_MAX = 14

const ENTRY_BYTES = 3
const HASH_BITS = 64

/** The relative standard error of 2^precision registers. */
export function standardError(precision: number): number {
  return 1.04 / Math.sqrt(2 ** precision)
}

/** The least precision whose standard error is no larger than the declared one. */
export function precisionForError(error: number): number {
  for (let precision = PRECISION_MIN; precision <= PRECISION_MAX; precision++) {
    if (standardError(precision) <= error) return precision
  }
  throw new Error(`No precision up to ${PRECISION_MAX} has a standard error of ${error}.`)
}

/** The hash's first `precision` bits. */
export function registerOf(hash: Hash64, precision: number): number {
  return hash.high >>> (32 - precision)
}

/** Leading zeros of the hash's other bits, and one. */
export function rankOf(hash: Hash64, precision: number): number {
  const rest = hash.high << precision
  return rest !== 0 ? Math.clz32(rest) + 1 : 32 - precision + Math.clz32(hash.low) + 1
}

/** The largest rank there is. */
export function rankMax(precision: number): number {
  return HASH_BITS - precision + 1
}

/** Gives `register` the rank in the partial of `length` bytes at `at`, unless it has a larger one; returns the new length. */
export function foldRegister(precision: number, buffer: SpliceableBytes, at: number, length: number, register: number, rank: number): number {
  const registerCount = 2 ** precision
  if (length === registerCount) {
    if (buffer.bytes[at + register]! < rank) buffer.bytes[at + register] = rank
    return length
  }
  const entryAt = findEntry(buffer.bytes, at, length, register)
  if (entryAt < at + length && entryRegister(buffer.bytes, entryAt) === register) {
    if (buffer.bytes[entryAt + 2]! < rank) buffer.bytes[entryAt + 2] = rank
    return length
  }
  if (length + ENTRY_BYTES < registerCount) {
    buffer.splice(entryAt, 0, ENTRY_BYTES)
    writeEntry(buffer.bytes, entryAt, register, rank)
    return length + ENTRY_BYTES
  }
  const registers = new RegisterSet(precision)
  registers.addBytes(buffer.bytes, at, length)
  registers.raise(register, rank)
  buffer.splice(at, length, registerCount)
  buffer.bytes.set(registers.dense, at)
  return registerCount
}

/** Merges the partial of `fromLength` bytes at `fromAt` of another array into the one at `at`; returns the new length. */
export function mergeRegisters(
  precision: number, buffer: SpliceableBytes, at: number, length: number, from: Uint8Array, fromAt: number, fromLength: number,
): number {
  const registerCount = 2 ** precision
  if (length < registerCount && fromLength < registerCount) {
    const unionLength = length + fromLength - ENTRY_BYTES * countCommon(buffer.bytes, at, length, from, fromAt, fromLength)
    if (unionLength < registerCount) {
      buffer.splice(at + length, 0, unionLength - length)
      mergeSparse(buffer.bytes, at, length, from, fromAt, fromLength, unionLength)
      return unionLength
    }
  }
  const registers = new RegisterSet(precision)
  registers.addBytes(buffer.bytes, at, length)
  registers.addBytes(from, fromAt, fromLength)
  buffer.splice(at, length, registerCount)
  buffer.bytes.set(registers.dense, at)
  return registerCount
}

/** How many registers both sparse partials have. */
function countCommon(a: Uint8Array, aStart: number, aLength: number, b: Uint8Array, bStart: number, bLength: number): number {
  let count = 0
  for (let aAt = aStart, bAt = bStart; aAt < aStart + aLength && bAt < bStart + bLength; ) {
    const difference = entryRegister(a, aAt) - entryRegister(b, bAt)
    if (difference === 0) count++
    if (difference <= 0) aAt += ENTRY_BYTES
    if (difference >= 0) bAt += ENTRY_BYTES
  }
  return count
}

/** Merges sparse `from` into the sparse partial at `at`, behind which there is room: from the back, so that nothing is overwritten unread. */
function mergeSparse(
  bytes: Uint8Array, at: number, length: number, from: Uint8Array, fromStart: number, fromLength: number, unionLength: number,
): void {
  let ownAt = at + length - ENTRY_BYTES
  let fromAt = fromStart + fromLength - ENTRY_BYTES
  for (let to = at + unionLength - ENTRY_BYTES; fromAt >= fromStart; to -= ENTRY_BYTES) {
    const own = ownAt >= at ? entryRegister(bytes, ownAt) : -1
    const other = entryRegister(from, fromAt)
    const ownRank = own >= other ? bytes[ownAt + 2]! : 0
    const otherRank = other >= own ? from[fromAt + 2]! : 0
    writeEntry(bytes, to, Math.max(own, other), Math.max(ownRank, otherRank))
    if (own >= other) ownAt -= ENTRY_BYTES
    if (other >= own) fromAt -= ENTRY_BYTES
  }
}

/** Where in the sparse bytes the register's entry is or belongs. */
function findEntry(bytes: Uint8Array, at: number, length: number, register: number): number {
  let low = 0
  let high = length / ENTRY_BYTES
  while (low < high) {
    const middle = (low + high) >>> 1
    if (entryRegister(bytes, at + middle * ENTRY_BYTES) < register) low = middle + 1
    else high = middle
  }
  return at + low * ENTRY_BYTES
}

function entryRegister(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8)
}

function writeEntry(bytes: Uint8Array, at: number, register: number, rank: number): void {
  bytes[at] = register
  bytes[at + 1] = register >>> 8
  bytes[at + 2] = rank
}

/** Registers as a partial's bytes. */
export function encodeRegisters(precision: number, registers: Registers): Uint8Array {
  const registerCount = 2 ** precision
  if (registers.size * ENTRY_BYTES > registerCount) {
    const dense = new Uint8Array(registerCount)
    for (const [register, rank] of registers) dense[register] = rank
    return dense
  }
  const bytes = new Uint8Array(registers.size * ENTRY_BYTES)
  let at = 0
  for (const register of Uint16Array.from(registers.keys()).sort()) {
    writeEntry(bytes, at, register, registers.get(register)!)
    at += ENTRY_BYTES
  }
  return bytes
}

/** Throws BLOB_DAMAGED for bytes that `encodeRegisters` does not make. */
export function decodeRegisters(precision: number, bytes: Uint8Array): Registers {
  const registerCount = 2 ** precision
  const isDense = bytes.length === registerCount
  if (!isDense && (bytes.length % ENTRY_BYTES !== 0 || bytes.length > registerCount)) {
    throw damagedRegisters(`${bytes.length} bytes are no registers of precision ${precision}.`)
  }
  const registers: Registers = new Map()
  if (isDense) bytes.forEach((rank, register) => rank > 0 && registers.set(register, rank))
  for (let at = 0, previous = -1; !isDense && at < bytes.length; at += ENTRY_BYTES) {
    const register = entryRegister(bytes, at)
    if (register <= previous || register >= registerCount) throw damagedRegisters(`Register ${register} follows register ${previous}.`)
    registers.set(register, bytes[at + 2]!)
    previous = register
  }
  for (const [register, rank] of registers) {
    if (rank < 1 || rank > rankMax(precision)) throw damagedRegisters(`The rank of register ${register} is ${rank}, not 1 to ${rankMax(precision)}.`)
  }
  if (isDense && registers.size * ENTRY_BYTES < registerCount) throw damagedRegisters(`Only ${registers.size} registers are set, yet all are kept.`)
  return registers
}

function damagedRegisters(message: string): Error {
  return damaged('HyperLogLog registers', message)
}

/** Registers to merge many partials into without allocating; how many have each rank is kept beside them, so estimating is cheap. */
export class RegisterSet {
  private readonly precision: number
  private readonly registers: Uint8Array
  private readonly countByRank: Int32Array

  constructor(precision: number) {
    this.precision = precision
    this.registers = new Uint8Array(2 ** precision)
    this.countByRank = new Int32Array(rankMax(precision) + 1)
    this.countByRank[0] = this.registers.length
  }

  clear(): void {
    this.registers.fill(0)
    this.countByRank.fill(0)
    this.countByRank[0] = this.registers.length
  }

  /** Gives a register the rank, unless it has a larger one. */
  raise(register: number, rank: number): void {
    const old = this.registers[register]!
    if (old >= rank) return
    this.registers[register] = rank
    this.countByRank[old]!--
    this.countByRank[rank]!++
  }

  /** Merges the partial of `length` bytes at `at`. The bytes are sound. */
  addBytes(bytes: Uint8Array, at: number, length: number): void {
    if (length === this.registers.length) {
      for (let register = 0; register < length; register++) this.raise(register, bytes[at + register]!)
      return
    }
    const end = at + length
    for (let entryAt = at; entryAt < end; entryAt += ENTRY_BYTES) this.raise(entryRegister(bytes, entryAt), bytes[entryAt + 2]!)
  }

  /** How many distinct values were seen: a whole number, within the standard error. */
  estimate(): number {
    return estimateDistinct(this.precision, this.countByRank)
  }

  /** All of the registers, as a dense partial's bytes. */
  get dense(): Uint8Array {
    return this.registers
  }
}

/**
 * The estimate from how many registers have each rank, from 0 to the largest: a whole number.
 * The improved raw estimator of Otmar Ertl, "New cardinality estimation algorithms for HyperLogLog sketches", arXiv 1702.01284,
 * section 4: no empirical corrections, and right over the whole range.
 */
export function estimateDistinct(precision: number, countByRank: ArrayLike<number>): number {
  const registerCount = 2 ** precision
  const last = rankMax(precision)
  let z = registerCount * tau(1 - countByRank[last]! / registerCount)
  for (let rank = last - 1; rank >= 1; rank--) z = (z + countByRank[rank]!) / 2
  z += registerCount * sigma(countByRank[0]! / registerCount)
  return Math.round(registerCount ** 2 / (2 * Math.LN2 * z))
}

/** x + sum over k >= 1 of x^(2^k) · 2^(k-1); what the registers at zero contribute. Infinite at 1. */
function sigma(x: number): number {
  if (x === 1) return Infinity
  let sum = x
  let power = x
  for (let weight = 1; ; weight *= 2) {
    power *= power
    const next = sum + power * weight
    if (next === sum) return sum
    sum = next
  }
}

/** (1 - x - sum over k >= 1 of (1 - x^(2^-k))^2 · 2^-k) / 3; what the registers at the largest rank contribute. */
function tau(x: number): number {
  if (x === 0 || x === 1) return 0
  let sum = 1 - x
  let root = x
  for (let weight = 0.5; ; weight /= 2) {
    root = Math.sqrt(root)
    const next = sum - (1 - root) ** 2 * weight
    if (next === sum) return sum / 3
    sum = next
  }
}
