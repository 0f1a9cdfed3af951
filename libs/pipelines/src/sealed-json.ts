// Versioned JSON documents with a checksum, since damaged digits are JSON too. From version 2 on, a document ends with one more property:
//
//   "checksum": N    the crc32 of the text without this property, as it stands; version 1 had none

import { crc32 } from 'node:zlib'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { z } from 'zod'
import { decodeVersioned } from './versioned-json.ts'

const CHECKSUM = /,"checksum":(0|[1-9]\d{0,9})\}$/

export function encodeSealed(document: { readonly formatVersion: number }): Uint8Array {
  const text = JSON.stringify(document)
  return Buffer.from(document.formatVersion === 1 ? text : `${text.slice(0, -1)},"checksum":${crc32(text)}}`)
}

/** `action`: what to do where it is not what was written. Throws STORE_DAMAGED or STORE_TOO_NEW. */
export function decodeSealed<T extends { readonly formatVersion: number }>(form: z.ZodType<T>, version: number, bytes: Uint8Array, where: string, action: string): T {
  const text = Buffer.from(bytes).toString()
  const checksum = CHECKSUM.exec(text)
  const body = checksum === null ? text : `${text.slice(0, checksum.index)}}`
  const document = decodeVersioned(form, version, Buffer.from(body), where)
  const isSound = checksum === null ? document.formatVersion === 1 : document.formatVersion > 1 && Number(checksum[1]) === crc32(body)
  if (isSound) return document
  throw new TidemarkError([{ code: 'STORE_DAMAGED', message: 'Its checksum is not that of what was written.', where, action }])
}
