import { describe, expect, it } from '@jest/globals'
import { boolean, double, eventSource, int32, int64, string, timestamp } from '@tidemark/feature-schema/dsl'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import type { WriterSchema } from '@tidemark/ports/record-formats'
import fc from 'fast-check'
import { compileAvroBody } from './avro-body.ts'
import { registeredFormats } from './registered-formats.ts'
import { avroWriter, recordSchema } from './testing/avro-writer.ts'

const TYPES = { boolean, int32, int64, double, string, timestamp }
type TypeName = keyof typeof TYPES

/** One field `x` of a type; what it has of time is nobody's business here. */
const sourceOf = (type: TypeName): SourceDefinition =>
  eventSource('s', { fields: { at: timestamp().nullable() as never, x: TYPES[type]() as never }, eventTime: 'at', format: 'avro' }).definition

/** What a field `x` is given: the values, or why there are none. */
function readX(target: TypeName, schema: unknown, body: Uint8Array, references: WriterSchema['references'] = []): unknown {
  const read = compileAvroBody({ kind: 'AVRO', text: JSON.stringify(schema), references }, sourceOf(target))
  if (typeof read === 'string') return read
  const values = read(Buffer.concat([Buffer.alloc(5), body]), 5)
  return typeof values === 'string' ? values : values[1]
}

/** Of a record that has a field `x` of an Avro type. */
function throughAvro(target: TypeName, type: unknown, value: unknown): unknown {
  const writer = avroWriter(recordSchema(['before', 'string'], ['x', type], ['after', { type: 'array', items: 'long' }]))
  return readX(target, JSON.parse(writer.schema.text), writer.write({ before: 'ż', x: value, after: [1, 2, 3] }))
}

const decimal = (scale: number): object => ({ type: 'bytes', logicalType: 'decimal', precision: 20, scale })
/** Two's complement, as short as it may be. */
const unscaled = (value: bigint): Buffer => {
  const bits = 8 * (Math.floor(BigInt.asUintN(128, value < 0n ? ~value : value).toString(2).length / 8) + 1)
  return Buffer.from(BigInt.asUintN(bits, value).toString(16).padStart(bits / 4, '0'), 'hex')
}

