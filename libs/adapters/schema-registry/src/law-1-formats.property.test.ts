// Law 1: an event has the same values whether it is written in JSON, in Avro or in Protobuf, whatever types the schema gives them, and is rejected for the
// same reason. TIDEMARK_SEED replays a seed, TIDEMARK_RUNS searches longer.
import { describe, expect, it } from '@jest/globals'
import { boolean, double, eventSource, int32, int64, string, timestamp } from '@tidemark/feature-schema/dsl'
import { compileEventDecoder, isRejected, type DecodedEvent, type RejectedEvent } from '@tidemark/feature-schema/event-decoder'
import type { RecordFormats, WriterSchema } from '@tidemark/ports/record-formats'
import fc from 'fast-check'
import { registeredFormats } from './registered-formats.ts'
import { avroWriter } from './testing/avro-writer.ts'
import { protobufWriter } from './testing/protobuf-writer.ts'

const source = eventSource('all', {
  fields: {
    at: timestamp().between('1700-01-01', '2200-01-01'), flag: boolean().nullable(), small: int32().between(-5, 2_000_000_000).nullable(), large: int64().nullable(),
    real: double().nullable(), text: string().nullable(), sure: double(),
  },
  eventTime: 'at',
}).definition
const decoder = compileEventDecoder(source)
type FieldName = 'at' | 'flag' | 'small' | 'large' | 'real' | 'text' | 'sure'

/** How a value may be written in a format, and what JSON has for it. */
interface Written {
  readonly json: string
  /** A type, and the value in it; null: there is none. */
  readonly avro: readonly [type: unknown, value: unknown] | null
  readonly protobuf: readonly [type: string, value: unknown] | null
}

const int64s = fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.bigInt({ min: -20n, max: 20n }), fc.constantFrom(2n ** 53n, 2n ** 53n - 1n, -(2n ** 53n), 2n ** 63n - 1n))
const wellFormed = fc.string({ unit: 'binary' }).filter((text) => text.isWellFormed())
const quoted = (value: bigint): string => (Number.isSafeInteger(Number(value)) ? String(value) : `"${value}"`)
const unscaled = (value: bigint): Buffer => Buffer.from(BigInt.asUintN(128, value).toString(16).padStart(32, '0'), 'hex')
const decimalType = (scale: number): object => ({ type: 'bytes', logicalType: 'decimal', precision: 38, scale })
const decimalText = (value: bigint, scale: number): string => {
  const digits = String(value < 0n ? -value : value).padStart(scale + 1, '0')
  return `${value < 0n ? '-' : ''}${digits.slice(0, digits.length - scale)}${scale === 0 ? '' : `.${digits.slice(-scale)}`}`
}

