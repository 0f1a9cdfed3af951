// Random well-typed expressions, as text, over the columns of expression-values.ts. From one seed.

import { type Random, seededRandom } from '@tidemark/aggregation/testing/random'
import type { Row, ValueType } from '@tidemark/feature-schema/value'
import { INITIALS, randomRow, randomString, randomValue, randomZone, TYPES } from './expression-values.ts'

const LEAF_SHARE = 0.2
const UNITS = ['year', 'month', 'week', 'day', 'hour', 'minute', 'second']
const PARTS = ['year', 'month', 'day', 'hour', 'minute', 'second', 'dayOfWeek', 'dayOfYear', 'week']

export class ExpressionGenerator {
  readonly #random: Random

  constructor(seed: number) {
    this.#random = seededRandom(seed)
  }

  row(): Row {
    return randomRow(this.#random)
  }

  /** The text of an expression of any type. Functions whose last digits may differ stand only at the root. */
  expression(depth: number): string {
    if (this.#random.chance(0.06)) return this.#approximate(depth - 1)
    return this.#of(this.#random.pick(TYPES), depth)
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
      () =>
        `(${next(a)} ${this.#random.pick(['in', 'not in'])} (${next(a)}, ${this.#random.pick([next(a), 'null', this.#literal(a)])}, ${this.#literal(a)}))`,
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
      () => `${this.#random.pick(PARTS)}(${next('timestamp')}, '${randomZone(this.#random)}')`,
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
      () => `startOf(${next('timestamp')}, '${this.#random.pick(UNITS)}', '${randomZone(this.#random)}')`,
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
        return String(randomValue(this.#random, type))
      case 'double': {
        const text = String(randomValue(this.#random, 'double'))
        return /[.e]/.test(text) ? text : `${text}.0`
      }
      case 'string':
        return this.#stringLiteral()
      case 'timestamp':
        return this.#random.pick([
          "timestamp('2001-06-30T23:59:59.5-06:00')",
          "timestamp('1999-12-31')",
          `timestamp(${this.#random.between(-9e12, 9e12)})`,
        ])
    }
  }

  #stringLiteral(): string {
    const text = randomString(this.#random).replaceAll('\0', '')
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