describe('a value in Avro', () => {
  it.each<[TypeName, unknown, unknown, unknown]>([
    ['boolean', 'boolean', true, true],
    ['int32', 'int', -2_147_483_648, -2_147_483_648],
    ['int32', 'int', 2_147_483_647, 2_147_483_647],
    ['int64', 'long', 9_007_199_254_740_991n, 9_007_199_254_740_991],
    ['int64', 'long', -9_007_199_254_740_992n, -9_007_199_254_740_992n],
    ['int64', 'long', 9_223_372_036_854_775_807n, 9_223_372_036_854_775_807n],
    ['int64', 'long', -9_223_372_036_854_775_808n, -9_223_372_036_854_775_808n],
    ['int64', 'long', -3, -3],
    ['double', 'float', 0.1, 0.10000000149011612],
    ['double', 'double', 0.1, 0.1],
    ['string', 'string', 'żółw\u0000\ufffd🐢', 'żółw\u0000\ufffd🐢'],
    ['string', { type: 'enum', name: 'Color', symbols: ['RED', 'GREEN'] }, 'GREEN', 'GREEN'],
    ['string', ['null', 'string'], null, null],
    ['string', ['null', 'string'], { string: 'x' }, 'x'],
    ['int64', ['long', 'null', 'string'], { string: '9007199254740993' }, '9007199254740993'],
    ['string', { type: 'string', logicalType: 'uuid' }, 'a-b', 'a-b'],
    ['timestamp', 'long', 1_700_000_000_123, 1_700_000_000_123],
    ['timestamp', { type: 'long', logicalType: 'timestamp-millis' }, -1, -1],
    ['timestamp', { type: 'long', logicalType: 'timestamp-micros' }, 1_700_000_000_123_999, 1_700_000_000_123],
    ['timestamp', { type: 'long', logicalType: 'timestamp-micros' }, -1, -1],
    ['timestamp', { type: 'long', logicalType: 'timestamp-nanos' }, 1_700_000_000_123_999_999n, 1_700_000_000_123],
    ['timestamp', { type: 'long', logicalType: 'timestamp-nanos' }, -1_000_001n, -2],
    ['timestamp', { type: 'long', logicalType: 'local-timestamp-micros' }, 5_000, 5],
    ['timestamp', { type: 'int', logicalType: 'date' }, -1, -86_400_000],
    ['timestamp', ['null', { type: 'long', logicalType: 'timestamp-micros' }], { long: 5_000 }, 5],
    ['timestamp', 'string', '2001-06-30T23:59:59Z', '2001-06-30T23:59:59Z'],
    ['timestamp', { type: 'int', logicalType: 'time-millis' }, 5, 'the time of day 5'],
    // What is not read as an instant is the number that it is.
    ['int64', { type: 'long', logicalType: 'timestamp-micros' }, 1_700_000_000_123_999, 1_700_000_000_123_999],
    ['int32', { type: 'int', logicalType: 'date' }, 5, 5],
    ['double', decimal(2), unscaled(-1234n), -12.34],
    ['double', decimal(1), unscaled(1n), 0.1],
    ['int64', decimal(2), unscaled(-1200n), -12],
    ['int64', decimal(0), unscaled(9_223_372_036_854_775_807n), 9_223_372_036_854_775_807n],
    ['int64', decimal(2), unscaled(1234n), 12.34],
    ['string', decimal(3), unscaled(-5n), '-0.005'],
    ['double', { type: 'fixed', name: 'Amount', size: 4, logicalType: 'decimal', precision: 8, scale: 2 }, Buffer.from([0xff, 0xff, 0xfb, 0x2e]), -12.34],
    ['double', { type: 'bytes', logicalType: 'decimal', precision: 8, scale: 2 }, Buffer.alloc(0), 0],
    ['string', decimal(2), Buffer.alloc(500, 1), 'a decimal of 500 bytes and scale 2'],
    ['string', 'bytes', Buffer.from('ab'), Buffer.from('ab')],
    ['string', { type: 'fixed', name: 'F', size: 2 }, Buffer.from('ab'), Buffer.from('ab')],
    ['string', { type: 'array', items: 'string' }, ['a', 'b'], []],
    ['string', { type: 'map', values: 'int' }, { a: 1 }, {}],
    ['string', { type: 'record', name: 'R', fields: [{ name: 'x', type: 'string' }] }, { x: 'a' }, {}],
  ])('for a field of type %s, written as %j: %p is %p', (target, type, written, read) => {
    expect(throughAvro(target, type, written)).toEqual(read)
  })

  it('is not there where the schema has no such field', () => {
    expect(readX('int32', recordSchema(['y', 'int']), Buffer.from([2]))).toBeUndefined()
  })

  it('may be a negative zero or no number, as JSON can write neither', () => {
    expect(throughAvro('double', 'double', -0)).toBe(-0)
    expect(throughAvro('double', 'double', NaN)).toBe(NaN)
  })
})

describe('an Avro schema', () => {
  it('may be of several events, each a record, and may refer to others', () => {
    const references = [
      { name: 'a.Color', text: JSON.stringify({ type: 'enum', name: 'Color', namespace: 'a', symbols: ['RED'] }) },
      { name: 'a.Paint', text: JSON.stringify({ type: 'record', name: 'Paint', namespace: 'a', fields: [{ name: 'x', type: 'a.Color' }] }) },
    ]
    const schema = ['null', { type: 'record', name: 'Other', fields: [{ name: 'z', type: 'int' }] }, 'a.Paint']
    const writer = avroWriter(schema, references)
    expect(readX('string', schema, writer.write({ 'a.Paint': { x: 'RED' } }), references)).toBe('RED')
    expect(readX('string', schema, writer.write({ Other: { z: 1 } }), references)).toBeUndefined()
    expect(readX('string', schema, writer.write(null), references)).toBe('it is of type null, and no record')
    expect(readX('string', schema, Buffer.from([6]), references)).toBe('it chooses 3 of 3')
  })

  it('may hold itself, and have defaults that do not fit', () => {
    const schema = { type: 'record', name: 'Node', fields: [{ name: 'next', type: ['null', 'Node'], default: 'none' }, { name: 'x', type: 'int', default: 'x' }] }
    const writer = avroWriter({ ...schema, fields: [{ name: 'next', type: ['null', 'Node'] }, { name: 'x', type: 'int' }] })
    expect(readX('int32', schema, writer.write({ next: { Node: { next: null, x: 1 } }, x: 2 }))).toBe(2)
    // 300 of them, each begun and none ended.
    expect(readX('int32', schema, Buffer.alloc(300, 2))).toBe('it has more than 200 records within each other')
  })

  it.each([
    ['{', /^its schema cannot be read as Avro \(.*JSON.*\)$/],
    ['{"type":"record","name":"R","fields":[{"name":"x","type":"a.Missing"}]}', /^its schema cannot be read as Avro \(.*a\.Missing.*\)$/],
    ['"string"', /^its schema is of type string, and no record$/],
    ['["null","string"]', /^its schema is of type union:wrapped, and no record$/],
  ])('%s is none', (text, reason) => {
    expect(compileAvroBody({ kind: 'AVRO', text, references: [] }, sourceOf('int32'))).toMatch(reason)
  })

  it('is of the kind that the source declares', () => {
    expect(registeredFormats.compile({ kind: 'JSON', text: '{}', references: [] }, sourceOf('int32'))).toBe('its schema is of kind JSON, and AVRO is what the source declares')
    expect(typeof registeredFormats.compile({ kind: 'AVRO', text: JSON.stringify(recordSchema()), references: [] }, sourceOf('int32'))).toBe('function')
  })
})

