// What is live: the one register that says which versions of which names the services run, and changes only by compare-and-set, so that two who apply
// at once never mix. It names versions; what each means is in registers of its own, for good (definition-registry.ts). A version that was retired is
// never live again: its state ended then, and models may have been told so.
//
//   definitions/applied   one JSON document, version 2 (sealed-json.ts):
//     { formatVersion, revision, appliedAtMs, by,
//       views: [{ name, version }], services: [{ name, version, views: [{ name, version }] }],
//       retired: { views: [{ name, version }], services: [{ name, version }] } }
//
// Lists are in the order of name and version. `views` of a service: what its features are pinned to.

import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { RegisterStore } from '@tidemark/ports/register-store'
import type { Revision } from '@tidemark/ports/revision'
import { z } from 'zod'
import { decodeSealed, encodeSealed } from '../sealed-json.ts'

export const APPLIED_REGISTER = 'definitions/applied'
export const APPLIED_VERSION = 2
/** Some thousands of versions. Each service reads all of it each time that it looks. */
export const APPLIED_SIZE_MAX_BYTES = 262_144

export interface VersionName {
  readonly name: string
  readonly version: number
}

export interface AppliedService extends VersionName {
  readonly views: readonly VersionName[]
}

export interface AppliedDefinitions {
  readonly formatVersion: number
  /** 1, 2, …: one more each time that something was applied. */
  readonly revision: number
  readonly appliedAtMs: number
  /** Who applied it: for people. */
  readonly by: string
  readonly views: readonly VersionName[]
  readonly services: readonly AppliedService[]
  readonly retired: { readonly views: readonly VersionName[]; readonly services: readonly VersionName[] }
}

/** What is live, and the revision that a compare-and-set expects. */
export interface ReadApplied {
  /** null: nothing was ever applied. */
  readonly applied: AppliedDefinitions | null
  readonly revision: Revision | null
}

/** Throws STORE_DAMAGED or STORE_TOO_NEW. */
export async function readApplied(registers: RegisterStore): Promise<ReadApplied> {
  const register = await registers.read(APPLIED_REGISTER)
  return register === null ? { applied: null, revision: null } : { applied: decodeApplied(register.bytes, APPLIED_REGISTER), revision: register.revision }
}

const names = z.array(z.strictObject({ name: z.string(), version: z.int().min(1) }))

const form: z.ZodType<AppliedDefinitions> = z.strictObject({
  formatVersion: z.literal(APPLIED_VERSION),
  revision: z.int().min(1),
  appliedAtMs: z.int(),
  by: z.string(),
  views: names,
  services: z.array(z.strictObject({ name: z.string(), version: z.int().min(1), views: names })),
  retired: z.strictObject({ views: names, services: names }),
})

/** Throws APPLY_REFUSED where it is too large. */
export function encodeApplied(applied: AppliedDefinitions): Uint8Array {
  const bytes = encodeSealed(applied)
  if (bytes.byteLength <= APPLIED_SIZE_MAX_BYTES) return bytes
  throw new TidemarkError([{
    code: 'APPLY_REFUSED', message: `What is live would have ${bytes.byteLength} bytes as it is written down; the limit is ${APPLIED_SIZE_MAX_BYTES}.`, where: APPLIED_REGISTER,
    action: 'Retire versions that nobody asks for, or use a namespace of its own for a part of the definitions.',
  }])
}

/** Throws STORE_DAMAGED or STORE_TOO_NEW. */
export function decodeApplied(bytes: Uint8Array, where: string): AppliedDefinitions {
  return decodeSealed(form, APPLIED_VERSION, bytes, where, 'Put the register back as it was: services go on with what they took up before.')
}

/** `card_spending@2` */
export function versionText({ name, version }: VersionName): string {
  return `${name}@${version}`
}

export function compareVersions(a: VersionName, b: VersionName): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : a.version - b.version
}

export function isSameVersion(a: VersionName, b: VersionName): boolean {
  return a.name === b.name && a.version === b.version
}
