// The kernels of approximate unique counts and of quantiles, around the sketches' own algorithms.

import { hashText } from '@tidemark/feature-schema/value'
import { binOf, binTable } from './bin-table.ts'
import { BinCounts, decodeBins, encodeBins, foldBin, mergeBins } from './dd-sketch.ts'
import { decodeRegisters, encodeRegisters, foldRegister, mergeRegisters, rankOf, RegisterSet, registerOf } from './hyperloglog.ts'
import { type Hash64, hashTextInto } from './md5-hash.ts'
import { type Bins, type Finalisation, type NonNull, type Registers, Unavailable, type VariableKernel } from './partial.ts'

const outOfRange = new Unavailable('out_of_range')
const hash: Hash64 = { high: 0, low: 0 }

/** HyperLogLog with 2^precision registers; finalises to the estimate, 0 without values. */
export function registersKernel(precision: number): VariableKernel<Registers> {
  const scratch = new RegisterSet(precision)
  return {
    identity: () => new Map(),
    update(partial, value) {
      hashTextInto(hashText(value), hash)
      return raise(partial, registerOf(hash, precision), rankOf(hash, precision))
    },
    merge(into, from) {
      for (const [register, rank] of from) raise(into, register, rank)
      return into
    },
    encode: (partial) => encodeRegisters(precision, partial),
    decode: (bytes) => decodeRegisters(precision, bytes),
    finalise(partial) {
      scratch.clear()
      for (const [register, rank] of partial) scratch.raise(register, rank)
      return scratch.estimate()
    },
    foldBytes(buffer, at, length, value) {
      hashTextInto(hashText(value), hash)
      return foldRegister(precision, buffer, at, length, registerOf(hash, precision), rankOf(hash, precision))
    },
    mergeBytes: (buffer, at, length, from, fromAt, fromLength) => mergeRegisters(precision, buffer, at, length, from, fromAt, fromLength),
    newAccumulator() {
      const registers = new RegisterSet(precision)
      return {
        clear: () => registers.clear(),
        add: (bytes, at, length) => registers.addBytes(bytes, at, length),
        finalise: () => registers.estimate(),
      }
    },
  }
}

function raise(registers: Registers, register: number, rank: number): Registers {
  if ((registers.get(register) ?? 0) < rank) registers.set(register, rank)
  return registers
}

/** DDSketch of a declared relative error; finalises to the quantile that is asked for. */
export function binsKernel(relativeError: number): VariableKernel<Bins> {
  const table = binTable(relativeError)
  const scratch = new BinCounts(table)
  const bin = (value: NonNull): number => binOf(table, Number(value))
  return {
    identity: () => new Map(),
    update: (partial, value) => count(partial, bin(value), 1),
    merge(into, from) {
      for (const [each, n] of from) count(into, each, n)
      return into
    },
    encode: (partial) => encodeBins(table, partial),
    decode: (bytes) => decodeBins(table, bytes),
    finalise(partial, as) {
      scratch.clear()
      for (const [each, n] of partial) scratch.add(each, n)
      return quantileOf(scratch, as)
    },
    foldBytes: (buffer, at, length, value) => foldBin(table, buffer, at, length, bin(value)),
    mergeBytes: (buffer, at, length, from, fromAt, fromLength) => mergeBins(table, buffer, at, length, from, fromAt, fromLength),
    newAccumulator() {
      const counts = new BinCounts(table)
      return {
        clear: () => counts.clear(),
        add: (bytes, at, length) => counts.addBytes(bytes, at, length),
        finalise: (as) => quantileOf(counts, as),
      }
    },
  }
}

function count(bins: Bins, bin: number, n: number): Bins {
  return bins.set(bin, (bins.get(bin) ?? 0) + n)
}

function quantileOf(counts: BinCounts, { quantile }: Finalisation): number | null | Unavailable {
  const value = counts.quantile(quantile)
  return value === 'outOfRange' ? outOfRange : value
}
