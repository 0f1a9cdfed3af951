// Random well-typed expressions, as text, and random rows for them, with the values that engines disagree about. From one seed.

import { type Random, seededRandom } from '@tidemark/aggregation/testing/random'
import { toWall, zoneNamed } from '@tidemark/feature-schema/expression/zone'
import type { Scope } from '@tidemark/feature-schema/expression/ast'
import { canonicalInt64, INT64_MAX, INT64_MIN, type Row, type Value, type ValueType } from '@tidemark/feature-schema/value'

export interface Column {
  readonly name: string
  readonly type: ValueType
  readonly nullable: boolean
}

const TYPES = ['boolean', 'int32', 'int64', 'double', 'string', 'timestamp'] as const
const INITIALS: Readonly<Record<ValueType, string>> = { boolean: 'b', int32: 'i', int64: 'l', double: 'd', string: 's', timestamp: 't' }

/** `i` and `in` would be an int32 column and a reserved word, so: `i1` is never NULL, `i2` may be. */
export const COLUMNS: readonly Column[] = TYPES.flatMap((type) => [
  { name: `${INITIALS[type]}1`, type, nullable: false },
  { name: `${INITIALS[type]}2`, type, nullable: true },
])
export const SCOPE: Scope = new Map(COLUMNS.map((column) => [column.name, column]))

const NULL_SHARE = 0.25
const LEAF_SHARE = 0.2

/** Zones that change seldom, for which the SQL is short, and zones with something odd about their summers. */
const STEADY_ZONES = ['UTC', '+05:30', 'Asia/Kolkata', 'Asia/Kathmandu', 'Asia/Tokyo', 'Africa/Lagos']
const CHANGING_ZONES = ['America/Chicago', 'Europe/London', 'America/Sao_Paulo', 'Australia/Lord_Howe', 'Pacific/Apia', 'America/St_Johns', 'Africa/Casablanca']
const UNITS = ['year', 'month', 'week', 'day', 'hour', 'minute', 'second']
const PARTS = ['year', 'month', 'day', 'hour', 'minute', 'second', 'dayOfWeek', 'dayOfYear', 'week']

const INT32S = [0, 1, -1, 2, 3, -3, 5, 7, 10, 100, -100, 2 ** 31 - 1, -(2 ** 31)]
const INT64S = [
  ...INT32S.map(BigInt), 2n ** 31n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, -(2n ** 53n) - 1n, 3_037_000_500n, 10n ** 18n, INT64_MAX, INT64_MAX - 1n, INT64_MIN, INT64_MIN + 1n,
]
const DOUBLES = [
  0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, 0.49999999999999994, 0.1, 1 / 3, 90, -90, 180, 45.5, 1e-7, 5e-324, -5e-324, 2.2250738585072014e-308, 1e16, 4503599627370497.5, 2 ** 53 + 2,
  2 ** 63, -(2 ** 63), 9223372036854774784, 1e300, 1.7976931348623157e308, -1.7976931348623157e308,
]
const STRINGS = [
  '', ' ', 'a', 'A', 'b', 'ab', 'Ab,cD,,ef', ',', ',,', 'aaa', '\t pad \n', '\u00a0x\u2003', "it's", '"', '\\', '%_', 'a\0b', 'Straße', 'STRASSE', 'ẞ', 'İstanbul', 'ISPARTA', 'ıi', 'ŉ', 'Σς', '\u212a',
  'é', 'e\u0301', 'ﬁ', '👍🏽', '👩‍👩‍👧', 'x👍y', '\ufffd', '٣', '１２',
]
/** Pairs of these have another order by UTF-16 units than by code points. */
const FAR_STRINGS = ['\u{10400}', '\uff5e', 'a\u{1f44d}', 'a\ue000', '\u{10ffff}', '\uffff', '\ud7ff']
const NUMBER_STRINGS = [
  '12', '-7', '+5', '007', '-0', '9223372036854775807', '9223372036854775808', '-9223372036854775808', '00000000000000000000000000000042', '2147483648', ' 12 ', '1_000', '0x10', '1,5',
  '1.5', '.5', '5.', '1e5', '-1.25E-3', '1e400', '1e-400', '-1e-400', '1e99999', 'NaN', 'inf', 'Infinity', '-inf', '0.1', '2.2250738585072011e-308', '123456789012345678901234567890.5', '1e', '--1',
]
const WORD_STRINGS = ['true', 'false', 'TRUE', 't', '1', '0', 'yes', 'null', 'NULL']
const TIME_STRINGS = [
  '2001-06-30', '2001-02-29', '2000-02-29', '2001-13-01', '1677-12-31', '1678-01-01', '2261-12-31T23:59:59.999Z', '2262-01-01', '0000-01-01', '2001-06-30T23:59:59Z', '2001-06-30 23:59:59',
  '2001-06-30T23:59:59.123456Z', '2001-06-30T24:00:00Z', '2001-06-30T23:59:60Z', '2001-06-30T23:59:59+02:00', '2001-01-01T00:30:00-11:45', '1969-12-31T23:59:59.9999', '1969-12-31T23:59:59.9Z',
  '2001-06-30T23:59', '2001-6-30', ' 2001-06-30', '2001-06-30T23:59:59.', '2001-06-30T23:59:59z', '2001-06-30\n',
]

