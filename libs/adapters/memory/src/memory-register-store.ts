// Registers in a map. Each call is one step, so nothing can come between the comparison and the set.

import { REGISTER_SIZE_MAX_BYTES, type Register, type RegisterStore } from '@tidemark/ports/register-store'
import type { NewRevision } from '@tidemark/ports/revision'

/** A register store that lives as long as this object. */
export function createMemoryRegisterStore({ newRevision }: { readonly newRevision: NewRevision }): RegisterStore {
  const registers = new Map<string, Register>()
  return {
    async read(name) {
      const found = registers.get(name)
      return found === undefined ? null : { revision: found.revision, bytes: Uint8Array.from(found.bytes) }
    },
    async compareAndSet(name, expected, bytes) {
      if (bytes.length > REGISTER_SIZE_MAX_BYTES) throw new Error(`The register ${name} would have ${bytes.length} bytes, at most ${REGISTER_SIZE_MAX_BYTES}.`)
      if ((registers.get(name)?.revision ?? null) !== expected) return null
      const revision = newRevision()
      registers.set(name, { revision, bytes: Uint8Array.from(bytes) })
      return revision
    },
    list: async (prefix) => [...registers.keys()].filter((name) => name.startsWith(prefix)).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}
