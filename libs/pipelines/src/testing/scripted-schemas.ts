// A schema registry that does as its script says, and a format whose bodies are JSON arrays of the fields' values.

import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { LogRecord } from '@tidemark/ports/event-log'
import type { RecordFormats, SchemaRegistry, WriterSchema } from '@tidemark/ports/record-formats'

export interface ScriptedRegistry extends SchemaRegistry {
  readonly schemas: Map<number, WriterSchema>
  /** Ids that were asked for, in order. */
  readonly asked: number[]
  atOnce: number
  atOnceMax: number
  isAway: boolean
}

export function scriptedRegistry(): ScriptedRegistry {
  return {
    schemas: new Map(), asked: [], atOnce: 0, atOnceMax: 0, isAway: false,
    async find(id) {
      this.asked.push(id)
      this.atOnceMax = Math.max(this.atOnceMax, ++this.atOnce)
      // What it says is what it had when it was asked.
      const found = this.schemas.get(id) ?? null
      await Promise.resolve()
      this.atOnce--
      if (this.isAway) throw new TidemarkError([{ code: 'STORE_UNAVAILABLE', message: 'It does not answer.', where: 'registry', action: 'Wait.' }])
      return found
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

export const arraySchema: WriterSchema = { kind: 'ARRAY', text: '[]', references: [] }

export const arrayFormats: RecordFormats = {
  compile: ({ kind }) => (kind !== 'ARRAY' ? `it is no ARRAY schema` : (record, bodyAt) => {
    try {
      return JSON.parse(Buffer.from(record.subarray(bodyAt)).toString()) as unknown[]
    } catch {
      return 'its body is no JSON'
    }
  }),
}

/** A record in the wire format of registries. */
export function registryRecord(id: number, values: readonly unknown[] | string, { offset = 0, appendTimeMs = 0 } = {}): LogRecord {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(id, 1)
  return { offset, appendTimeMs, key: null, headers: {}, value: Buffer.concat([head, Buffer.from(typeof values === 'string' ? values : JSON.stringify(values))]) }
}
