import { describe, expect, it } from '@jest/globals'
import { boolean, double, eventSource, int32, int64, string, timestamp } from '@tidemark/feature-schema/dsl'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import type { WriterSchema } from '@tidemark/ports/record-formats'
import fc from 'fast-check'
import protobuf from 'protobufjs'
import { compileProtobufBody } from './protobuf-body.ts'
import { protobufWriter } from './testing/protobuf-writer.ts'

const TYPES = { boolean, int32, int64, double, string, timestamp }
type TypeName = keyof typeof TYPES

/** Fields `x` and `y` of a type. */
const sourceOf = (type: TypeName): SourceDefinition =>
  eventSource('s', { fields: { x: TYPES[type]() as never, y: TYPES[type]() as never }, eventTime: 'x' as never, format: 'protobuf' }).definition

/** What fields `x` and `y` are given, or why nothing is. */
function readBody(target: TypeName, schema: WriterSchema | string, body: Uint8Array | readonly number[]): unknown {
  const read = compileProtobufBody(typeof schema === 'string' ? { kind: 'PROTOBUF', text: schema, references: [] } : schema, sourceOf(target))
  if (typeof read === 'string') return read
  const values = read(Buffer.concat([Buffer.alloc(5), Buffer.from(body)]), 5)
  return typeof values === 'string' ? values : [...values]
}

const HEAD = 'syntax = "proto3"; package a.b; import "google/protobuf/timestamp.proto"; import "google/protobuf/wrappers.proto"; import "confluent/type/decimal.proto"; '
const DECIMAL = { name: 'confluent/type/decimal.proto', text: 'syntax = "proto3"; package confluent.type; message Decimal { bytes value = 1; uint32 precision = 2; int32 scale = 3; }' }

/** Of a message that has a field `x` as it is declared. */
function throughProtobuf(target: TypeName, declared: string, value: unknown): unknown {
  const text = `${HEAD} enum Color { NONE = 0; RED = 1; } message Event { string before = 1; ${declared}; repeated int64 after = 3; } message Other { string z = 1; }`
  const writer = protobufWriter(text, 'a.b.Event', { references: [DECIMAL] })
  return (readBody(target, writer.schema, writer.write({ before: 'ż', ...(value !== undefined && { x: value }), after: [1, 2, 3] })) as unknown[])[0]
}

