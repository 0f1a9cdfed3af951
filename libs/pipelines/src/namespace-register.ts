// Whose the registers are: the first namespace that comes is written down, for good, and any other is refused. Two systems in one store of registers
// would take each other's pointers, seals and definitions for their own, and serve what is not theirs.
//
//   system/namespace   { formatVersion: 2, namespace, checksum } (sealed-json.ts)

import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { RegisterStore } from '@tidemark/ports/register-store'
import { z } from 'zod'
import { decodeSealed, encodeSealed } from './sealed-json.ts'

export const NAMESPACE_REGISTER = 'system/namespace'
/** Version 1 of sealed documents has no checksum. */
const VERSION = 2

const form = z.strictObject({ formatVersion: z.literal(VERSION), namespace: z.string() })

/** `where`: what holds the registers. STORE_SETTINGS where they are another namespace's; what the store throws. */
export async function claimRegisters(registers: RegisterStore, namespace: string, where: string): Promise<void> {
  while (!(await isClaimed(registers, namespace, where))) {
    if ((await registers.compareAndSet(NAMESPACE_REGISTER, null, encodeNamespace(namespace))) !== null) return
  }
}

/** Whether the namespace has claimed them; else nobody has. Throws what `claimRegisters` throws. */
export async function isClaimed(registers: RegisterStore, namespace: string, where: string): Promise<boolean> {
  const found = await registers.read(NAMESPACE_REGISTER)
  if (found === null) return false
  const owner = decodeNamespace(found.bytes, where)
  if (owner === namespace) return true
  throw new TidemarkError([{
    code: 'STORE_SETTINGS', message: `It holds the registers of namespace ${owner}, not of ${namespace}.`, where,
    action: `Give namespace ${namespace} one of its own, or say that this process is of ${owner}.`,
  }])
}

export function encodeNamespace(namespace: string): Uint8Array {
  return encodeSealed({ formatVersion: VERSION, namespace } as z.output<typeof form>)
}

function decodeNamespace(bytes: Uint8Array, where: string): string {
  return decodeSealed(form, VERSION, bytes, `${where}, register ${NAMESPACE_REGISTER}`, 'Put the register back as it was.').namespace
}
