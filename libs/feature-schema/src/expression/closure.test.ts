import { describe, expect, it } from '@jest/globals'
import type { Row, Value, ValueType } from '../value.ts'
import type { Scope } from './ast.ts'
import { checkExpression } from './check.ts'
import { compileExpression } from './closure.ts'

const INT64_MAX = 9_223_372_036_854_775_807n

const columns = {
  one: ['int32', 1],
  none: ['int32', null],
  big: ['int64', INT64_MAX],
  least64: ['int64', -INT64_MAX - 1n],
  half: ['double', 2.5],
  zero: ['double', 0],
  huge: ['double', 1e308],
  word: ['string', 'Straße 👍🏽'],
  empty: ['string', ''],
  nothing: ['string', null],
  noon: ['timestamp', Date.UTC(2001, 5, 30, 12)],
  yes: ['boolean', true],
  maybe: ['boolean', null],
} as const
const names = Object.keys(columns)
const row: Row = Object.values(columns).map(([, value]) => value)
const scope: Scope = new Map(Object.entries(columns).map(([name, [type]]) => [name, { type: type as ValueType, nullable: true }]))

function valueOf(text: string): Value {
  const result = checkExpression(text, scope)
  if (!result.ok) throw new Error(result.problems.map(({ message }) => message).join('\n'))
  return compileExpression(result.expression, (name) => names.indexOf(name))(row)
}

