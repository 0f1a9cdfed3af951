// Law 3, of records with schemas: whoever reads a record, and whenever, gives it the same fate, while the registry gets schemas, loses them, and gives
// ids other ones. TIDEMARK_SEED replays a seed, TIDEMARK_RUNS searches longer.
import { describe, expect, it } from '@jest/globals'
import { eventSource, string, timestamp } from '@tidemark/feature-schema/dsl'
import { compileEventDecoder } from '@tidemark/feature-schema/event-decoder'
import type { LogRecord } from '@tidemark/ports/event-log'
import fc from 'fast-check'
import { createPlainRegisters } from '../testing/plain-stores.ts'
import { registryRecord, scriptedRegistry, type ScriptedRegistry } from '../testing/scripted-schemas.ts'
import type { PrepareDecoder } from './log-decoder.ts'
import { registryDecoder } from './registry-decoder.ts'
import { encodeSchemaPin, schemaPins, type PinOptions, type PinSchema } from './schema-pins.ts'

const source = eventSource('ticks', { fields: { at: timestamp(), by: string() }, eventTime: 'at', format: 'avro' }).definition
const READERS = 3
const ids = fc.integer({ min: 1, max: 3 })

type Step =
  | { readonly kind: 'append'; readonly id: number; readonly backMs: number }
  | { readonly kind: 'register'; readonly id: number; readonly text: string }
  | { readonly kind: 'lose'; readonly id: number }
  /** Some readers at once: each takes its next records, so many at most. */
  | { readonly kind: 'read'; readonly readers: readonly number[]; readonly count: number }
  | { readonly kind: 'restart'; readonly reader: number }

const steps = fc.array(fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('append' as const), id: ids, backMs: fc.integer({ min: 0, max: 3 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('register' as const), id: ids, text: fc.constantFrom('a', 'b') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('lose' as const), id: ids }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('read' as const), readers: fc.uniqueArray(fc.nat(READERS - 1), { minLength: 1 }), count: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const), reader: fc.nat(READERS - 1) }) },
), { maxLength: 40 })

type MakePins = (options: PinOptions) => PinSchema

/** null: all readers agree about all records; else about which they do not. */
async function disagreement(history: readonly Step[], makePins: MakePins): Promise<string | null> {
  const registry = scriptedRegistry()
  const registers = createPlainRegisters()
  const records: LogRecord[] = []
  const readers = Array.from({ length: READERS }, () => ({ next: 0, fates: [] as string[], prepare: readerOf(registry, registers, makePins) }))
  const read = async ({ next, fates, prepare }: (typeof readers)[number], count: number): Promise<number> => {
    const taken = records.slice(next, next + count)
    const decode = await prepare([taken])
    // What is read again after a restart has the fate that it had.
    for (const [i, { row, rejection }] of taken.map(decode).entries()) {
      const fate = row === null ? rejection!.code : String(row[1])
      if ((fates[next + i] ??= fate) !== fate) throw new Error(`record ${next + i}: ${fates[next + i]}, then ${fate}`)
    }
    return next + taken.length
  }
  try {
    for (const step of [...history, { kind: 'read' as const, readers: [0, 1, 2], count: Infinity }]) {
      if (step.kind === 'append') records.push(registryRecord(step.id, [5], { offset: records.length, appendTimeMs: Math.max(0, records.length * 2 - step.backMs) }))
      else if (step.kind === 'register') registry.schemas.set(step.id, { kind: 'BY', text: step.text, references: [] })
      else if (step.kind === 'lose') registry.schemas.delete(step.id)
      else if (step.kind === 'restart') Object.assign(readers[step.reader]!, { next: 0, prepare: readerOf(registry, registers, makePins) })
      else await Promise.all(step.readers.map(async (reader) => void (readers[reader]!.next = await read(readers[reader]!, step.count))))
    }
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('record ')) return error.message
    throw error
  }
  const wrong = records.findIndex((_, i) => new Set(readers.map(({ fates }) => fates[i])).size > 1)
  return wrong === -1 ? null : `record ${wrong}: ${readers.map(({ fates }) => fates[wrong]).join(', ')}`
}

function readerOf(registry: ScriptedRegistry, registers: PinOptions['registers'], makePins: MakePins): PrepareDecoder {
  const formats = { compile: ({ text }: { text: string }) => () => [5, text] }
  return registryDecoder({ source, decoder: compileEventDecoder(source), formats, pinSchema: makePins({ source, registers, registry }) })
}

const seed = Number(process.env['TIDEMARK_SEED'] ?? Date.now() % 1_000_000)
const parameters = { seed, numRuns: Number(process.env['TIDEMARK_RUNS'] ?? 300) }

const agree = (makePins: MakePins) => fc.asyncProperty(steps, async (history) => {
  expect(await disagreement(history, makePins)).toBeNull()
})

describe('law 3: every reader of a record with a schema', () => {
  it('gives it the same fate, whatever becomes of the registry', async () => {
    await fc.assert(agree(schemaPins), parameters)
  })

  const NO_PIN = { formatVersion: 2, unknownThroughMs: null, schema: null, refusal: null }
  const bugs: Record<string, MakePins> = {
    'asks the registry for itself': ({ registry }) => async (id, unknownThroughMs) => {
      const schema = await registry!.find(id)
      return schema === null ? { ...NO_PIN, unknownThroughMs } : { ...NO_PIN, schema }
    },
    'forgets what was unknown once there is a schema': (options) => {
      const pinSchema = schemaPins(options)
      return async (id, appendTimeMs) => {
        const pin = await pinSchema(id, appendTimeMs)
        return pin.schema === null ? pin : { ...pin, unknownThroughMs: null }
      }
    },
    'keeps what it was told without comparing': ({ source: { name }, registers, registry }) => async (id, unknownThroughMs) => {
      const schema = await registry!.find(id)
      const pin = schema === null ? { ...NO_PIN, unknownThroughMs } : { ...NO_PIN, schema }
      await registers.compareAndSet(`schemas/${name}/${id}`, null, encodeSchemaPin(pin))
      return pin
    },
  }
  it.each(Object.keys(bugs))('is broken by one that %s', async (bug) => {
    const result = await fc.check(agree(bugs[bug]!), { ...parameters, numRuns: 5_000 })
    expect(result.failed).toBe(true)
  })
})
