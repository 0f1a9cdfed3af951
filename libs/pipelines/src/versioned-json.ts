// Stored JSON documents: each says its format version, and nothing is read from one that is newer or of another form.

import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { z } from 'zod'

/** Reads a versioned JSON document. Throws STORE_DAMAGED or STORE_TOO_NEW. */
export function decodeVersioned<T>(form: z.ZodType<T>, version: number, bytes: Uint8Array, where: string): T {
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    throw stored('STORE_DAMAGED', `It is not JSON: ${(error as Error).message}.`, where, error)
  }
  const found = typeof json === 'object' && json !== null && 'formatVersion' in json ? json.formatVersion : undefined
  if (typeof found === 'number' && found > version) throw stored('STORE_TOO_NEW', `It has format version ${found}; this release reads up to ${version}.`, where)
  const read = form.safeParse(json)
  if (read.success) return read.data
  const { path, message } = read.error.issues[0]!
  throw stored('STORE_DAMAGED', `${path.join('.') || 'It'}: ${message}.`, where)
}

function stored(code: 'STORE_DAMAGED' | 'STORE_TOO_NEW', message: string, where: string, cause?: unknown): TidemarkError {
  const action = code === 'STORE_TOO_NEW' ? 'Upgrade this layer before the one that writes.' : 'Restore it from a backup; nothing is computed from what cannot be read.'
  return new TidemarkError([{ code, message, where, action }], { cause })
}
