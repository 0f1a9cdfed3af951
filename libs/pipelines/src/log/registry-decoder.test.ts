import { describe, expect, it } from '@jest/globals'
import { eventSource, int64, timestamp } from '@tidemark/feature-schema/dsl'
import type { LogRecord } from '@tidemark/ports/event-log'
import { ALL_JSON } from '@tidemark/ports/record-formats'
import { createPlainRegisters } from '../testing/plain-stores.ts'
import { arrayFormats, arraySchema, registryRecord, scriptedRegistry, type ScriptedRegistry } from '../testing/scripted-schemas.ts'
import { logDecoder, type PrepareDecoder } from './log-decoder.ts'

const source = eventSource('ticks', { fields: { at: timestamp(), n: int64().nullable() }, eventTime: 'at', format: 'avro' }).definition

interface World {
  readonly registers: ReturnType<typeof createPlainRegisters>
  readonly registry: ScriptedRegistry
  /** Of another process; without a registry where it is null. */
  decoder(registry?: ScriptedRegistry | null): PrepareDecoder
}

function createWorld(): World {
  const registers = createPlainRegisters()
  const own = scriptedRegistry()
  own.schemas.set(7, arraySchema)
  return { registers, registry: own, decoder: (registry = own) => logDecoder({ source, registers, schemas: { formats: arrayFormats, registry } }) }
}

/** Of each record, its row, or the code and reason of its rejection. */
async function decodeAll(prepare: PrepareDecoder, ...records: readonly LogRecord[]): Promise<unknown[]> {
  const decode = await prepare([records])
  return records.map((record) => {
    const { row, rejection } = decode(record)
    return row ?? `${rejection!.code} ${rejection!.message}`
  })
}

const record = (value: Uint8Array | null): LogRecord => ({ offset: 0, appendTimeMs: 0, key: null, value, headers: {} })
const at = (appendTimeMs: number): { appendTimeMs: number } => ({ appendTimeMs })

