// The API keys of a system, in one register, so that one read tells all of them: who serves asks no store because of what somebody sends, be it a key
// that does not exist. Changed only by compare-and-set; a key that is revoked is removed.
//
//   access/keys   { formatVersion: 2, keys: [{ id, name, scopes, secretSha256, createdAtMs, expiresAtMs }], checksum } (sealed-json.ts)
//
// secretSha256 is in hex, and expiresAtMs null where it never does. A scope that a later release knows is kept, and gives nothing here.

import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { RegisterStore } from '@tidemark/ports/register-store'
import type { Revision } from '@tidemark/ports/revision'
import { z } from 'zod'
import { decodeSealed, encodeSealed } from '../sealed-json.ts'
import { apiKeyText, digestOf, mintApiKey } from './api-key.ts'
import type { Scope } from './principal.ts'

export const KEYS_REGISTER = 'access/keys'
/** Each takes some 250 bytes of a register. */
export const KEY_COUNT_MAX = 2_000
export const KEY_NAME_LENGTH_MAX = 100
const KEY_NAME = new RegExp(`^[A-Za-z0-9][A-Za-z0-9._@/-]{0,${KEY_NAME_LENGTH_MAX - 1}}$`)
/** Version 1 of sealed documents has no checksum. */
const VERSION = 2

const form = z.strictObject({
  formatVersion: z.literal(VERSION),
  keys: z.array(z.strictObject({
    id: z.string(), name: z.string(), scopes: z.array(z.string()), secretSha256: z.string().regex(/^[0-9a-f]{64}$/),
    createdAtMs: z.number(), expiresAtMs: z.number().nullable(),
  })),
})

export type StoredKey = z.output<typeof form>['keys'][number]

export interface KeyRegister {
  /** null: there is none yet. */
  readonly revision: Revision | null
  readonly keys: readonly StoredKey[]
}

/** STORE_DAMAGED, STORE_TOO_NEW; what the store throws. */
export async function readKeys(registers: Pick<RegisterStore, 'read'>): Promise<KeyRegister> {
  const found = await registers.read(KEYS_REGISTER)
  return found === null ? { revision: null, keys: [] } : { revision: found.revision, keys: decodeKeys(found.bytes) }
}

export interface NewKey {
  /** Whose it is; several keys may have one name, such as an old one and the one that takes its place. */
  readonly name: string
  readonly scopes: readonly Scope[]
  readonly createdAtMs: number
  /** null: it never does. */
  readonly expiresAtMs: number | null
}

/** Makes a key. `text` is what its owner sends, and nothing has it afterwards. USAGE where the name may not be, or there are too many keys. */
export async function createKey(registers: RegisterStore, { name, scopes, createdAtMs, expiresAtMs }: NewKey, chance: (sizeBytes: number) => Uint8Array): Promise<{ readonly text: string; readonly stored: StoredKey }> {
  if (!KEY_NAME.test(name)) throw usage(`${JSON.stringify(name)} is no name of a key.`, `Give a letter or digit, then letters, digits and . _ @ / -, at most ${KEY_NAME_LENGTH_MAX}.`)
  const key = mintApiKey(chance)
  const stored: StoredKey = { id: key.id, name, scopes: [...scopes], secretSha256: digestOf(key.secret).toString('hex'), createdAtMs, expiresAtMs }
  await changeKeys(registers, (keys) => {
    if (keys.length >= KEY_COUNT_MAX) throw usage(`There are ${keys.length} keys, and there may be no more.`, 'Revoke some that nobody uses: `tidemark keys list` shows them.')
    return [...keys, stored]
  })
  return { text: apiKeyText(key), stored }
}

/** Removes a key, and says which it was. UNKNOWN_NAME. */
export async function revokeKey(registers: RegisterStore, id: string): Promise<StoredKey> {
  let revoked: StoredKey | undefined
  await changeKeys(registers, (keys) => {
    revoked = keys.find((key) => key.id === id)
    if (revoked === undefined) throw new TidemarkError([{ code: 'UNKNOWN_NAME', message: 'There is no key of that id.', where: 'key id', action: '`tidemark keys list` shows the ids of all keys.' }])
    return keys.filter((key) => key !== revoked)
  })
  return revoked!
}

async function changeKeys(registers: RegisterStore, change: (keys: readonly StoredKey[]) => readonly StoredKey[]): Promise<void> {
  for (;;) {
    const { revision, keys } = await readKeys(registers)
    if ((await registers.compareAndSet(KEYS_REGISTER, revision, encodeKeys(change(keys)))) !== null) return
  }
}

export function encodeKeys(keys: readonly StoredKey[]): Uint8Array {
  return encodeSealed({ formatVersion: VERSION, keys } as z.output<typeof form>)
}

export function decodeKeys(bytes: Uint8Array): StoredKey[] {
  return decodeSealed(form, VERSION, bytes, `register ${KEYS_REGISTER}`, 'Put the register back as it was; without it nobody is let in.').keys
}

function usage(message: string, action: string): TidemarkError {
  return new TidemarkError([{ code: 'USAGE', message, where: 'keys', action }])
}