export class ExpressionGenerator {
  readonly #random: Random

  constructor(seed: number) {
    this.#random = seededRandom(seed)
  }

  row(): Row {
    return COLUMNS.map(({ type, nullable }) => (nullable && this.#random.chance(NULL_SHARE) ? null : this.#value(type)))
  }

  /** The text of an expression of any type. Functions whose last digits may differ stand only at the root. */
  expression(depth: number): string {
    if (this.#random.chance(0.06)) return this.#approximate(depth - 1)
    return this.#of(this.#random.pick(TYPES), depth)
  }

  #value(type: ValueType): Value {
    switch (type) {
      case 'boolean':
        return this.#random.chance(0.5)
      case 'int32':
        return this.#random.chance(0.5) ? this.#random.pick(INT32S) : this.#random.between(-50, 50)
      case 'int64':
        return this.#random.chance(0.5) ? canonicalInt64(this.#random.pick(INT64S)) : this.#random.between(-1e6, 1e6)
      case 'double':
        return this.#random.chance(0.5) ? this.#random.pick(DOUBLES) : this.#random.between(-4000, 4000) / this.#random.pick([1, 2, 7, 100]) + 0
      case 'string':
        return this.#string()
      case 'timestamp':
        return this.#timestamp()
    }
  }

  #string(): string {
    if (this.#random.chance(0.3)) return this.#random.pick(FAR_STRINGS)
    const text = this.#random.pick(this.#random.pick([STRINGS, STRINGS, NUMBER_STRINGS, WORD_STRINGS, TIME_STRINGS]))
    return this.#random.chance(0.2) ? text + this.#random.pick(STRINGS) : text
  }

  /** Around changes of offset, whole days, the limits; years BC and far ahead too, which only a column can have. */
  #timestamp(): number {
    const kind = this.#random.next()
    if (kind < 0.4) {
      const zone = zoneNamed(this.#zone())!
      const { changesMs } = zone.byUtc
      const change = changesMs.length > 0 ? this.#random.pick(changesMs) : 0
      return change + this.#random.pick([0, -1, 1, 999, 3_599_999, 3_600_000, -3_600_000, 7_200_000, toWall(zone, change) - change])
    }
    if (kind < 0.6) return this.#random.between(-30_000, 30_000) * 86_400_000 + this.#random.pick([0, 0, -1, 1])
    if (kind < 0.9) return this.#random.between(-9_214_560_000_000, 9_214_646_399_999)
    return this.#random.pick([0, -1, -62_167_219_200_000, -62_167_219_200_001, -62_135_596_800_001, 253_402_300_799_999, 253_402_300_800_000, -300_000_000_000_000, 8_640_000_000_000_001])
  }

  #zone(): string {
    return this.#random.pick(this.#random.chance(0.6) ? STEADY_ZONES : CHANGING_ZONES)
  }

  #of(type: ValueType, depth: number): string {
    if (depth <= 0 || this.#random.chance(LEAF_SHARE)) return this.#leaf(type)
    const next = (wanted: ValueType): string => this.#of(wanted, depth - 1)
    if (this.#random.chance(0.25)) return this.#general(type, next)
    switch (type) {
      case 'boolean':
        return this.#boolean(next)
      case 'int32':
        return this.#int32(next)
      case 'int64':
        return this.#int64(next)
      case 'double':
        return this.#double(next)
      case 'string':
        return this.#text(next)
      case 'timestamp':
        return this.#time(next)
    }
  }

  /** What there is of every type. */
  #general(type: ValueType, next: (type: ValueType) => string): string {
    const forms = [
      () => `(${next('boolean')} ? ${next(type)} : ${this.#random.chance(0.2) ? 'null' : next(type)})`,
      () => `coalesce(${next(type)}, ${next(type)})`,
      () => `coalesce(${next(type)}, null, ${next(type)}, ${next(type)})`,
      () => `nullif(${next(type)}, ${next(type)})`,
      () => (type === 'boolean' ? next(type) : `${this.#random.pick(['least', 'greatest'])}(${next(type)}, ${next(type)}, ${next(type)})`),
      () => `${type}(${this.#castable(this.#random.pick(CASTS_TO[type]), next)})`,
    ]
    return this.#random.pick(forms)()
  }

  /** Something with a column in it: what is only literals is cast when it is checked, and may be refused. */
  #castable(type: ValueType, next: (type: ValueType) => string): string {
    const text = next(type)
    return /\b[bildst][12]\b/.test(text) ? text : `${INITIALS[type]}${this.#random.pick([1, 2])}`
  }

