// Reading a source's seal register, and changing it: only ever by compare-and-set, again and again until nobody was faster.

import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import type { RegisterStore } from '@tidemark/ports/register-store'
import type { Revision } from '@tidemark/ports/revision'
import {
  decodeSealRegister, emptySealRegister, encodeSealRegister, firstUnsealed, sealRegisterName, withPartitionOpened,
  type OpeningRule, type SealRegister,
} from './seal-register.ts'

export type SourceName = Pick<SourceDefinition, 'name' | 'epochLengthMs'>

/** A register as it was read; what is compared when it is replaced. */
export interface ReadSealRegister {
  readonly register: SealRegister
  /** null: there is none yet, and `register` is the empty one. */
  readonly revision: Revision | null
}

/** The register as it is; `known`, as it was read before, spares decoding one that is still the same. Throws STORE_DAMAGED or STORE_TOO_NEW. */
export async function readSealRegister(registers: RegisterStore, { name, epochLengthMs }: SourceName, known: ReadSealRegister | null = null): Promise<ReadSealRegister> {
  const found = await registers.read(sealRegisterName(name))
  if (known !== null && (found?.revision ?? null) === known.revision) return known
  if (found === null) return { register: emptySealRegister(name, epochLengthMs), revision: null }
  return { register: decodeSealRegister(found.bytes, `seal register of ${name}`), revision: found.revision }
}

/** Replaces a register that is still as it was read. What it is then; null: somebody was faster. */
export async function replaceSealRegister(registers: RegisterStore, expected: Revision | null, register: SealRegister): Promise<ReadSealRegister | null> {
  const revision = await registers.compareAndSet(sealRegisterName(register.source), expected, encodeSealRegister(register))
  return revision === null ? null : { register, revision }
}

/** Changes the register as it is by then; a change that gives back the register that it got changes nothing. What it is afterwards. */
export async function changeSealRegister(registers: RegisterStore, source: SourceName, change: (register: SealRegister) => SealRegister): Promise<ReadSealRegister> {
  for (;;) {
    const read = await readSealRegister(registers, source)
    const next = change(read.register)
    if (next === read.register) return read
    const replaced = await replaceSealRegister(registers, read.revision, next)
    if (replaced !== null) return replaced
  }
}

export interface PartitionStart {
  readonly partition: number
  /** The first offset that the log has of it. */
  readonly offset: number
}

/** Opens partitions that are not open yet: before anything of them is folded or archived. */
export function openPartitions(
  registers: RegisterStore, source: SourceName, starts: readonly PartitionStart[], openingEpoch: OpeningRule = firstUnsealed,
): Promise<ReadSealRegister> {
  return changeSealRegister(registers, source, (register) =>
    starts.reduce((opened, { partition, offset }) => withPartitionOpened(opened, partition, offset, openingEpoch), register),
  )
}