describe('an Avro body that is none', () => {
  const writer = avroWriter(recordSchema(['x', 'long'], ['tags', { type: 'array', items: 'string' }], ['more', { type: 'map', values: ['null', 'double'] }], ['text', 'string'], ['nothing', { type: 'array', items: 'null' }]))
  const schema = JSON.parse(writer.schema.text) as object
  const body = writer.write({ x: 123_456_789_012n, tags: ['a', 'bc'], more: { k: { double: 0.5 } }, text: 'abc', nothing: [null, null] })

  it('ends too early, wherever it is cut', () => {
    expect(readX('int64', schema, body)).toBe(123_456_789_012)
    for (let length = 0; length < body.length; length++) expect(readX('int64', schema, body.subarray(0, length))).toBe('its body ends too early')
  })

  it('goes on behind its end', () => {
    expect(readX('int64', schema, Buffer.concat([body, Buffer.from([0, 0])]))).toBe('its body has 2 bytes more than its schema says')
  })

  it.each<[string, unknown, readonly number[], unknown]>([
    ['a count beyond its end', { type: 'array', items: 'int' }, [0xfe, 0xff, 0xff, 0xff, 0x01, 1, 2], 'its body ends too early'],
    ['a count of many that take no bytes', { type: 'array', items: 'null' }, [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0], []],
    ['blocks with their sizes', { type: 'array', items: 'int' }, [3, 4, 2, 4, 0], []],
    ['a size beyond its end', { type: 'array', items: 'int' }, [3, 6, 2, 4], 'its body ends too early'],
    ['a negative length', 'string', [1], 'a length of it is negative'],
    ['a length beyond what there is', 'string', [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], 'its body ends too early'],
    ['a long of 11 bytes', 'long', [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1], 'a long of it has more than 64 bits'],
    ['a long of 65 bits', 'long', [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 2], 'a long of it has more than 64 bits'],
    ['an int of 33 bits', 'int', [0x80, 0x80, 0x80, 0x80, 0x10], 'an int of it has more than 32 bits'],
    ['a boolean of another byte', 'boolean', [2], 'a boolean of it is neither 0 nor 1'],
    ['a text that is not UTF-8', 'string', [4, 0xc3, 0x28], 'a text of it is not UTF-8'],
    ['a symbol that there is not', { type: 'enum', name: 'E', symbols: ['A'] }, [2], 'it chooses 1 of 1'],
    ['a negative choice', ['null', 'int'], [1], 'it chooses -1 of 2'],
  ])('has %s', (_, type, bytes, found) => {
    expect(readX('string', recordSchema(['x', type]), Buffer.from(bytes))).toEqual(found)
  })

  it('whatever it is, is told without an exception, and soon', () => {
    const fields = ['x', 'a', 'b'].map((name, i) => [name, [['null', 'string', 'long', { type: 'array', items: { type: 'record', name: 'I', fields: [{ name: 'n', type: 'null' }] } }], { type: 'map', values: { type: 'array', items: 'bytes' } }, { type: 'array', items: ['double', 'boolean'] }][i]] as const)
    const read = compileAvroBody({ kind: 'AVRO', text: JSON.stringify(recordSchema(...fields)), references: [] }, sourceOf('string'))
    if (typeof read === 'string') throw new Error(read)
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const values = read(bytes, 0)
      expect(typeof values === 'string' || Array.isArray(values)).toBe(true)
    }), { numRuns: 2_000 })
  })
})
