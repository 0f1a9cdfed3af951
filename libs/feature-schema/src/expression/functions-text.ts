// Functions of strings. Places and lengths count code points; case is ASCII's alone, so that no engine's Unicode tables matter.

import type { ExpressionFunction } from './functions.ts'
import { addInt64, type Int, subtractInt64 } from './int64.ts'
import { overload } from './overload.ts'
import type { SqlNames } from './sql-text.ts'

const exact = { mayBeNull: false }
const partial = { mayBeNull: true }

/** Or a control character: what JavaScript's own case mapping is not asked about. */
const BEYOND_ASCII = /[^ -~]/
const UPPER = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'
const LOWER = 'abcdefghijklmnopqrstuvwxyz'
/** Space, tab, line feed, vertical tab, form feed, carriage return. */
const BLANKS = ' \t\n\v\f\r'
const TRIMMED = new RegExp(`^[${BLANKS}]+|[${BLANKS}]+$`, 'g')
/** No string is longer; beyond it DuckDB refuses a place. */
const PLACE_MAX = 2 ** 31 - 1

export const TEXT_FUNCTIONS: readonly ExpressionFunction[] = [
  {
    name: 'concat',
    alike: {
      argsMin: 2,
      argsMax: Infinity,
      types: ['string'],
      nullable: (args) => args.some((nullable) => nullable),
      evaluate: (args) => (args.includes(null) ? null : args.join('')),
      sql: (args) => `(${args.join(' || ')})`,
    },
  },
  {
    name: 'lower',
    overloads: [
      overload(
        ['string'],
        'string',
        exact,
        (x) => (BEYOND_ASCII.test(x) ? x.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()) : x.toLowerCase()),
        ([x]) => `translate(${x}, '${UPPER}', '${LOWER}')`,
      ),
    ],
  },
  {
    name: 'upper',
    overloads: [
      overload(
        ['string'],
        'string',
        exact,
        (x) => (BEYOND_ASCII.test(x) ? x.replace(/[a-z]+/g, (letters) => letters.toUpperCase()) : x.toUpperCase()),
        ([x]) => `translate(${x}, '${LOWER}', '${UPPER}')`,
      ),
    ],
  },
  {
    name: 'trim',
    overloads: [
      overload(
        ['string'],
        'string',
        exact,
        (x) => x.replace(TRIMMED, ''),
        ([x]) => `trim(${x}, '${BLANKS}')`,
      ),
    ],
  },
  {
    name: 'length',
    overloads: [
      overload(
        ['string'],
        'int32',
        exact,
        (x) => codePointCount(x),
        ([x]) => `length(${x})`,
      ),
    ],
  },
  {
    name: 'substring',
    overloads: [
      overload(
        ['string', 'int64'],
        'string',
        exact,
        (x, start) => codePoints(x, Math.max(clamp(start), 1), PLACE_MAX),
        ([x, start], names) => `substring(${x}, ${names.bind(start!, firstPlaceSql)})`,
      ),
      overload(
        ['string', 'int64', 'int64'],
        'string',
        exact,
        (x, start, count) => codePoints(x, Math.max(clamp(start), 1), countFrom1(start, count)),
        ([x, start, count], names) => substringSql(names, x!, start!, count!),
      ),
    ],
  },
  {
    name: 'startsWith',
    overloads: [
      overload(
        ['string', 'string'],
        'boolean',
        exact,
        (x, start) => x.startsWith(start),
        ([x, start]) => `starts_with(${x}, ${start})`,
      ),
    ],
  },
  {
    name: 'endsWith',
    overloads: [
      overload(
        ['string', 'string'],
        'boolean',
        exact,
        (x, end) => x.endsWith(end),
        ([x, end]) => `suffix(${x}, ${end})`,
      ),
    ],
  },
  {
    name: 'contains',
    overloads: [
      overload(
        ['string', 'string'],
        'boolean',
        exact,
        (x, part) => x.includes(part),
        ([x, part]) => `contains(${x}, ${part})`,
      ),
    ],
  },
  {
    name: 'replace',
    overloads: [
      overload(
        ['string', 'string', 'string'],
        'string',
        exact,
        (x, from, to) => (from === '' ? x : x.replaceAll(from, () => to)),
        ([x, from, to]) => `replace(${x}, ${from}, ${to})`,
      ),
    ],
  },
  {
    name: 'splitPart',
    overloads: [
      overload(['string', 'string', 'int64'], 'string', partial, splitPart, ([x, separator, place], names) =>
        splitPartSql(names, x!, separator!, place!),
      ),
    ],
  },
]