describe('a value in Protobuf', () => {
  it.each<[TypeName, string, unknown, unknown]>([
    ['boolean', 'bool x = 2', true, true],
    ['boolean', 'bool x = 2', undefined, false],
    ['int32', 'int32 x = 2', -2_147_483_648, -2_147_483_648],
    ['int32', 'sint32 x = 2', -5, -5],
    ['int32', 'sfixed32 x = 2', -5, -5],
    ['int64', 'uint32 x = 2', 4_294_967_295, 4_294_967_295],
    ['int64', 'fixed32 x = 2', 4_294_967_295, 4_294_967_295],
    ['int64', 'int64 x = 2', '9007199254740991', 9_007_199_254_740_991],
    ['int64', 'int64 x = 2', '-9007199254740991', -9_007_199_254_740_991],
    ['int64', 'int64 x = 2', '-9007199254740992', -9_007_199_254_740_992n],
    ['int64', 'sint64 x = 2', '-9223372036854775808', -9_223_372_036_854_775_808n],
    ['int64', 'sfixed64 x = 2', '-1', -1],
    ['int64', 'uint64 x = 2', '18446744073709551615', 18_446_744_073_709_551_615n],
    ['int64', 'fixed64 x = 2', '9007199254740993', 9_007_199_254_740_993n],
    ['int64', 'int64 x = 2', undefined, 0],
    ['double', 'float x = 2', 0.1, 0.10000000149011612],
    ['double', 'double x = 2', 0.1, 0.1],
    ['double', 'double x = 2', undefined, 0],
    ['string', 'string x = 2', 'żółw\u0000\ufffd🐢', 'żółw\u0000\ufffd🐢'],
    ['string', 'string x = 2', undefined, ''],
    ['string', 'optional string x = 2', undefined, undefined],
    ['string', 'optional string x = 2', '', ''],
    ['int32', 'optional int32 x = 2', 0, 0],
    ['string', 'oneof o { string x = 2; int32 z = 4; }', undefined, undefined],
    ['string', 'Color x = 2', 'RED', 'RED'],
    ['string', 'Color x = 2', undefined, 'NONE'],
    ['string', 'optional Color x = 2', undefined, undefined],
    ['string', 'Color x = 2', 7, 7],
    ['string', 'bytes x = 2', Buffer.from('ab'), Buffer.from('ab')],
    ['string', 'bytes x = 2', undefined, Buffer.alloc(0)],
    ['string', 'repeated string x = 2', ['a'], []],
    ['string', 'repeated int32 x = 2 [packed = false]', [1, 2], []],
    ['string', 'repeated string x = 2', [], undefined],
    ['string', 'map<string, int32> x = 2', { a: 1 }, {}],
    ['string', 'Other x = 2', { z: 'a' }, {}],
    ['string', 'Other x = 2', undefined, undefined],
    ['timestamp', 'int64 x = 2', '1700000000123', 1_700_000_000_123],
    ['timestamp', 'string x = 2', '2001-06-30', '2001-06-30'],
    ['timestamp', 'google.protobuf.Timestamp x = 2', { seconds: 1_700_000_000, nanos: 123_999_999 }, 1_700_000_000_123],
    ['timestamp', 'google.protobuf.Timestamp x = 2', { seconds: -1, nanos: 999_999_999 }, -1],
    ['timestamp', 'google.protobuf.Timestamp x = 2', {}, 0],
    ['timestamp', 'google.protobuf.Timestamp x = 2', undefined, undefined],
    ['int64', 'google.protobuf.Timestamp x = 2', { seconds: 1 }, {}],
    ['int64', 'google.protobuf.Int64Value x = 2', { value: '9007199254740993' }, 9_007_199_254_740_993n],
    ['int64', 'google.protobuf.Int64Value x = 2', {}, 0],
    ['int64', 'google.protobuf.Int64Value x = 2', undefined, undefined],
    ['string', 'google.protobuf.StringValue x = 2', { value: 'ż' }, 'ż'],
    ['boolean', 'google.protobuf.BoolValue x = 2', {}, false],
    ['double', 'confluent.type.Decimal x = 2', { value: Buffer.from([0xfb, 0x2e]), scale: 2 }, -12.34],
    ['int64', 'confluent.type.Decimal x = 2', { value: Buffer.from([5]) }, 5],
  ])('for a field of type %s, %s: %p is %p', (target, declared, written, read) => {
    expect(throughProtobuf(target, declared, written)).toEqual(read)
  })

  it('is not there where the schema has no such field', () => {
    expect(throughProtobuf('int32', 'int32 w = 2', undefined)).toBeUndefined()
  })

  it('of proto2 is not there, or what is declared for then', () => {
    const text = 'syntax = "proto2"; enum E { A = 5; B = 7; } message M { optional int32 x = 1; optional E y = 2; }'
    expect(readBody('string', text, [0])).toEqual([undefined, undefined])
    expect(readBody('string', text.replace('x = 1', 'x = 1 [default = 5]').replace('y = 2', 'y = 2 [default = B]'), [0])).toEqual([5, 'B'])
    // Enums of proto2 are closed: a number without a name is as if it were not there.
    expect(readBody('string', text, [0, 0x10, 5])).toEqual([undefined, 'A'])
    expect(readBody('string', text, [0, 0x10, 6])).toEqual([undefined, undefined])
  })

  it('of an edition follows its features', () => {
    const text = 'edition = "2023"; message M { int32 x = 1; int32 y = 2 [features.field_presence = IMPLICIT]; }'
    expect(readBody('int32', text, [0])).toEqual([undefined, 0])
  })

  it('counts as it comes last; of a oneof, it is there alone', () => {
    const text = 'syntax = "proto3"; message M { oneof o { int32 x = 1; int32 y = 2; int32 z = 3; } }'
    expect(readBody('int32', text, [0, 0x08, 1, 0x08, 2])).toEqual([2, undefined])
    expect(readBody('int32', text, [0, 0x08, 1, 0x10, 2])).toEqual([undefined, 2])
    expect(readBody('int32', text, [0, 0x08, 1, 0x18, 2])).toEqual([undefined, undefined])
  })

  it('in another encoding than its field\'s is unknown', () => {
    const text = 'syntax = "proto3"; message M { optional int32 x = 1; optional string y = 2; }'
    expect(readBody('string', text, [0, 0x0d, 1, 2, 3, 4, 0x10, 5, 0x13, 0x08, 1, 0x14])).toEqual([undefined, undefined])
  })
})

