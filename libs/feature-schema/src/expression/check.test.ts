import { describe, expect, it } from '@jest/globals'
import type { ValueType } from '../value.ts'
import type { Scope } from './ast.ts'
import { checkExpression } from './check.ts'
import { EXPRESSION_DEPTH_MAX, EXPRESSION_LENGTH_MAX } from './scan.ts'

const scope: Scope = new Map(
  Object.entries({ delay: 'int32', distance: 'int64', fare: 'double', origin: 'string', date: 'timestamp', late: 'boolean' }).map(
    ([name, type]) => [name, { type: type as ValueType, nullable: name === 'delay' }],
  ),
)

/** `where: message action` of each problem. */
function problemsOf(text: string, expected?: ValueType): string[] {
  const result = checkExpression(text, scope, expected)
  return result.ok ? [] : result.problems.map(({ where, message, action }) => `${where}: ${message} ${action}`)
}

function typeOf(text: string, expected?: ValueType): string {
  const result = checkExpression(text, scope, expected)
  if (!result.ok) throw new Error(problemsOf(text, expected).join('\n'))
  return `${result.expression.type}${result.expression.nullable ? '?' : ''}`
}

describe('mistakes of syntax', () => {
  it.each([
    ['', 'character 1: The expression is empty. Write one, for example distance > 0.'],
    ['delay >', 'character 8: The expression ends after ">". Write the value that is missing.'],
    ['(delay > 0', 'character 1: The bracket "(" is never closed. Close it with ")".'],
    ['delay > 0)', 'character 10: ")" closes nothing. Remove it, or open the bracket before it.'],
    ['[delay)', 'character 7: ")" closes nothing. Remove it, or open the bracket before it.'],
    ['delay 5', 'character 7: An operator or a comma is missing before "5". Write one.'],
    ['abs(delay 5)', 'character 11: An operator or a comma is missing before "5". Write one.'],
    ['abs(, delay)', 'character 5: A value is missing before ",". Write one, or remove ",".'],
    ['delay, 5', 'character 6: A comma stands only between the arguments of a function or the values of a list. Remove it.'],
    ['delay; 5', 'character 6: An expression is one value; ";" has no meaning. Remove it.'],
    ["origin = 'ORD", `character 10: The string that starts here has no end. Close it with '.`],
    [
      "origin = 'O''Hare'",
      "character 13: An operator or a comma is missing before the string. Write one; a quote inside a string is written \\'.",
    ],
    [
      "origin = '\\d'",
      'character 11: A backslash in a string starts \\n, \\r, \\t, \\b, \\f, \\v, \\\\, \\\' or \\", and nothing else. Write \\\\ for a backslash.',
    ],
    ['late ? 1', 'character 6: This "?" has no ":". Write test ? value : otherwise.'],
    ['late : 1', 'character 6: There is no "?" for this ":". Write test ? value : otherwise.'],
    ['late & late', 'character 6: "&" is no operator. Write "and" or "or".'],
    ['delay ^ 2', 'character 7: "^" is no operator. Write pow(x, y).'],
    ['delay not 5', 'character 11: After a value, "not" is followed by "in". Write x not in (…), or "and not".'],
    ['delay not', 'character 10: The expression ends after "not". Write the value that is missing.'],
    ['fare * .5', 'character 8: A "." stands only inside a number, after a digit. Write 0.5; columns have no members.'],
    ['delay in 5', 'character 10: "in" is followed by a list. Write x in (1, 2, 3).'],
    ['delay in (1, 2,)', 'character 16: A value is missing before ")". Write one, or remove ")".'],
    ['[1, 2]', 'character 1: A list stands only after "in". Write x in (1, 2, 3).'],
    ['delay is 5', 'character 10: "is" is followed by null or not null. Compare with "=" instead.'],
    ['delay == = 5', 'character 10: A value is missing before "=". Write one, or remove "=".'],
    ["origin = 'a\0'", 'character 10: The string has a NUL character or half of a surrogate pair. Remove it.'],
    ['€', 'character 1: "€" has no meaning here. Remove it, or put text between quotes.'],
  ])('%j', (text, problem) => {
    expect(problemsOf(text)).toEqual([problem])
  })

  it('are told for every text that is cut anywhere, and never thrown', () => {
    const text = "not (late) and delay in (1, -2, null) ? concat(origin, 'x\\'y') : origin is not null ? \"a\" : substring(origin, 1)"
    for (let end = 0; end <= text.length; end++) expect(() => checkExpression(text.slice(0, end), scope)).not.toThrow()
    for (let start = 0; start <= text.length; start++) expect(() => checkExpression(text.slice(start), scope)).not.toThrow()
  })
})