describe('records that say by which schema they were written', () => {
  it('are decoded by it, which is asked for once', async () => {
    const world = createWorld()
    const prepare = world.decoder()
    expect(await decodeAll(prepare, registryRecord(7, [5, 1]), registryRecord(7, [6]))).toEqual([[5, 1], [6, null]])
    expect(await decodeAll(prepare, registryRecord(7, [7, 2], at(99)))).toEqual([[7, 2]])
    expect(world.registry.asked).toEqual([7])
  })

  it('are read by who has no registry, once another has asked', async () => {
    const world = createWorld()
    await expect(decodeAll(world.decoder(null), registryRecord(7, [5]))).rejects.toMatchObject({ code: 'SCHEMA_REGISTRY_MISSING' })
    await decodeAll(world.decoder(), registryRecord(7, [5]))
    world.registry.schemas.clear()
    expect(await decodeAll(world.decoder(null), registryRecord(7, [5]))).toEqual([[5, null]])
    expect(await decodeAll(world.decoder(), registryRecord(7, [5]))).toEqual([[5, null]])
  })

  it('are rejected with what is wrong, and the schema', async () => {
    const world = createWorld()
    world.registry.schemas.set(8, { kind: 'XML', text: '', references: [] })
    const records = [
      record(null), record(Buffer.from('{"at":1}')), record(Buffer.from([0, 0, 0, 7])), record(Buffer.from([0, 0x80, 0, 0, 0, 5])), registryRecord(7, 'no'), registryRecord(7, ['x']), registryRecord(8, [5]),
      registryRecord(7, JSON.stringify([5, 'x'.repeat(1_048_576)])), registryRecord(7, [5]),
    ]
    expect(await decodeAll(world.decoder(), ...records)).toEqual([
      'EVENT_MALFORMED record: it has no value.',
      'EVENT_MALFORMED record: it does not begin with the id of a schema (a byte 0, then four bytes, the first of them below 128).',
      'EVENT_MALFORMED record: it does not begin with the id of a schema (a byte 0, then four bytes, the first of them below 128).',
      'EVENT_MALFORMED record: it does not begin with the id of a schema (a byte 0, then four bytes, the first of them below 128).',
      'EVENT_MALFORMED record: its body is no JSON. It was written by schema 7.',
      'EVENT_MALFORMED field at: expected timestamp, found "x". It was written by schema 7.',
      'EVENT_MALFORMED record: it is no ARRAY schema. It was written by schema 8.',
      'EVENT_TOO_LARGE record: 1048587 bytes, the limit is 1048576.',
      [5, null],
    ])
  })

  it('are dead letters where the registry has no such schema, until it has: as the log stamped them', async () => {
    const world = createWorld()
    const [archiver, processor] = [world.decoder(), world.decoder()]
    const unknown = 'SCHEMA_UNKNOWN record: the schema registry has no schema 9.'
    expect(await decodeAll(archiver, registryRecord(9, [1], at(100)))).toEqual([unknown])
    world.registry.schemas.set(9, arraySchema)
    // Whoever comes later reads it as who came first; so does who comes again.
    expect(await decodeAll(processor, registryRecord(9, [1], at(100)), registryRecord(9, [1], at(99)))).toEqual([unknown, unknown])
    // Put back, it is a record of its own.
    expect(await decodeAll(archiver, registryRecord(9, [1], at(100)), registryRecord(9, [1], at(101)))).toEqual([unknown, [1, null]])
    expect(await decodeAll(processor, registryRecord(9, [1], at(100)), registryRecord(9, [1], at(101)))).toEqual([unknown, [1, null]])
    expect(await decodeAll(world.decoder(null), registryRecord(9, [1], at(100)), registryRecord(9, [1], at(102)))).toEqual([unknown, [1, null]])
  })

  it('are none of them rejected while the registry is away, and all of them read when it is back', async () => {
    const world = createWorld()
    const prepare = world.decoder()
    await decodeAll(prepare, registryRecord(7, [5]))
    world.registry.isAway = true
    world.registry.schemas.set(8, arraySchema)
    await expect(decodeAll(prepare, registryRecord(7, [5]), registryRecord(8, [6]))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    // Those of schemas that are known go on.
    expect(await decodeAll(prepare, registryRecord(7, [5]))).toEqual([[5, null]])
    world.registry.isAway = false
    expect(await decodeAll(prepare, registryRecord(7, [5]), registryRecord(8, [6]))).toEqual([[5, null], [6, null]])
  })

  it('may have more schemas than are kept, of which some are asked for at once', async () => {
    const world = createWorld()
    const records = Array.from({ length: 1_000 }, (_, id) => registryRecord(id, [id]))
    for (let id = 0; id < 1_000; id++) world.registry.schemas.set(id, arraySchema)
    const prepare = world.decoder()
    expect(await decodeAll(prepare, ...records)).toEqual(records.map((_, id) => [id, null]))
    expect(world.registry.asked).toHaveLength(1_000)
    expect(world.registry.atOnceMax).toBe(8)
    // Those that were forgotten are in the registers.
    expect(await decodeAll(prepare, ...records)).toEqual(records.map((_, id) => [id, null]))
    expect(world.registry.asked).toHaveLength(1_000)
  })

  it('may have a schema that is too large to be kept, for all readers alike', async () => {
    const world = createWorld()
    world.registry.schemas.set(7, { ...arraySchema, references: [{ name: 'large', text: 'x'.repeat(1_100_000) }] })
    const reason = expect.stringMatching(/^EVENT_MALFORMED record: it has 110\d{4} bytes with what it refers to, and at most 1048576 are kept\. It was written by schema 7\.$/)
    expect(await decodeAll(world.decoder(), registryRecord(7, [5]))).toEqual([reason])
    expect(await decodeAll(world.decoder(null), registryRecord(7, [5]))).toEqual([reason])
  })

  it('are not read by a process that has nothing for it', () => {
    const { registers } = createWorld()
    expect(() => logDecoder({ source, registers })).toThrow('STORE_SETTINGS at source ticks: Its records are of format avro, and this process has no schema registry.')
  })
})

describe('a log that has nothing but JSON', () => {
  it('is read as JSON, whatever the source says', async () => {
    const { registers } = createWorld()
    expect(await decodeAll(logDecoder({ source, registers, schemas: ALL_JSON }), record(Buffer.from('{"at":5,"n":1}')))).toEqual([[5, 1]])
  })
})
