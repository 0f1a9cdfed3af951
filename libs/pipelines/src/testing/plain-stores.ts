// Registers, objects and an archive format in maps, as small as a history of one pipeline needs them.

import type { ArchivedRecord, ArchiveFormat } from '@tidemark/ports/archive-format'
import type { ObjectStore, StoredObject } from '@tidemark/ports/object-store'
import type { Register, RegisterStore } from '@tidemark/ports/register-store'
import type { Revision } from '@tidemark/ports/revision'

export function createPlainRegisters(): RegisterStore {
  const registers = new Map<string, Register>()
  let count = 0
  return {
    read: async (name) => registers.get(name) ?? null,
    async compareAndSet(name, expected, bytes) {
      if ((registers.get(name)?.revision ?? null) !== expected) return null
      const revision = ++count as Revision
      registers.set(name, { revision, bytes })
      return revision
    },
    list: async (prefix) => [...registers.keys()].filter((name) => name.startsWith(prefix)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

export interface PlainObjects extends ObjectStore {
  readonly objects: Map<string, StoredObject>
}

export function createPlainObjects(): PlainObjects {
  const objects = new Map<string, StoredObject>()
  const refuse = (): never => {
    throw new Error('Plain objects are created and read.')
  }
  return {
    objects,
    async create(key, bytes) {
      if (objects.has(key)) return false
      objects.set(key, { etag: key, bytes })
      return true
    },
    createFromFile: refuse,
    replace: refuse,
    get: async (key) => objects.get(key) ?? null,
    open: refuse,
    list: refuse,
    remove: async (key) => void objects.delete(key),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

/** Segments as JSON; nothing opens them. */
export const plainFormat: ArchiveFormat = {
  extension: 'json',
  begin() {
    const records: unknown[] = []
    return {
      add: ({ record, ...rest }) => void records.push([{ ...record, value: Buffer.from(record.value!).toString() }, rest]),
      finish: async () => Buffer.from(JSON.stringify(records)),
    }
  },
  read: async (bytes) =>
    (JSON.parse(Buffer.from(bytes).toString()) as [ArchivedRecord['record'] & { value: unknown }, Omit<ArchivedRecord, 'record'>][]).map(([record, rest]) => ({
      ...rest, record: { ...record, value: Buffer.from(String(record.value)) },
    })),
  open: () => {
    throw new Error('Plain segments are read, not opened.')
  },
}
