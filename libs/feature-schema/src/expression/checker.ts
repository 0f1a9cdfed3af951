// The typing rules, one method for each kind of syntax. A method gives null after it has reported, and stays silent about what
// is built on something already reported.

import { canonicalInt64, INT64_MAX, INT64_MIN, type ValueType } from '../value.ts'
import type { Expression, ExpressionType, Scope } from './ast.ts'
import { castBetween, castsFrom } from './cast.ts'
import { closestName } from './closest-name.ts'
import { checkCall, CAST_NAMES } from './checker-call.ts'
import { FUNCTIONS } from './functions.ts'
import type { Syntax } from './parse.ts'
import { coerce, commonType, describeType, fits, isInteger, isNumeric, literal } from './types.ts'

export type Report = (place: number, message: string, action: string) => void

type Of<K extends Syntax['kind']> = Extract<Syntax, { kind: K }>

export class ExpressionChecker {
  readonly #scope: Scope
  readonly report: Report

  constructor(scope: Scope, report: Report) {
    this.#scope = scope
    this.report = report
  }

  checkWhole(syntax: Syntax, expected: ValueType | undefined): Expression | null {
    const expression = this.check(syntax)
    if (!expression) return null
    if (expected === undefined) {
      return expression.type === 'null'
        ? this.#refuse(syntax.place, 'NULL alone has no type.', 'Give it one, for example int64(null).')
        : expression
    }
    if (fits(expression.type, expected) || (expression.type === 'int64' && expected === 'int32')) return coerce(expression, expected)
    const action = castBetween(expression.type as ValueType, expected)
      ? `Write ${expected}(…) around it.`
      : `Write an expression that gives ${describeType(expected)}.`
    return this.#refuse(
      syntax.place,
      `The expression gives ${describeType(expression.type)}, and ${describeType(expected)} is expected.`,
      action,
    )
  }

  check(syntax: Syntax): Expression | null {
    switch (syntax.kind) {
      case 'null':
        return { node: 'literal', type: 'null', nullable: true, value: null }
      case 'boolean':
      case 'string':
        return literal(syntax.kind, syntax.value)
      case 'integer':
        return this.#integer(syntax.value, syntax.place)
      case 'double':
        return Number.isFinite(syntax.value)
          ? literal('double', syntax.value)
          : this.#refuse(syntax.place, 'The number is larger than a double can hold.', 'Write one below 1.8e308.')
      case 'name':
        return this.#column(syntax)
      case 'call':
        return checkCall(this, syntax)
      case 'negate':
        return this.#negate(syntax)
      case 'not':
        return this.#not(syntax)
      case 'and':
      case 'or':
        return this.#logic(syntax)
      case 'arithmetic':
        return this.#arithmetic(syntax)
      case 'comparison':
        return this.#comparison(syntax)
      case 'isNull': {
        const operand = this.check(syntax.operand)
        return operand && { node: 'isNull', type: 'boolean', nullable: false, operand: typed(operand) }
      }
      case 'in':
        return this.#in(syntax)
      case 'conditional':
        return this.#conditional(syntax)
    }
  }

  #integer(value: bigint, place: number): Expression | null {
    if (value < INT64_MIN || value > INT64_MAX)
      return this.#refuse(place, 'The integer does not fit in 64 bits.', 'Write it as a double, for example 1e20.')
    return literal(value >= -(2n ** 31n) && value < 2n ** 31n ? 'int32' : 'int64', canonicalInt64(value))
  }

  #column({ name, place }: Of<'name'>): Expression | null {
    const column = this.#scope.get(name)
    if (column) return { node: 'column', type: column.type, nullable: column.nullable, name }
    if (FUNCTIONS.has(name) || CAST_NAMES.has(name))
      return this.#refuse(place, `${name} is a function, and there is no column of that name.`, `Write ${name}(…).`)
    const close = closestName(name, this.#scope.keys())
    return this.#refuse(
      place,
      `There is no column ${name}.`,
      close ? `Did you mean ${close}?` : `The columns are ${[...this.#scope.keys()].join(', ')}.`,
    )
  }

  #negate({ operand, place }: Of<'negate'>): Expression | null {
    if (operand.kind === 'integer') return this.#integer(-operand.value, place)
    const checked = this.check(operand)
    if (!checked) return null
    if (checked.node === 'literal' && checked.type === 'double') return literal('double', -(checked.value as number) + 0)
    if (!isNumeric(checked.type))
      return this.#refuse(place, `"-" takes a number, not ${describeType(checked.type)}.`, 'Remove it, or cast what follows.')
    if (checked.type === 'double') return { node: 'negate', type: 'double', nullable: checked.nullable, operand: checked }
    return { node: 'negate', type: 'int64', nullable: checked.nullable || checked.type === 'int64', operand: coerce(checked, 'int64') }
  }

  #not({ operand, place }: Of<'not'>): Expression | null {
    const checked = this.#boolean(operand, place, '"not"')
    return checked && { node: 'not', type: 'boolean', nullable: checked.nullable, operand: checked }
  }

  #logic({ kind, left, right, place }: Of<'and' | 'or'>): Expression | null {
    const a = this.#boolean(left, place, `"${kind}"`)
    const b = this.#boolean(right, right.place, `"${kind}"`)
    return a && b && { node: kind, type: 'boolean', nullable: a.nullable || b.nullable, left: a, right: b }
  }

  #boolean(syntax: Syntax, place: number, user: string): Expression | null {
    const checked = this.check(syntax)
    if (!checked) return null
    if (fits(checked.type, 'boolean')) return coerce(checked, 'boolean')
    const action = checked.type === 'string' ? 'Compare it; strings are joined by concat(a, b).' : 'Compare it, for example x > 0.'
    return this.#refuse(place, `${user} takes true or false, not ${describeType(checked.type)}.`, action)
  }

  #arithmetic({ op, left, right, place }: Of<'arithmetic'>): Expression | null {
    const a = this.check(left)
    const b = this.check(right)
    if (!a || !b) return null
    if (a.type === 'null' || b.type === 'null') return this.#alwaysNull(place, op)
    const withTimestamp = this.#timestampArithmetic(op, a, b)
    if (withTimestamp) return withTimestamp
    if (!isNumeric(a.type) || !isNumeric(b.type)) {
      const action =
        a.type === 'string' || b.type === 'string'
          ? 'Join strings by concat(a, b); read a number by int64(x) or double(x).'
          : 'Cast the operands to numbers.'
      return this.#refuse(place, `"${op}" takes numbers, not ${describeType(a.type)} and ${describeType(b.type)}.`, action)
    }
    const type = op === '/' || a.type === 'double' || b.type === 'double' ? 'double' : 'int64'
    const cannotFail = a.type === 'int32' && b.type === 'int32' && op !== '/' && op !== '%'
    return {
      node: 'arithmetic',
      type,
      nullable: a.nullable || b.nullable || !cannotFail,
      op,
      left: coerce(a, type),
      right: coerce(b, type),
    }
  }

  /** A timestamp and an integer (milliseconds) give a timestamp; two timestamps give the milliseconds between them. */
  #timestampArithmetic(op: Of<'arithmetic'>['op'], a: Expression, b: Expression): Expression | null {
    const node = { node: 'arithmetic', op } as const
    if (a.type === 'timestamp' && isInteger(b.type) && (op === '+' || op === '-'))
      return { ...node, type: 'timestamp', nullable: true, left: a, right: coerce(b, 'int64') }
    if (isInteger(a.type) && b.type === 'timestamp' && op === '+')
      return { ...node, type: 'timestamp', nullable: true, left: coerce(a, 'int64'), right: b }
    if (a.type === 'timestamp' && b.type === 'timestamp' && op === '-')
      return { ...node, type: 'int64', nullable: a.nullable || b.nullable, left: a, right: b }
    return null
  }

  #comparison({ op, left, right, place }: Of<'comparison'>): Expression | null {
    const a = this.check(left)
    const b = this.check(right)
    if (!a || !b) return null
    if (a.type === 'null' || b.type === 'null') return this.#alwaysNull(place, op)
    const type = this.#common([a, b], place, `"${op}"`)
    return (
      type && { node: 'comparison', type: 'boolean', nullable: a.nullable || b.nullable, op, left: coerce(a, type), right: coerce(b, type) }
    )
  }

  #in({ operand, choices, place }: Of<'in'>): Expression | null {
    const checked = this.check(operand)
    const list = this.checkAll(choices)
    if (!checked || !list) return null
    if (checked.type === 'null') return this.#alwaysNull(place, 'in')
    const type = this.#common([checked, ...list], place, '"in"')
    if (!type) return null
    return {
      node: 'in',
      type: 'boolean',
      nullable: checked.nullable || list.some((choice) => choice.nullable),
      operand: coerce(checked, type),
      choices: list.map((choice) => coerce(choice, type)),
    }
  }

  #conditional({ test, then, otherwise, place }: Of<'conditional'>): Expression | null {
    const a = this.#boolean(test, test.place, '"?"')
    const branches = this.checkAll([then, otherwise])
    if (!a || !branches) return null
    const [b, c] = branches as [Expression, Expression]
    if (b.type === 'null' && c.type === 'null') return b
    const type = this.#common([b, c], place, '"? :"')
    return (
      type && { node: 'conditional', type, nullable: b.nullable || c.nullable, test: a, then: coerce(b, type), otherwise: coerce(c, type) }
    )
  }

  /** Checks all of them before it gives up on one. */
  checkAll(syntaxes: readonly Syntax[]): Expression[] | null {
    const checked = syntaxes.map((syntax) => this.check(syntax))
    return checked.every((expression) => expression !== null) ? checked : null
  }

  #common(expressions: readonly Expression[], place: number, user: string): ValueType | null {
    const type = commonType(expressions.map((expression) => expression.type))
    if (type) return type
    const types = [...new Set<ExpressionType>(expressions.map((expression) => expression.type))].filter((each) => each !== 'null')
    return this.#refuse(
      place,
      `${user} takes values of one type, not ${types.map(describeType).join(' and ')}.`,
      castHint(types as ValueType[]),
    )
  }

  #alwaysNull(place: number, op: string): null {
    return this.#refuse(place, `"${op}" with NULL is always NULL.`, 'Write x is null, or isNull(x).')
  }

  #refuse(place: number, message: string, action: string): null {
    this.report(place, message, action)
    return null
  }
}

/** A bare NULL under `isNull` needs some type for the SQL's sake. */
function typed(expression: Expression): Expression {
  return expression.type === 'null' ? coerce(expression, 'boolean') : expression
}

function castHint(types: readonly ValueType[]): string {
  const target = types.find((type) => types.every((other) => other === type || castsFrom(other).includes(type)))
  if (target === 'timestamp' && types.includes('string')) return "Write timestamp('2001-06-30T12:00:00Z')."
  return target ? `Cast with ${target}(…).` : 'Compare values of one type.'
}
