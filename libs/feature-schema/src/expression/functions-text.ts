// Functions of strings. Places and lengths count code points; case is ASCII's alone, so that no engine's Unicode tables matter.

import type { ExpressionFunction } from './functions.ts'
import type { Int } from './int64.ts'
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
        (x, start) => codePoints(x, clamp(start), PLACE_MAX),
        ([x, start], names) => substringSql(names, x!, start!, `${PLACE_MAX}::BIGINT`),
      ),
      overload(
        ['string', 'int64', 'int64'],
        'string',
        exact,
        (x, start, count) => codePoints(x, clamp(start), clamp(count)),
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

/** The code points at places `start` to `start + count - 1`, counted from 1, as far as there are any. */
function codePoints(text: string, start: number, count: number): string {
  const from = Math.max(start, 1) - 1
  const to = Math.max(start + count - 1, from)
  if (from >= text.length) return ''
  const begin = unitsOf(text, 0, from)
  return text.slice(begin, unitsOf(text, begin, Math.min(to - from, text.length)))
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
  return names.bind(clampSql(names, start), (s) =>
    names.bind(clampSql(names, count), (c) => {
      const length = `CASE WHEN ${s} < 1 THEN ${c} + ${s} - 1 ELSE ${c} END`
      return `substring(${text}, CASE WHEN ${s} < 1 THEN 1 ELSE ${s} END, CASE WHEN ${length} < 0 THEN 0 ELSE ${length} END)`
    }),
  )
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