const plainIntegers = fc.integer().map((n): Written => ({ json: String(n), avro: ['int', n], protobuf: ['sint32', n] }))
const integers: fc.Arbitrary<Written> = fc.oneof(
  plainIntegers,
  int64s.map((n): Written => ({ json: quoted(n), avro: ['long', n], protobuf: ['int64', String(n)] })),
  int64s.map((n): Written => ({ json: quoted(n), avro: [decimalType(0), unscaled(n)], protobuf: ['confluent.type.Decimal', { value: unscaled(n) }] })),
  fc.integer({ min: -1_000, max: 1_000 }).map((n): Written => ({ json: `${n}.0`, avro: ['double', n], protobuf: ['double', n] })),
  fc.tuple(fc.integer({ min: -100_000, max: 100_000 }), fc.integer({ min: 0, max: 3 })).map(([n, scale]): Written => (
    { json: decimalText(BigInt(n), scale), avro: [decimalType(scale), unscaled(BigInt(n))], protobuf: ['confluent.type.Decimal', { value: unscaled(BigInt(n)), scale }] })),
)
const smallIntegers = fc.integer({ min: -5, max: 100 }).chain((n): fc.Arbitrary<Written> => fc.constantFrom<Written>(
  { json: String(n), avro: ['int', n], protobuf: ['int32', n] }, { json: String(n), avro: ['long', n], protobuf: ['sfixed32', n] },
  { json: `${n}.00`, avro: [decimalType(2), unscaled(100n * BigInt(n))], protobuf: ['confluent.type.Decimal', { value: unscaled(100n * BigInt(n)), scale: 2 }] },
))
const doubles: fc.Arbitrary<Written> = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((n): Written => ({ json: Object.is(n, -0) ? '-0' : String(n), avro: ['double', n], protobuf: ['double', n] })),
  fc.float({ noNaN: true, noDefaultInfinity: true }).map((n): Written => ({ json: Object.is(n, -0) ? '-0' : String(n), avro: ['float', n], protobuf: ['float', n] })),
  int64s.map((n): Written => ({ json: String(n), avro: ['long', n], protobuf: ['int64', String(n)] })),
  fc.constantFrom(NaN, Infinity, -Infinity).map((n): Written => ({ json: '1e999', avro: ['double', n], protobuf: ['double', n] })),
  integers.filter(({ json }) => !json.startsWith('"')),
)
const texts: fc.Arbitrary<Written> = fc.oneof(
  wellFormed.map((text): Written => ({ json: JSON.stringify(text), avro: ['string', text], protobuf: ['string', text] })),
  fc.constantFrom('RED', 'GREEN').map((text): Written => ({ json: JSON.stringify(text), avro: [{ type: 'enum', name: 'Color', symbols: ['GREEN', 'RED'] }, text], protobuf: ['Color', text] })),
)
const booleans: fc.Arbitrary<Written> = fc.boolean().map((flag): Written => ({ json: String(flag), avro: ['boolean', flag], protobuf: ['bool', flag] }))
const times: fc.Arbitrary<Written> = fc.tuple(fc.oneof({ weight: 9, arbitrary: fc.integer({ min: -7_000_000_000_000, max: 7_000_000_000_000 }) }, fc.integer({ min: -9_000_000_000_000, max: 9_000_000_000_000 })), fc.nat(999), fc.constantFrom('millis', 'micros', 'nanos', 'plain')).map(([ms, beyond, unit]): Written => {
  const units = unit === 'nanos' ? BigInt(ms) * 1_000_000n + BigInt(beyond) * 1_000n : unit === 'micros' ? BigInt(ms) * 1_000n + BigInt(beyond) : BigInt(ms)
  const fits = units >= -(2n ** 63n) && units < 2n ** 63n
  const seconds = Math.floor(ms / 1_000)
  return {
    json: unit === 'plain' ? String(ms) : JSON.stringify(`${new Date(ms).toISOString().slice(0, -1)}${String(beyond).padStart(3, '0')}Z`),
    avro: unit === 'plain' || !fits ? ['long', ms] : [{ type: 'long', logicalType: `timestamp-${unit}` }, units],
    protobuf: unit === 'plain' ? ['int64', ms] : ['google.protobuf.Timestamp', { seconds, nanos: (ms - seconds * 1_000) * 1_000_000 + beyond * 1_000 }],
  }
})

const nothing: Written = { json: 'null', avro: ['null', null], protobuf: null }
const absent: Written = { json: '', avro: null, protobuf: null }
/** Mostly what the field takes; else what another does, or nothing. */
const fieldOf = (fitting: fc.Arbitrary<Written>): fc.Arbitrary<Written> => fc.oneof(
  { weight: 24, arbitrary: fitting }, { weight: 2, arbitrary: fc.constantFrom(nothing, absent) }, { weight: 1, arbitrary: fc.oneof(texts, booleans, plainIntegers) },
)
const events = fc.record({ at: fieldOf(times), flag: fieldOf(booleans), small: fieldOf(fc.oneof({ weight: 9, arbitrary: smallIntegers }, integers)), large: fieldOf(fc.oneof({ weight: 4, arbitrary: integers.filter(({ json }) => !/\.\d*[1-9]/.test(json)) }, integers)), real: fieldOf(doubles), text: fieldOf(texts), sure: fieldOf(doubles) })
type Event = Readonly<Record<FieldName, Written>>

const namesOf = (event: Event): FieldName[] => Object.keys(event) as FieldName[]

const throughJson = (event: Event): DecodedEvent | RejectedEvent =>
  decoder.decode(`{${namesOf(event).flatMap((name) => (event[name].json === '' ? [] : [`"${name}":${event[name].json}`])).join(',')},"unknown":[1]}`)

/** `order`: of the fields in the schema. Every second one is a union. */
function throughAvro(event: Event, order: readonly FieldName[], formats: RecordFormats): DecodedEvent | RejectedEvent {
  let enums = 0
  const fields = order.flatMap((name, i) => {
    const { avro } = event[name]
    if (avro === null) return []
    const [type, value] = [typeof avro[0] === 'object' && 'symbols' in avro[0]! ? { ...avro[0], name: `Color${enums++}` } : avro[0], avro[1]]
    if (type === 'null' || i % 2 === 0) return [{ name, type, value }]
    return [{ name, type: ['null', type], value: { [branchOf(type)]: value } }]
  })
  const more = [{ name: 'unknown', type: { type: 'array', items: { type: 'map', values: ['null', 'string'] } }, value: [{ k: null }, { k: { string: 'v' } }] }]
  const all = [...fields.slice(0, 3), ...more, ...fields.slice(3)]
  const { schema, write } = avroWriter({ type: 'record', name: 'Event', fields: all.map(({ name, type }) => ({ name, type })) })
  return throughBody(schema, write(Object.fromEntries(all.map(({ name, value }) => [name, value]))), 'avro', formats)
}