describe('limits', () => {
  const deep = `character \\d+: The expression nests more than ${EXPRESSION_DEPTH_MAX} deep`
  it.each([
    ['brackets', `${'('.repeat(4000)}1${')'.repeat(4000)}`],
    ['signs', `${'-'.repeat(4000)}1`],
    ['words', `${'not '.repeat(2000)}late`],
    ['a chain', Array(2000).fill('1').join('+')],
    ['a chain of branches', `${'late?1:'.repeat(1000)}0`],
    ['branches in branches', `${'late?'.repeat(1000)}1${':0'.repeat(1000)}`],
    ['calls', `${'abs('.repeat(1900)}1${')'.repeat(1900)}`],
  ])('refuse nesting by %s, without a stack overflow', (_, text) => {
    expect(problemsOf(text)).toEqual([expect.stringMatching(deep)])
  })

  it('admit the deepest nesting', () => {
    expect(
      problemsOf(
        Array(EXPRESSION_DEPTH_MAX + 1)
          .fill('1')
          .join('+'),
      ),
    ).toEqual([])
    expect(problemsOf(`${'('.repeat(EXPRESSION_DEPTH_MAX)}1${')'.repeat(EXPRESSION_DEPTH_MAX)}`)).toEqual([])
  })

  it('refuse a longer text than the longest', () => {
    expect(problemsOf(`'${'x'.repeat(EXPRESSION_LENGTH_MAX - 2)}'`)).toEqual([])
    expect(problemsOf(`'${'x'.repeat(EXPRESSION_LENGTH_MAX)}'`)).toEqual([
      'character 10001: The expression has 10002 characters, more than 10000. Split it into derived columns.',
    ])
  })
})

describe('mistakes of meaning', () => {
  it.each([
    ['dealy > 5', 'character 1: There is no column dealy. Did you mean delay?'],
    ['tailwind > 5', 'character 1: There is no column tailwind. The columns are delay, distance, fare, origin, date, late.'],
    ['substr(origin, 1) = 1', 'character 1: There is no function substr. docs/expressions.md lists the functions.'],
    ['lenght(origin) > 1', 'character 1: There is no function lenght. Did you mean length?'],
    ['length > 1', 'character 1: length is a function, and there is no column of that name. Write length(…).'],
    ['this > 1', 'character 1: There is no column this. The columns are delay, distance, fare, origin, date, late.'],
    [
      "origin + 'x'",
      'character 1: "+" takes numbers, not a string and a string. Join strings by concat(a, b); read a number by int64(x) or double(x).',
    ],
    ["origin || 'x' = 'ORDx'", 'character 1: "or" takes true or false, not a string. Compare it; strings are joined by concat(a, b).'],
    ['delay and late', 'character 1: "and" takes true or false, not an int32. Compare it, for example x > 0.'],
    ['not delay', 'character 1: "not" takes true or false, not an int32. Compare it, for example x > 0.'],
    ['delay ? 1 : 2', 'character 1: "?" takes true or false, not an int32. Compare it, for example x > 0.'],
    ["late ? 1 : 'x'", 'character 1: "? :" takes values of one type, not an int32 and a string. Cast with int32(…).'],
    ["delay = '5'", 'character 1: "==" takes values of one type, not an int32 and a string. Cast with int32(…).'],
    [
      "date > '2001-01-01'",
      'character 1: ">" takes values of one type, not a timestamp and a string. Write timestamp(\'2001-06-30T12:00:00Z\').',
    ],
    ["origin in ('ORD', 5)", 'character 1: "in" takes values of one type, not a string and an int32. Cast with string(…).'],
    ['late > fare', 'character 1: ">" takes values of one type, not a boolean and a double. Cast with double(…).'],
    ['delay = null', 'character 1: "==" with NULL is always NULL. Write x is null, or isNull(x).'],
    ['delay + null', 'character 1: "+" with NULL is always NULL. Write x is null, or isNull(x).'],
    ['-origin', 'character 1: "-" takes a number, not a string. Remove it, or cast what follows.'],
    ['date + fare', 'character 1: "+" takes numbers, not a timestamp and a double. Cast the operands to numbers.'],
    ['string(fare)', 'character 1: a double cannot become a string. Cast a rounded number: string(int64(round(x * 100))).'],
    ['timestamp(late)', 'character 1: a boolean cannot become a timestamp. A value of this type can become: int32, int64, double, string.'],
    [
      "timestamp('2001-02-30')",
      "character 1: '2001-02-30' is not a timestamp. Write it like '2001-06-30' or '2001-06-30T23:59:59Z', of the years 1678 to 2261.",
    ],
    ["int32('5x')", "character 1: '5x' is not an int32. Write another value."],
    ['int32(1, 2)', 'character 1: int32 takes one argument, not 2. Write int32(x).'],
    ['isNull()', 'character 1: isNull takes one argument, not 0. Write isNull(x).'],
    ['concat(origin)', 'character 1: concat takes 2 or more arguments, not 1. Write concat(x, y, …).'],
    ['nullif(origin)', 'character 1: nullif takes 2 arguments, not 1. Write nullif(x, y).'],
    ['concat(origin, delay)', 'character 1: concat does not take a string and an int32. Cast with string(…).'],
    ['coalesce(null, null)', 'character 1: coalesce of nothing but NULL has no type. Give one argument a type, for example int64(null).'],
    [
      'substring(origin)',
      'character 1: substring does not take (string). Write substring(string, int64) or substring(string, int64, int64).',
    ],
    ["hour(date, 'America/Chicgo')", "character 12: There is no time zone 'America/Chicgo'. Did you mean 'America/Chicago'?"],
    ['hour(date, origin)', "character 12: The time zone is not a string between quotes. Write it as 'America/Chicago'."],
    ["startOf(date, 'days')", "character 15: There is no unit of time 'days'. Did you mean 'day'?"],
    [
      "startOf(date, 'fortnight')",
      "character 15: There is no unit of time 'fortnight'. The units are year, month, week, day, hour, minute, second.",
    ],
    ['9223372036854775808', 'character 1: The integer does not fit in 64 bits. Write it as a double, for example 1e20.'],
    ['1e999', 'character 1: The number is larger than a double can hold. Write one below 1.8e308.'],
    ['null', 'character 1: NULL alone has no type. Give it one, for example int64(null).'],
  ])('%s', (text, problem) => {
    expect(problemsOf(text)).toEqual([problem])
  })

  it('are told all at once, in their order', () => {
    expect(problemsOf("dealy > 5 and lenght(origin) = 2 or late = 'x'").map((problem) => problem.split(':')[0])).toEqual([
      'character 1',
      'character 15',
      'character 37',
    ])
  })

  it('have the code of expressions', () => {
    const result = checkExpression('1 +', scope)
    expect(result.ok ? [] : result.problems.map(({ code }) => code)).toEqual(['EXPRESSION_INVALID'])
  })

  it('say how to become the type that is expected', () => {
    expect(problemsOf('fare', 'int64')).toEqual([
      'character 1: The expression gives a double, and an int64 is expected. Write int64(…) around it.',
    ])
    expect(problemsOf('origin', 'boolean')).toEqual([
      'character 1: The expression gives a string, and a boolean is expected. Write boolean(…) around it.',
    ])
    expect(problemsOf('date', 'double')).toEqual([
      'character 1: The expression gives a timestamp, and a double is expected. Write an expression that gives a double.',
    ])
  })
})