describe('compileExpression', () => {
  it.each<[string, Value]>([
    ['1 + 2 * 3', 7],
    ['(1 + 2) * 3', 9],
    ['10 - 2 - 3', 5],
    ['-2 * -3', 6],
    ['2 * 3 % 4', 2],
    ['1 + 1 = 2 and 3 > 2', true],
    ['true or false and false', true],
    ['not one = 2', true],
    ['not one = 1 or yes', true],
    ['not one in (2, 3) and yes', true],
    ['(not yes) = false', true],
    ['!yes = false', true],
    ['one not   in (1)', false],
    ['none is null', true],
    ['none IS NOT NULL', false],
    ['yes ? maybe ? 1 : 3 : 2', 3],
    ['false ? 1 : false ? 2 : 3', 3],
    ['true ? false ? 1 : 2 : 3', 2],
    ["'not   in' = 'not in'", false],
  ])('reads %s as it is written: %p', (text, value) => {
    expect(valueOf(text)).toBe(value)
  })

  it.each<[string, Value]>([
    ['maybe and false', false],
    ['maybe and true', null],
    ['false and maybe', false],
    ['maybe or true', true],
    ['maybe or false', null],
    ['not maybe', null],
    ['none = none', null],
    ['none in (1)', null],
    ['one in (2, null)', null],
    ['one in (1, null)', true],
    ['one in (none, 1)', true],
    ['one in (none, 2)', null],
    ['one not in (2, null)', null],
    ['maybe ? 1 : 2', 2],
    ['coalesce(none, null, 3)', 3],
    ['nullif(one, none)', 1],
    ['nullif(one, 1)', null],
    ['least(none, 2, 3)', 2],
    ['greatest(none, none)', null],
    ['concat(word, nothing)', null],
    ['isNull(none + 1)', true],
  ])('follows three-valued logic in %s: %p', (text, value) => {
    expect(valueOf(text)).toBe(value)
  })

  it.each<[string, Value]>([
    ['big + 1', null],
    ['big - 1', INT64_MAX - 1n],
    ['big - 9223372036854775000', 807],
    ['-least64', null],
    ['least64 % -1', 0],
    ['abs(least64)', null],
    ['9007199254740993 - 1', 9_007_199_254_740_992n],
    ['9007199254740993', 9_007_199_254_740_993n],
    ['9007199254740991 + 0', 9_007_199_254_740_991],
    ['3037000500 * 3037000500', null],
    ['3037000499 * 3037000499', 9_223_372_030_926_249_001n],
    ['-7 % 3', -1],
    ['7 % -3', 1],
    ['7 % 0', null],
    ['7 / 2', 3.5],
    ['1 / 0', null],
    ['0 / 0', null],
    ['huge * 10', null],
    ['huge * 10 * 0', null],
    ['1 / (huge * 10)', null],
    ['-7.5 % 2', -1.5],
    ['0 * -1', 0],
    ['zero * -1', 0],
    ['-zero', 0],
    ['-4 % 2', 0],
    ['round(-0.4)', 0],
    ['ceil(-0.5)', 0],
    ['0.1 + 0.2', 0.30000000000000004],
    ['9007199254740993 = 9007199254740992.0', true],
    ['int32(2147483647) + 1', 2_147_483_648],
    ['round(half)', 3],
    ['round(-2.5)', -3],
    ['round(0.49999999999999994)', 0],
    ['sqrt(-1)', null],
    ['ln(0)', null],
    ['pow(-8, 1/3.0)', null],
    ['pow(0, 0)', 1],
    ['exp(1000)', null],
    ['sign(-2.5)', -1],
  ])('computes %s: %p', (text, value) => {
    expect(valueOf(text)).toBe(value)
  })

  it.each<[string, Value]>([
    ["'b' > 'B'", true],
    ["'\u{1f44d}' > '\uff5e'", true],
    ["'é' = 'e\u0301'", false],
    ['upper(word)', 'STRAßE 👍🏽'],
    ["lower('İI')", 'İi'],
    ['length(word)', 9],
    ['substring(word, 8)', '👍🏽'],
    ['substring(word, 9, 1)', '🏽'],
    ["substring('abc', 0, 2)", 'a'],
    ["substring('abc', -1)", 'abc'],
    ["substring('abc', 2, -1)", ''],
    ["substring('abc', 2, 9223372036854775807)", 'bc'],
    ["trim(' \\t a b\u00a0')", 'a b\u00a0'],
    ["replace('aaa', 'aa', 'b')", 'ba'],
    ["replace('abc', '', 'x')", 'abc'],
    ["replace('a.c', '.', '$&')", 'a$&c'],
    ["splitPart('a,b,,c', ',', 3)", ''],
    ["splitPart('a,b', ',', 3)", null],
    ["splitPart('a,b', ',', 0)", null],
    ["splitPart('ab', '', 1)", 'ab'],
    ["contains(word, '')", true],
    ["endsWith(word, '👍🏽')", true],
    ["'it\\'s' = \"it's\"", true],
  ])('treats strings by code point in %s: %p', (text, value) => {
    expect(valueOf(text)).toBe(value)
  })

  it.each<[string, Value]>([
    ["int64('9223372036854775807')", INT64_MAX],
    ["int64(concat('9223372036854775808', empty))", null],
    ["int64(concat('+007', empty))", 7],
    ["int64(concat(' 7', empty))", null],
    ["int64(concat('0x10', empty))", null],
    ['int64(-2.7)', -2],
    ['int64(9223372036854775807.0 + zero)', null],
    ['int64(zero - 9223372036854775808.0)', -INT64_MAX - 1n],
    ['int32(big)', null],
    ['double(big)', 9_223_372_036_854_775_808],
    ["double(concat('1e400', empty))", null],
    ["double(concat('-0', empty))", 0],
    ["double(concat('Infinity', empty))", null],
    ["boolean(concat('TRUE', empty))", null],
    ['string(big)', '9223372036854775807'],
    ['string(yes)', 'true'],
    ['string(noon)', '2001-06-30T12:00:00.000Z'],
    ["timestamp('2001-06-30T14:00:00+02:00') = noon", true],
    ['timestamp(big)', null],
    ['noon - 43200000', Date.UTC(2001, 5, 30)],
    ['noon + big', null],
    ['noon - timestamp(0)', Date.UTC(2001, 5, 30, 12)],
  ])('casts %s: %p', (text, value) => {
    expect(valueOf(text)).toBe(value)
  })

  it.each<[string, Value]>([
    ['hour(noon)', 12],
    ["hour(noon, 'America/Chicago')", 7],
    ["hour(noon, '+05:30')", 17],
    ['dayOfWeek(noon)', 6],
    ['dayOfYear(noon)', 181],
    ["week(timestamp('2001-01-01'))", 1],
    ["week(timestamp('2000-01-02'))", 52],
    ["week(timestamp('2020-12-31'))", 53],
    ["year(timestamp('1969-12-31T23:59:59.999Z'))", 1969],
    ["string(startOf(noon, 'week'))", '2001-06-25T00:00:00.000Z'],
    ["string(startOf(noon, 'month', 'America/Chicago'))", '2001-06-01T05:00:00.000Z'],
    ["startOf(timestamp('1678-01-01'), 'year', 'Asia/Tokyo')", null],
  ])('reads clocks and calendars in %s: %p', (text, value) => {
    expect(valueOf(text)).toBe(value)
  })

  it('measures distances as the law of cosines does, and to the other side of the Earth too', () => {
    const radians = Math.PI / 180
    const [ohare, losAngeles] = [41.978 * radians, 33.942 * radians]
    const angle = Math.acos(Math.sin(ohare) * Math.sin(losAngeles) + Math.cos(ohare) * Math.cos(losAngeles) * Math.cos(30.504 * radians))
    expect(valueOf('haversine(41.978, -87.904, 33.942, -118.408)')).toBeCloseTo(angle * 6_371_008.8, 3)
    expect(valueOf('haversine(30.0, 10.0, -30.0, -170.0)')).toBeCloseTo(Math.PI * 6_371_008.8, 6)
    expect(valueOf('haversine(10.0, 20.0, 10.0, 20.0)')).toBe(0)
    expect(valueOf('haversine(91.0, 0.0, 0.0, 0.0)')).toBeNull()
  })
})
