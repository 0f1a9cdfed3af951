// API keys. What a client sends:
//
//   tmk_ID_SECRET    ID: 12 digits in base 62, by which a key is found; SECRET: 43 digits, 256 bits by chance
//
// The fixed beginning lets scanners of repositories find keys that were left there. Only the SHA-256 of the secret is kept: it cannot be turned back,
// and a slow hash, which is for passwords that people think up, would gain nothing with 256 bits that nobody can guess.

import { hash } from 'node:crypto'

export const API_KEY_PREFIX = 'tmk_'
const ID_DIGITS = 12
const SECRET_DIGITS = 43
const SECRET_SIZE_BYTES = 32
const ID_SIZE_BYTES = 8
const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const FORM = new RegExp(`^${API_KEY_PREFIX}[0-9A-Za-z]{${ID_DIGITS}}_[0-9A-Za-z]{${SECRET_DIGITS}}$`)
const SECRET_AT = API_KEY_PREFIX.length + ID_DIGITS + 1

export interface ApiKey {
  readonly id: string
  readonly secret: string
}

/** `chance`: so many bytes that nobody can guess. */
export function mintApiKey(chance: (sizeBytes: number) => Uint8Array): ApiKey {
  return { id: base62(chance(ID_SIZE_BYTES), ID_DIGITS), secret: base62(chance(SECRET_SIZE_BYTES), SECRET_DIGITS) }
}

export function apiKeyText({ id, secret }: ApiKey): string {
  return `${API_KEY_PREFIX}${id}_${secret}`
}

/** null: it is none. */
export function parseApiKey(text: string): ApiKey | null {
  return FORM.test(text) ? { id: text.slice(API_KEY_PREFIX.length, SECRET_AT - 1), secret: text.slice(SECRET_AT) } : null
}

/** SHA-256. */
export function digestOf(secret: string): Buffer {
  return hash('sha256', secret, 'buffer')
}

function base62(bytes: Uint8Array, digitCount: number): string {
  let rest = BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
  let text = ''
  for (let i = 0; i < digitCount; i++) {
    text = DIGITS[Number(rest % 62n)]! + text
    rest /= 62n
  }
  return text
}