  #boolean(next: (type: ValueType) => string): string {
    const [a, b] = [this.#random.pick(TYPES), this.#random.pick(['int32', 'int64', 'double'] as const)]
    const forms = [
      () => `(${next('boolean')} ${this.#random.pick(['and', 'or', '&&', '||', 'AND'])} ${next('boolean')})`,
      () => `(${this.#random.pick(['not', '!'])} ${next('boolean')})`,
      () => `(${next(a)} ${this.#random.pick(COMPARISONS)} ${next(a)})`,
      () => `(${next('int64')} ${this.#random.pick(COMPARISONS)} ${next(b)})`,
      () => `(${next('string')} ${this.#random.pick(COMPARISONS)} ${next('string')})`,
      () => `(${next(a)} ${this.#random.pick(['in', 'not in'])} (${next(a)}, ${this.#random.pick([next(a), 'null', this.#literal(a)])}, ${this.#literal(a)}))`,
      () => `(${next(a)} in [${this.#literal(a)}, ${this.#random.pick(['null', this.#literal(a)])}])`,
      () => this.#random.pick([`isNull(${next(a)})`, `(${next(a)} is null)`, `(${next(a)} is not null)`]),
      () => `${this.#random.pick(['startsWith', 'endsWith', 'contains'])}(${next('string')}, ${next('string')})`,
    ]
    return this.#random.pick(forms)()
  }

