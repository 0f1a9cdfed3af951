// Registers in LMDB, whose transactions are serial over all processes. The database `registers`: the key is the name (UTF-8), the value
//
//   0  u8 format version, 1
//   1  u64 little-endian, the revision
//   9  the bytes

import { REGISTER_SIZE_MAX_BYTES, type Register, type RegisterStore } from '@tidemark/ports/register-store'
import type { NewRevision, Revision } from '@tidemark/ports/revision'
import type { EmbeddedEnvironment } from './embedded-environment.ts'
import { damaged, tooNew } from './embedded-errors.ts'

const FORMAT_VERSION = 1
const HEAD_BYTES = 9
/** Greater than any byte of UTF-8. */
const PAST_TEXT = 0xff
/** In the place of an empty name, which there is not. */
const FIRST_NAME = Buffer.of(0)

/** The registers of an environment, which stays open when this is disposed of. Names have from 1 to 1,978 bytes. */
export async function createEmbeddedRegisterStore(environment: EmbeddedEnvironment, { newRevision }: { readonly newRevision: NewRevision }): Promise<RegisterStore> {
  const database = await environment.database('registers')
  const decode = (name: string, value: Uint8Array | null): Register | null => (value === null ? null : decodeRegister(value, `${environment.folder}, register ${name}`))
  return {
    async read(name) {
      return environment.read((reader) => decode(name, reader.get(database, Buffer.from(name))))
    },
    async compareAndSet(name, expected, bytes) {
      if (bytes.length > REGISTER_SIZE_MAX_BYTES) throw new Error(`The register ${name} would have ${bytes.length} bytes, at most ${REGISTER_SIZE_MAX_BYTES}.`)
      const key = Buffer.from(name)
      return environment.write((writer) => {
        if ((decode(name, writer.get(database, key))?.revision ?? null) !== expected) return null
        const revision = newRevision()
        writer.put(database, key, encodeRegister(revision, bytes))
        return revision
      })
    },
    async list(prefix) {
      const from = prefix === '' ? FIRST_NAME : Buffer.from(prefix)
      const to = Buffer.concat([Buffer.from(prefix), Buffer.of(PAST_TEXT)])
      return environment.read((reader) => Array.from(reader.entries(database, from, to), ({ key }) => Buffer.from(key).toString()))
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

function encodeRegister(revision: Revision, bytes: Uint8Array): Uint8Array {
  const value = Buffer.allocUnsafe(HEAD_BYTES + bytes.length)
  value[0] = FORMAT_VERSION
  value.writeBigUInt64LE(BigInt(revision), 1)
  value.set(bytes, HEAD_BYTES)
  return value
}

/** STORE_DAMAGED, STORE_TOO_NEW. */
function decodeRegister(value: Uint8Array, where: string): Register {
  if (value[0] !== FORMAT_VERSION) throw tooNew(where, value[0] ?? 0, FORMAT_VERSION)
  if (value.length < HEAD_BYTES) throw damaged(where, `It has ${value.length} bytes, at least ${HEAD_BYTES}.`)
  const revision = Buffer.from(value.buffer, value.byteOffset, value.byteLength).readBigUInt64LE(1)
  return { revision: Number(revision) as Revision, bytes: value.subarray(HEAD_BYTES) }
}
