// Who runs what: each process of a service says now and then which revision of the definitions it works with. For people: nothing is decided by it, so that
// one that is lost, or two that write at once, harm nothing. One register for each service, so that what ended long ago can be left out as others write.
//
//   members/SERVICE   { formatVersion: 2, members: [{ member, release, startedAtMs, revision, seenAtMs }], checksum } (sealed-json.ts), by member

import type { RegisterStore } from '@tidemark/ports/register-store'
import { z } from 'zod'
import { decodeSealed, encodeSealed } from '../sealed-json.ts'

export const MEMBERS_VERSION = 2
/** How often a process says that it is there. */
export const MEMBER_EVERY_MS = 30_000
/** One that was not heard of for so long is taken for gone. */
export const MEMBER_HEARD_MAX_MS = 120_000
/** After so long it is left out of the register. */
const MEMBER_KEPT_MS = 86_400_000
/** Those that were heard of last stay. */
const MEMBERS_MAX = 1_000
const PREFIX = 'members/'
/** Others that write the same register at once: who loses so often says it the next time. */
const ATTEMPTS_MAX = 20

export interface Member {
  readonly member: string
  readonly release: string
  readonly startedAtMs: number
  /** Of the definitions that it works with; 0: none yet. */
  readonly revision: number
  readonly seenAtMs: number
}

export interface Members {
  readonly formatVersion: number
  readonly members: readonly Member[]
}

/** Says that a process is there. */
export function noteMember(registers: RegisterStore, service: string, member: Member): Promise<void> {
  return changeMembers(registers, service, member.seenAtMs, (others) => [...others.filter((other) => other.member !== member.member), member])
}

/** Says that it is not any more. */
export function removeMember(registers: RegisterStore, service: string, member: string, nowMs: number): Promise<void> {
  return changeMembers(registers, service, nowMs, (others) => others.filter((other) => other.member !== member))
}

/** By service, those that were heard of lately. Throws STORE_DAMAGED, STORE_TOO_NEW. */
export async function readMembers(registers: RegisterStore, nowMs: number): Promise<ReadonlyMap<string, readonly Member[]>> {
  const found = new Map<string, readonly Member[]>()
  for (const name of await registers.list(PREFIX)) {
    const register = await registers.read(name)
    const heard = register === null ? [] : decodeMembers(register.bytes, name).members.filter(({ seenAtMs }) => nowMs - seenAtMs <= MEMBER_HEARD_MAX_MS)
    if (heard.length > 0) found.set(name.slice(PREFIX.length), heard)
  }
  return found
}

async function changeMembers(registers: RegisterStore, service: string, nowMs: number, change: (members: readonly Member[]) => readonly Member[]): Promise<void> {
  const name = `${PREFIX}${service}`
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const register = await registers.read(name)
    const before = register === null ? [] : decodeMembers(register.bytes, name).members
    const kept = change(before).filter(({ seenAtMs }) => nowMs - seenAtMs <= MEMBER_KEPT_MS)
    const members = kept.toSorted((a, b) => b.seenAtMs - a.seenAtMs).slice(0, MEMBERS_MAX).sort((a, b) => (a.member < b.member ? -1 : 1))
    if ((await registers.compareAndSet(name, register?.revision ?? null, encodeMembers({ formatVersion: MEMBERS_VERSION, members }))) !== null) return
  }
}

const form: z.ZodType<Members> = z.strictObject({
  formatVersion: z.literal(MEMBERS_VERSION),
  members: z.array(z.strictObject({ member: z.string(), release: z.string(), startedAtMs: z.int(), revision: z.int().min(0), seenAtMs: z.int() })),
})

export function encodeMembers(members: Members): Uint8Array {
  return encodeSealed(members)
}

/** Throws STORE_DAMAGED, STORE_TOO_NEW. */
export function decodeMembers(bytes: Uint8Array, where: string): Members {
  return decodeSealed(form, MEMBERS_VERSION, bytes, where, 'Put the register back as it was.')
}