function codePointCount(text: string): number {
  let count = text.length
  for (let i = 0; i < text.length; i++) if (isHighSurrogate(text.charCodeAt(i))) count--
  return count
}

/** Of `count` code points from the place `start` on, those that there are; both clamped, and places begin at 1. */
function codePoints(text: string, start: number, count: number): string {
  if (start > text.length || count < 1) return ''
  const begin = unitsOf(text, 0, start - 1)
  return text.slice(begin, unitsOf(text, begin, Math.min(count, text.length)))
}

/** How many of `count` places from `start` on are places of a text. Clamped last: of two numbers far apart the sum may be near. */
function countFrom1(start: Int, count: Int): number {
  if (start >= 1 || count < 1) return clamp(count)
  return clamp(addInt64(subtractInt64(count, 1)!, start)!)
}

/** Where the UTF-16 units end of `count` code points that start at unit `begin`. */
function unitsOf(text: string, begin: number, count: number): number {
  let at = begin
  for (let i = 0; i < count && at < text.length; i++) at += isHighSurrogate(text.charCodeAt(at)) ? 2 : 1
  return at
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff
}

/** NULL where there is no such part, counted from 1. An empty separator separates nothing. */
function splitPart(text: string, separator: string, place: Int): string | null {
  const parts = separator === '' ? [text] : text.split(separator)
  return place >= 1 ? (parts[clamp(place) - 1] ?? null) : null
}

function splitPartSql(names: SqlNames, text: string, separator: string, place: string): string {
  return names.bind(text, (x) =>
    names.bind(separator, (s) =>
      names.bind(
        clampSql(names, place),
        (p) =>
          `(CASE WHEN ${p} >= 1 THEN list_extract(CASE WHEN ${s} = '' THEN [${x}] WHEN ${s} IS NOT NULL THEN string_split(${x}, ${s}) END, ${p}) END)`,
      ),
    ),
  )
}

function substringSql(names: SqlNames, text: string, start: string, count: string): string {
  return names.bind(start, (s) =>
    names.bind(count, (c) => {
      // No sum of a place below 1 and a count of 0 or more is beyond 64 bits.
      const length = `CASE WHEN ${c} < 1 THEN 0 WHEN ${s} < 1 THEN (${c} - 1) + ${s} ELSE ${c} END`
      return `substring(${text}, ${firstPlaceSql(s)}, ${names.bind(length, (l) => `(CASE WHEN ${l} > ${PLACE_MAX} THEN ${PLACE_MAX} WHEN ${l} < 0 THEN 0 ELSE ${l} END)`)})`
    }),
  )
}

function firstPlaceSql(place: string): string {
  return `(CASE WHEN ${place} < 1 THEN 1 WHEN ${place} > ${PLACE_MAX} THEN ${PLACE_MAX} ELSE ${place} END)`
}

function clamp(place: Int): number {
  return Number(place > PLACE_MAX ? PLACE_MAX : place < -PLACE_MAX ? -PLACE_MAX : place)
}

function clampSql(names: SqlNames, sql: string): string {
  if (/^\d{1,9}::BIGINT$/.test(sql)) return sql
  return names.bind(
    sql,
    (v) => `(CASE WHEN ${v} > ${PLACE_MAX} THEN ${PLACE_MAX} WHEN ${v} < -${PLACE_MAX} THEN -${PLACE_MAX} ELSE ${v} END)`,
  )
}