describe('types', () => {
  it.each([
    ['1', 'int32'],
    ['2147483648', 'int64'],
    ['-2147483648', 'int32'],
    ['-9223372036854775808', 'int64'],
    ['1.0', 'double'],
    ['delay', 'int32?'],
    ['1 + 2', 'int64'],
    ['distance + 1', 'int64?'],
    ['distance / 2', 'double?'],
    ['fare * 1', 'double?'],
    ['-fare', 'double'],
    ['-distance', 'int64?'],
    ['date - date', 'int64'],
    ['date + 1', 'timestamp?'],
    ['delay > 15 ? 1 : 0', 'int32'],
    ['late ? 1 : 2.5', 'double'],
    ['late ? null : 1', 'int32?'],
    ['delay > 1', 'boolean?'],
    ['delay is null', 'boolean'],
    ['origin in (null)', 'boolean?'],
    ['coalesce(delay, 0)', 'int32'],
    ['coalesce(delay, distance)', 'int64'],
    ['least(delay, fare)', 'double'],
    ['nullif(distance, 0)', 'int64?'],
    ["hour(date, 'Europe/Berlin')", 'int32'],
    ["timestamp('2001-01-01')", 'timestamp'],
    ['int32(fare)', 'int32?'],
    ['int64(late)', 'int64'],
    ['floor(fare)', 'double'],
    ['floor(delay)', 'int32?'],
    ['isNull(null)', 'boolean'],
  ])('%s: %s', (text, type) => {
    expect(typeOf(text)).toBe(type)
  })

  it('fit what is expected, where nothing is lost', () => {
    expect(typeOf('delay > 15 ? 1 : 0', 'double')).toBe('double')
    expect(typeOf('1 + 1', 'int32')).toBe('int32?')
    expect(typeOf('null', 'string')).toBe('string?')
  })
})
