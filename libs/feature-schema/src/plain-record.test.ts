// Law 1: what is read without JSON.parse is what JSON.parse reads.

import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { compilePlainReader } from './plain-record.ts'

// Among them names that every object inherits, and one that is the beginning of another.
const names = ['at', 'amount', 'a', 'card holder', 'constructor', '__proto__']
const read = compilePlainReader(names)

/** The values that JSON.parse gives the names, or what it throws. */
function parsed(text: string): readonly unknown[] | string {
  try {
    const record = JSON.parse(text) as Readonly<Record<string, unknown>>
    return names.map((name) => record[name])
  } catch (error) {
    return String(error)
  }
}

/** What is wrong with how a record is read; null: nothing. */
function wrongIn(bytes: Uint8Array): string | null {
  const values = read(bytes)
  if (values === null) return null
  const expected = parsed(Buffer.from(bytes).toString())
  if (typeof expected === 'string') return `${JSON.stringify(values)}, where JSON.parse throws ${expected}`
  return expected.every((value, i) => Object.is(value, values[i])) ? null : `${JSON.stringify(values)}, expected ${JSON.stringify(expected)}`
}

const digits = (maxLength: number): fc.Arbitrary<string> => fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength }).map((each) => each.join(''))
const decimal = fc.tuple(fc.constantFrom('', '-'), digits(17), fc.option(digits(17), { nil: null }), fc.constantFrom('', '', '', 'e2', 'E-3')).map(([sign, whole, fraction, power]) => (
  `${sign}${whole}${fraction === null ? '' : `.${fraction}`}${power}`
))
const value = fc.oneof(
  decimal, fc.double().map((number) => JSON.stringify(number)), fc.integer().map(String), fc.constantFrom('true', 'false', 'null', '[]', '{}', '{"a":1}', '""', 'nul', '-', '1.', '.5', '01', '+1'),
  fc.string().map((text) => JSON.stringify(text)), fc.string({ unit: 'grapheme' }).map((text) => JSON.stringify(text)), fc.string().map((text) => `"${text}"`),
)
const space = fc.constantFrom('', '', '', '', ' ', '  ', '\n')
const member = fc.tuple(fc.oneof(fc.constantFrom(...names), fc.constantFrom('b', 'amoun', 'amounts', '', 'ü'), fc.string()), value, space, space, space)
  .map(([name, text, ...[before, between, after]]) => `${before}"${name}"${between}:${after}${text}`)
const record = fc.tuple(fc.array(member, { maxLength: 7 }), space, space).map(([members, before, after]) => `${before}{${members.join(',')}}${after}`)

describe('a plain reader', () => {
  it('law 1: reads what JSON.parse reads, or leaves it', () => {
    fc.assert(fc.property(record, (text) => expect(wrongIn(Buffer.from(text))).toBeNull()), { numRuns: 2_000 })
  })

  it('law 1: leaves what was damaged, where JSON.parse does not read it otherwise', () => {
    const plain = fc.record({ at: fc.integer(), amount: fc.integer({ min: -1e9, max: 1e9 }).map((cents) => cents / 100), a: fc.constantFrom('x', 'some text', null, true), b: fc.integer() }).map((one) => JSON.stringify(one))
    const damage = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }), fc.constantFrom('set', 'insert', 'remove', 'cut'))
    fc.assert(fc.property(plain, damage, (text, [place, byte, kind]) => {
      const bytes = [...Buffer.from(text)]
      const at = place % bytes.length
      if (kind === 'cut') bytes.length = at
      else bytes.splice(at, kind === 'insert' ? 0 : 1, ...(kind === 'remove' ? [] : [byte]))
      expect(wrongIn(Uint8Array.from(bytes))).toBeNull()
    }), { numRuns: 2_000 })
  })

  it.each([
    ['{"at":1795706226945,"amount":472.11,"a":"merchant-2315"}', [1_795_706_226_945, 472.11, 'merchant-2315']],
    ['{"a": "x", "amount": -0.0, "other": [], "at": 1}', null],
    ['{"a": "x", "amount": -0.0, "other": true, "at": 1}', [1, -0, 'x']],
    ['{"at":1,"at":null,"amount":false}', [null, false, undefined]],
    ['{"at":123456789.012345,"amount":0.00000000000001,"a":""}', [123_456_789.012_345, 1e-14, '']],
    ['{"at":1234567890.123456}', null],
    ['{"at":1e3}', null],
    ['{"at":"\\u0041"}', null],
    ['{"at":"ä"}', null],
    [`{"at":"${'x'.repeat(2_000)}"}`, null],
  ])('of %s', (text, expected) => {
    expect(read(Buffer.from(text))?.slice(0, 3) ?? null).toEqual(expected)
  })

  it('leaves everything to JSON.parse where a name could not stand in a record as it is', () => {
    for (const name of ['a"b', 'ü', 'a\\b', 'Ã¼']) expect(compilePlainReader([name])(Buffer.from(`{"${name}":1}`))).toBeNull()
  })
})
