// Functions of numbers. Functions that round come in pairs: an integer is its own floor. Only `ln`, `log10`, `exp`, `pow` and
// `haversine` may differ between engines, in the last digits: within APPROXIMATE_ERROR_MAX of the value.

import { canonicalDouble, compareValues } from '../value.ts'
import type { ExpressionFunction } from './functions.ts'
import { negateInt64 } from './int64.ts'
import { overload, type Overload } from './overload.ts'
import { finite, type SqlNames } from './sql-text.ts'

/** Relative error of the functions marked `approximate`. */
export const APPROXIMATE_ERROR_MAX = 1e-12
/** Mean radius R1 of the Earth, IUGG 1980: Moritz, "Geodetic Reference System 1980". */
export const EARTH_RADIUS_M = 6_371_008.8

const exact = { mayBeNull: false }
const partial = { mayBeNull: true }
const RADIANS = Math.PI / 180

export const NUMBER_FUNCTIONS: readonly ExpressionFunction[] = [
  {
    name: 'abs',
    overloads: [
      overload(
        ['int64'],
        'int64',
        partial,
        (x) => (x < 0 ? negateInt64(x) : x),
        ([x]) => `TRY(abs(${x}))`,
      ),
      overload(['double'], 'double', exact, Math.abs, ([x]) => `abs(${x})`),
    ],
  },
  {
    name: 'sign',
    overloads: [
      overload(
        ['int64'],
        'int32',
        exact,
        (x) => (x > 0 ? 1 : x < 0 ? -1 : 0),
        ([x]) => `sign(${x})::BIGINT`,
      ),
      overload(
        ['double'],
        'int32',
        exact,
        (x) => Math.sign(x) + 0,
        ([x]) => `sign(${x})::BIGINT`,
      ),
    ],
  },
  rounding('floor', Math.floor),
  rounding('ceil', Math.ceil),
  rounding('trunc', Math.trunc),
  rounding('round', roundHalfAway),
  {
    name: 'sqrt',
    overloads: [
      overload(
        ['double'],
        'double',
        partial,
        (x) => (x < 0 ? null : Math.sqrt(x)),
        ([x], names) => whenPositive(names, x!, '>=', (v) => `sqrt(${v})`),
      ),
    ],
  },
  logarithm('ln', Math.log),
  logarithm('log10', Math.log10),
  {
    name: 'exp',
    approximate: true,
    overloads: [
      overload(
        ['double'],
        'double',
        partial,
        (x) => canonicalDouble(Math.exp(x)),
        ([x], names) => finite(names, `exp(${x})`),
      ),
    ],
  },
  {
    name: 'pow',
    approximate: true,
    overloads: [
      overload(
        ['double', 'double'],
        'double',
        partial,
        (x, y) => canonicalDouble(x ** y),
        ([x, y], names) => finite(names, `pow(${x}, ${y})`),
      ),
    ],
  },
  extreme('least', (order) => order < 0),
  extreme('greatest', (order) => order > 0),
  { name: 'haversine', approximate: true, overloads: [haversine()] },
]

function rounding(name: string, evaluate: (x: number) => number): ExpressionFunction {
  return {
    name,
    overloads: [
      overload(
        ['int32'],
        'int32',
        exact,
        (x) => x,
        ([x]) => x!,
      ),
      overload(
        ['int64'],
        'int64',
        exact,
        (x) => x,
        ([x]) => x!,
      ),
      overload(
        ['double'],
        'double',
        exact,
        (x) => evaluate(x) + 0,
        ([x]) => `(${name}(${x}) + 0)`,
      ),
    ],
  }
}

/** Halves go away from zero. x - trunc(x) is exact, where x + 0.5 is not. */
function roundHalfAway(x: number): number {
  const whole = Math.trunc(x)
  return Math.abs(x - whole) >= 0.5 ? whole + Math.sign(x) : whole
}

function logarithm(name: string, evaluate: (x: number) => number): ExpressionFunction {
  return {
    name,
    approximate: true,
    overloads: [
      overload(
        ['double'],
        'double',
        partial,
        (x) => (x > 0 ? evaluate(x) + 0 : null),
        ([x], names) => whenPositive(names, x!, '>', (v) => `${name}(${v})`),
      ),
    ],
  }
}

/** DuckDB aborts on a root or a logarithm that does not exist. */
function whenPositive(names: SqlNames, sql: string, comparison: '>' | '>=', body: (v: string) => string): string {
  return names.bind(sql, (v) => `(CASE WHEN ${v} ${comparison} 0 THEN ${body(v)} END)`)
}

/** NULLs are skipped, as in DuckDB, PostgreSQL and Spark. */
function extreme(name: string, wins: (order: number) => boolean): ExpressionFunction {
  return {
    name,
    alike: {
      argsMin: 1,
      argsMax: Infinity,
      types: ['int32', 'int64', 'double', 'string', 'timestamp'],
      nullable: (args) => args.every((nullable) => nullable),
      evaluate: (args) => {
        let best = args[0]!
        for (const value of args) if (value !== null && (best === null || wins(compareValues(value, best)))) best = value
        return best
      },
      sql: (args) => `${name}(${args.join(', ')})`,
    },
  }
}

/**
 * Great-circle distance in metres by the haversine formula (R. W. Sinnott, "Virtues of the Haversine", 1984), degrees in. The far
 * side, 1 - a, is summed from sines and cosines too: `sqrt(1 - a)` would lose half of the digits for points that face each other.
 */
function haversine(): Overload {
  const types = ['double', 'double', 'double', 'double'] as const
  return overload(
    types,
    'double',
    partial,
    (lat1, lon1, lat2, lon2) => {
      if (Math.abs(lat1) > 90 || Math.abs(lat2) > 90) return null
      const across = Math.cos(lat1 * RADIANS) * Math.cos(lat2 * RADIANS)
      const turn = (lon2 - lon1) * RADIANS * 0.5
      const near = Math.sin((lat2 - lat1) * RADIANS * 0.5) ** 2 + across * Math.sin(turn) ** 2
      const far = Math.sin((lat2 + lat1) * RADIANS * 0.5) ** 2 + across * Math.cos(turn) ** 2
      return canonicalDouble(2 * EARTH_RADIUS_M * Math.atan2(Math.sqrt(near), Math.sqrt(far)))
    },
    ([lat1, lon1, lat2, lon2], names) =>
      names.lambda(`[${lat1}, ${lon1}, ${lat2}, ${lon2}]`, (v) => {
        const radians = `${RADIANS}::DOUBLE`
        const across = `cos(${v}[1] * ${radians}) * cos(${v}[3] * ${radians})`
        const turn = `(${v}[4] - ${v}[2]) * ${radians} * 0.5::DOUBLE`
        const near = `pow(sin((${v}[3] - ${v}[1]) * ${radians} * 0.5::DOUBLE), 2) + ${across} * pow(sin(${turn}), 2)`
        const far = `pow(sin((${v}[3] + ${v}[1]) * ${radians} * 0.5::DOUBLE), 2) + ${across} * pow(cos(${turn}), 2)`
        return `(CASE WHEN abs(${v}[1]) <= 90 AND abs(${v}[3]) <= 90 AND isfinite(${v}[4] - ${v}[2]) THEN ${2 * EARTH_RADIUS_M}::DOUBLE * atan2(sqrt(${near}), sqrt(${far})) END)`
      }),
  )
}