function branchOf(type: unknown): string {
  return typeof type === 'string' ? type : 'symbols' in (type as object) ? (type as { name: string }).name : (type as { type: string }).type
}

const DECIMAL = { name: 'confluent/type/decimal.proto', text: 'syntax = "proto3"; package confluent.type; message Decimal { bytes value = 1; uint32 precision = 2; int32 scale = 3; }' }

/** What tracks no presence is written where it is zero too, which means the same. */
function throughProtobuf(event: Event, order: readonly FieldName[], formats: RecordFormats): DecodedEvent | RejectedEvent {
  const fields = order.flatMap((name, i) => {
    const { protobuf } = event[name]
    // Of an optional one it can be told that it is not there.
    return protobuf === null ? [] : [{ name, declared: `${i % 2 === 0 || protobuf[0].includes('.') ? '' : 'optional '}${protobuf[0]} ${name} = ${i + 1};`, value: protobuf[1] }]
  })
  const text = `syntax = "proto3"; package a; import "google/protobuf/timestamp.proto"; import "confluent/type/decimal.proto"; enum Color { GREEN = 0; RED = 1; } message Event { ${fields.map(({ declared }) => declared).join(' ')} map<string, bytes> unknown = 20; }`
  const { schema, write } = protobufWriter(text, 'a.Event', { references: [DECIMAL] })
  return throughBody(schema, write({ ...Object.fromEntries(fields.map(({ name, value }) => [name, value])), unknown: { k: Buffer.from('v') } }), 'protobuf', formats)
}

function throughBody(schema: WriterSchema, body: Uint8Array, format: 'avro' | 'protobuf', formats: RecordFormats): DecodedEvent | RejectedEvent {
  const read = formats.compile(schema, { ...source, format })
  const values = typeof read === 'string' ? read : read(body, 0)
  if (typeof values === 'string') throw new Error(values)
  return decoder.decodeValues(values)
}

/** The values, or why there are none: how a number that is rejected was written is the format's own. */
function fateOf(event: DecodedEvent | RejectedEvent): unknown {
  if (!isRejected(event)) return { row: event.row.map((value) => (typeof value === 'bigint' ? `${value}n` : value)), eventTimeMs: event.eventTimeMs }
  return event.rejected.message.replace(/, found .*/s, '')
}

const orders = fc.shuffledSubarray<FieldName>(['at', 'flag', 'small', 'large', 'real', 'text', 'sure'], { minLength: 7 })
const seed = Number(process.env['TIDEMARK_SEED'] ?? Date.now() % 1_000_000)
const parameters = { seed, numRuns: Number(process.env['TIDEMARK_RUNS'] ?? 400) }

const THROUGH = { Avro: throughAvro, Protobuf: throughProtobuf }
const property = (format: keyof typeof THROUGH, formats: RecordFormats) => fc.property(events, orders, (event, order) => {
  expect(fateOf(THROUGH[format](event, order, formats))).toEqual(fateOf(throughJson(event)))
})

describe.each(Object.keys(THROUGH) as (keyof typeof THROUGH)[])('law 1: an event in %s', (format) => {
  it('has the values that it has in JSON', () => {
    const accepted = fc.sample(events, { ...parameters, numRuns: 200 }).filter((event) => !isRejected(throughJson(event))).length
    // Else it would say little.
    expect(accepted).toBeGreaterThan(60)
    fc.assert(property(format, registeredFormats), parameters)
  })

  /** Values as they come, changed. */
  const changed = (change: (value: unknown) => unknown): RecordFormats => ({
    compile(schema, of) {
      const read = registeredFormats.compile(schema, of)
      return typeof read === 'string' ? read : (record, at) => {
        const values = read(record, at)
        return typeof values === 'string' ? values : values.map(change)
      }
    },
  })
  const bugs: Record<string, RecordFormats> = {
    'reads longs as doubles': changed((value) => (typeof value === 'bigint' ? Number(value) : value)),
    'reads what is not there as zero': changed((value) => value ?? 0),
    'reads doubles as floats': changed((value) => (typeof value === 'number' && !Number.isInteger(value) ? Math.fround(value) : value)),
    'reads no type of the field\'s': { compile: (schema, of) => registeredFormats.compile(schema, { ...of, fields: of.fields.map((field) => ({ ...field, type: 'string' as const })) }) },
  }
  it.each(Object.keys(bugs))('is found to have others by a reader that %s', (bug) => {
    expect(fc.check(property(format, bugs[bug]!), { ...parameters, numRuns: 2_000 }).failed).toBe(true)
  })
})
