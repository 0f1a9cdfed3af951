// The columns of the differential search, and random values for them: those that engines disagree about, as often as not.

import type { Random } from '@tidemark/aggregation/testing/random'
import type { Scope } from '@tidemark/feature-schema/expression/ast'
import { toWall, zoneNamed } from '@tidemark/feature-schema/expression/zone'
import { canonicalInt64, INT64_MAX, INT64_MIN, type Row, type Value, type ValueType } from '@tidemark/feature-schema/value'

export interface Column {
  readonly name: string
  readonly type: ValueType
  readonly nullable: boolean
}

export const TYPES = ['boolean', 'int32', 'int64', 'double', 'string', 'timestamp'] as const
export const INITIALS: Readonly<Record<ValueType, string>> = { boolean: 'b', int32: 'i', int64: 'l', double: 'd', string: 's', timestamp: 't' }

/** Two of each type: `i1` is never NULL, `i2` may be. */
export const COLUMNS: readonly Column[] = TYPES.flatMap((type) => [
  { name: `${INITIALS[type]}1`, type, nullable: false },
  { name: `${INITIALS[type]}2`, type, nullable: true },
])
export const SCOPE: Scope = new Map(COLUMNS.map((column) => [column.name, column]))

const NULL_SHARE = 0.25

/** Zones that change seldom, for which the SQL is short, and zones with something odd about their summers. */
const STEADY_ZONES = ['UTC', '+05:30', 'Asia/Kolkata', 'Asia/Kathmandu', 'Asia/Tokyo', 'Africa/Lagos']
const CHANGING_ZONES = [
  'America/Chicago', 'Europe/London', 'America/Sao_Paulo', 'Australia/Lord_Howe', 'Pacific/Apia', 'America/St_Johns',
  'Africa/Casablanca',
]

const INT32S = [0, 1, -1, 2, 3, -3, 5, 7, 10, 100, -100, 2 ** 31 - 1, -(2 ** 31)]
const INT64S = [
  ...INT32S.map(BigInt), 2n ** 31n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, -(2n ** 53n) - 1n, 3_037_000_500n, 10n ** 18n,
  INT64_MAX, INT64_MAX - 1n, INT64_MIN, INT64_MIN + 1n,
]
const DOUBLES = [
  0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, 0.49999999999999994, 0.1, 1 / 3, 90, -90, 180, 45.5, 1e-7, 5e-324, -5e-324,
  2.2250738585072014e-308, 1e16, 4503599627370497.5, 2 ** 53 + 2, 2 ** 63, -(2 ** 63), 9223372036854774784, 1e300,
  1.7976931348623157e308, -1.7976931348623157e308,
]
const STRINGS = [
  '', ' ', 'a', 'A', 'b', 'ab', 'Ab,cD,,ef', ',', ',,', 'aaa', '\t pad \n', '\u00a0x\u2003', "it's", '"', '\\', '%_', 'a\0b', 'Straße',
  'STRASSE', 'ẞ', 'İstanbul', 'ISPARTA', 'ıi', 'ŉ', 'Σς', '\u212a', 'é', 'e\u0301', 'ﬁ', '👍🏽', '👩‍👩‍👧', 'x👍y', '\ufffd', '٣', '１２',
]
/** Pairs of these have another order by UTF-16 units than by code points. */
const FAR_STRINGS = ['\u{10400}', '\uff5e', 'a\u{1f44d}', 'a\ue000', '\u{10ffff}', '\uffff', '\ud7ff']
const NUMBER_STRINGS = [
  '12', '-7', '+5', '007', '-0', '9223372036854775807', '9223372036854775808', '-9223372036854775808',
  '00000000000000000000000000000042', '2147483648', ' 12 ', '1_000', '0x10', '1,5', '1.5', '.5', '5.', '1e5', '-1.25E-3', '1e400',
  '1e-400', '-1e-400', '1e99999', 'NaN', 'inf', 'Infinity', '-inf', '0.1', '2.2250738585072011e-308',
  '123456789012345678901234567890.5', '1e', '--1',
]
const WORD_STRINGS = ['true', 'false', 'TRUE', 't', '1', '0', 'yes', 'null', 'NULL']
const TIME_STRINGS = [
  '2001-06-30', '2001-02-29', '2000-02-29', '2001-13-01', '1677-12-31', '1678-01-01', '2261-12-31T23:59:59.999Z', '2262-01-01',
  '0000-01-01', '2001-06-30T23:59:59Z', '2001-06-30 23:59:59', '2001-06-30T23:59:59.123456Z', '2001-06-30T24:00:00Z',
  '2001-06-30T23:59:60Z', '2001-06-30T23:59:59+02:00', '2001-01-01T00:30:00-11:45', '1969-12-31T23:59:59.9999',
  '1969-12-31T23:59:59.9Z', '2001-06-30T23:59', '2001-6-30', ' 2001-06-30', '2001-06-30T23:59:59.', '2001-06-30T23:59:59z',
  '2001-06-30\n',
]

export function randomRow(random: Random): Row {
  return COLUMNS.map(({ type, nullable }) => (nullable && random.chance(NULL_SHARE) ? null : randomValue(random, type)))
}

export function randomValue(random: Random, type: ValueType): Value {
  switch (type) {
    case 'boolean':
      return random.chance(0.5)
    case 'int32':
      return random.chance(0.5) ? random.pick(INT32S) : random.between(-50, 50)
    case 'int64':
      return random.chance(0.5) ? canonicalInt64(random.pick(INT64S)) : random.between(-1e6, 1e6)
    case 'double':
      return random.chance(0.5)
        ? random.pick(DOUBLES)
        : random.between(-4000, 4000) / random.pick([1, 2, 7, 100]) + 0
    case 'string':
      return randomString(random)
    case 'timestamp':
      return randomTimestamp(random)
  }
}

export function randomString(random: Random): string {
  if (random.chance(0.3)) return random.pick(FAR_STRINGS)
  const text = random.pick(random.pick([STRINGS, STRINGS, NUMBER_STRINGS, WORD_STRINGS, TIME_STRINGS]))
  return random.chance(0.2) ? text + random.pick(STRINGS) : text
}

/** Around changes of offset, whole days, the limits; years BC and far ahead too, which only a column can have. */
function randomTimestamp(random: Random): number {
  const kind = random.next()
  if (kind < 0.4) {
    const zone = zoneNamed(randomZone(random))!
    const { changesMs } = zone.byUtc
    const change = changesMs.length > 0 ? random.pick(changesMs) : 0
    return change + random.pick([0, -1, 1, 999, 3_599_999, 3_600_000, -3_600_000, 7_200_000, toWall(zone, change) - change])
  }
  if (kind < 0.6) return random.between(-30_000, 30_000) * 86_400_000 + random.pick([0, 0, -1, 1])
  if (kind < 0.9) return random.between(-9_214_560_000_000, 9_214_646_399_999)
  return random.pick([
    0, -1, -62_167_219_200_000, -62_167_219_200_001, -62_135_596_800_001, 253_402_300_799_999, 253_402_300_800_000, -300_000_000_000_000,
    8_640_000_000_000_001,
  ])
}

export function randomZone(random: Random): string {
  return random.pick(random.chance(0.6) ? STEADY_ZONES : CHANGING_ZONES)
}