describe('a Protobuf schema', () => {
  const inner = 'message Third { map<string, int32> m = 1; enum E { A = 0; } message Deep { int32 x = 1; } message Deeper { optional int32 y = 1; message Deepest { int32 x = 3; } } }'
  const text = `syntax = "proto3"; package a; import "refs.proto"; enum First { A = 0; } message Second { Common x = 1; missing.Type z = 9; } ${inner}`
  const references = [{ name: 'refs.proto', text: 'syntax = "proto3"; package a; message Common { int32 x = 1; } message Other {}' }]
  const schema = { kind: 'PROTOBUF', text, references }

  it.each<[readonly number[], readonly number[], unknown]>([
    [[0], [0x0a, 2, 0x08, 5], [{}, undefined]],
    [[2, 0], [0x0a, 2, 0x08, 5], [{}, undefined]],
    [[2, 2], [], [undefined, undefined]],
    [[4, 2, 0], [0x08, 5], [5, undefined]],
    [[4, 2, 2], [0x08, 5], [undefined, 5]],
    [[6, 2, 2, 0], [0x18, 5], [5, undefined]],
    [[2, 4], [], 'its schema has no message at 2'],
    [[4, 2, 8], [], 'its schema has no message at 1.4'],
    [[34], [], 'it chooses 17 of 17'],
    [[1], [], 'it chooses -1 of 17'],
    [[2], [], 'its body ends too early'],
    [[], [], 'its body ends too early'],
  ])('says by the place %j which message it is', (indexes, message, found) => {
    expect(readBody('int32', schema, [...indexes, ...message])).toEqual(found)
  })

  it('is none where a type is missing of a field that is read', () => {
    expect(readBody('int32', 'syntax = "proto3"; message M { a.Missing x = 1; }', [0])).toMatch(/^its schema cannot be read as Protobuf \(.*a\.Missing.*\)$/)
    expect(readBody('int32', 'syntax = "proto3"; message {', [0])).toMatch(/^its schema cannot be read as Protobuf \(.*\)$/)
  })
})

describe('a Protobuf body that is none', () => {
  const text = 'syntax = "proto3"; import "google/protobuf/timestamp.proto"; message M { string x = 1; google.protobuf.Timestamp y = 2; int64 z = 3; }'

  it('ends too early, wherever it is cut within a field', () => {
    const body = protobufWriter(text, 'M').write({ x: 'abcdef', y: { seconds: 1_700_000_000 }, z: '1234567890123' })
    const whole = [1, 9, 17]
    for (let length = 1; length < body.length; length++) {
      if (!whole.includes(length)) expect(readBody('string', text, body.subarray(0, length))).toMatch(/^its body (ends too early|is no message of its schema \(.*\))$/)
    }
  })

  it('has a text that is not UTF-8, a message that ends beyond its length, groups that do not end', () => {
    expect(readBody('string', text, [0, 0x0a, 2, 0xc3, 0x28])).toBe('a text of it is not UTF-8')
    expect(readBody('timestamp', text, [0, 0x12, 2, 0x08, 0x80, 1])).toBe('a message of it ends beyond its length')
    expect(readBody('string', text, [0, 0x2b, 0x2b, 0x2b])).toMatch(/^its body is no message of its schema/)
    expect(readBody('string', text, [0, ...Array.from({ length: 1_000 }, () => 0x2b)])).toMatch(/^its body is no message of its schema \(max depth exceeded\)$/)
  })

  it('whatever it is, is told without an exception', () => {
    const read = compileProtobufBody({ kind: 'PROTOBUF', text, references: [] }, sourceOf('timestamp'))
    if (typeof read === 'string') throw new Error(read)
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const values = read(Buffer.from(bytes), 0)
      expect(typeof values === 'string' || Array.isArray(values)).toBe(true)
    }), { numRuns: 2_000 })
  })

  it('is read as protobufjs reads all of it', () => {
    const source = sourceOf('int64')
    const scalars = 'syntax = "proto3"; message M { sint64 x = 1; optional fixed64 y = 2; string z = 3; repeated int32 r = 4; map<int32, string> m = 5; }'
    const type = protobuf.parse(scalars, { keepCase: true }).root.lookupType('M')
    const read = compileProtobufBody({ kind: 'PROTOBUF', text: scalars, references: [] }, source)
    if (typeof read === 'string') throw new Error(read)
    const bigints = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
    fc.assert(fc.property(fc.record({ x: bigints, y: fc.option(bigints.map((n) => BigInt.asUintN(64, n)), { nil: undefined }), z: fc.string(), r: fc.array(fc.integer()) }), (event) => {
      const body = type.encode(type.fromObject({ ...event, x: String(event.x), y: event.y === undefined ? undefined : String(event.y), m: { 1: event.z } })).finish()
      const values = read(Buffer.concat([Buffer.from([0]), body]), 0)
      if (typeof values === 'string') throw new Error(values)
      expect(values.map((value) => (value === undefined ? value : BigInt(value as number)))).toEqual([event.x, event.y])
    }), { numRuns: 300 })
  })
})