  #int32(next: (type: ValueType) => string): string {
    const forms = [
      () => `sign(${next(this.#random.pick(['int32', 'int64', 'double']))})`,
      () => `length(${next('string')})`,
      () => `${this.#random.pick(PARTS)}(${next('timestamp')})`,
      () => `${this.#random.pick(PARTS)}(${next('timestamp')}, '${this.#zone()}')`,
      () => `${this.#random.pick(['floor', 'ceil', 'round', 'trunc'])}(${next('int32')})`,
    ]
    return this.#random.pick(forms)()
  }

  #int64(next: (type: ValueType) => string): string {
    const integer = (): string => next(this.#random.pick(['int32', 'int64']))
    const forms = [
      () => `(${integer()} ${this.#random.pick(['+', '-', '*', '%'])} ${integer()})`,
      () => `(${integer()} ${this.#random.pick(['+', '-', '*', '%'])} ${integer()})`,
      () => `(-${integer()})`,
      () => `abs(${integer()})`,
      () => `round(${next('int64')})`,
      () => `(${next('timestamp')} - ${next('timestamp')})`,
    ]
    return this.#random.pick(forms)()
  }

  #double(next: (type: ValueType) => string): string {
    const number = (): string => next(this.#random.pick(['int32', 'int64', 'double', 'double']))
    const forms = [
      () => `(${next('double')} ${this.#random.pick(['+', '-', '*', '/', '%'])} ${number()})`,
      () => `(${number()} ${this.#random.pick(['+', '-', '*', '/', '%'])} ${next('double')})`,
      () => `(${number()} / ${number()})`,
      () => `(-${next('double')})`,
      () => `${this.#random.pick(['abs', 'floor', 'ceil', 'round', 'trunc', 'sqrt'])}(${next('double')})`,
    ]
    return this.#random.pick(forms)()
  }

  #text(next: (type: ValueType) => string): string {
    const place = (): string => (this.#random.chance(0.7) ? String(this.#random.between(-2, 6)) : next('int64'))
    const forms = [
      () => `concat(${next('string')}, ${next('string')}, ${next('string')})`,
      () => `${this.#random.pick(['lower', 'upper', 'trim'])}(${next('string')})`,
      () => `substring(${next('string')}, ${place()})`,
      () => `substring(${next('string')}, ${place()}, ${place()})`,
      () => `replace(${next('string')}, ${next('string')}, ${next('string')})`,
      () => `splitPart(${next('string')}, ${this.#random.pick(["','", next('string')])}, ${place()})`,
    ]
    return this.#random.pick(forms)()
  }

  #time(next: (type: ValueType) => string): string {
    const forms = [
      () => `(${next('timestamp')} ${this.#random.pick(['+', '-'])} ${next(this.#random.pick(['int32', 'int64']))})`,
      () => `(${next('int64')} + ${next('timestamp')})`,
      () => `startOf(${next('timestamp')}, '${this.#random.pick(UNITS)}')`,
      () => `startOf(${next('timestamp')}, '${this.#random.pick(UNITS)}', '${this.#zone()}')`,
    ]
    return this.#random.pick(forms)()
  }

  #approximate(depth: number): string {
    const double = (): string => this.#of('double', depth)
    const degrees = (): string => (this.#random.chance(0.7) ? String(this.#random.between(-9000, 9000) / 100) : double())
    const forms = [
      () => `${this.#random.pick(['ln', 'log10', 'exp'])}(${double()})`,
      () => `pow(${double()}, ${double()})`,
      () => `haversine(${degrees()}, ${degrees()}, ${degrees()}, ${degrees()})`,
      () => `haversine(d1, d2, ${degrees()}, ${degrees()})`,
    ]
    return this.#random.pick(forms)()
  }

  #leaf(type: ValueType): string {
    return this.#random.chance(0.7) ? `${INITIALS[type]}${this.#random.pick([1, 2])}` : this.#literal(type)
  }

  #literal(type: ValueType): string {
    switch (type) {
      case 'boolean':
        return this.#random.pick(['true', 'false', 'TRUE'])
      case 'int32':
      case 'int64':
        return String(this.#value(type))
      case 'double': {
        const text = String(this.#value('double'))
        return /[.e]/.test(text) ? text : `${text}.0`
      }
      case 'string':
        return this.#stringLiteral()
      case 'timestamp':
        return this.#random.pick(["timestamp('2001-06-30T23:59:59.5-06:00')", "timestamp('1999-12-31')", `timestamp(${this.#random.between(-9e12, 9e12)})`])
    }
  }

  #stringLiteral(): string {
    const text = this.#string().replaceAll('\0', '')
    return `'${text.replace(/[\\']/g, '\\$&').replaceAll('\n', '\\n')}'`
  }
}

const COMPARISONS = ['=', '==', '!=', '<>', '<', '<=', '>', '>=']

const CASTS_TO: Readonly<Record<ValueType, readonly ValueType[]>> = {
  boolean: ['int32', 'int64', 'string', 'boolean'],
  int32: ['int64', 'double', 'string', 'boolean'],
  int64: ['int32', 'double', 'string', 'boolean', 'timestamp'],
  double: ['int32', 'int64', 'string', 'boolean'],
  string: ['int32', 'int64', 'boolean', 'timestamp'],
  timestamp: ['int32', 'int64', 'string'],
}
