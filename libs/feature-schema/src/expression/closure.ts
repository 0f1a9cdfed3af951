// An expression as a JavaScript function of a row. It gives what the SQL of `expressionSql` gives, by the table in
// docs/expressions.md. The shapes that filters and derived columns mostly have get functions of their own.

import { TIMESTAMP_MAX_MS, TIMESTAMP_MIN_MS } from '../limits.ts'
import { canonicalDouble, compareStrings, type Row, type Value } from '../value.ts'
import type { ArithmeticOp, ComparisonOp, Expression } from './ast.ts'
import { castBetween } from './cast.ts'
import { FUNCTIONS, overloadOf } from './functions.ts'
import { addInt64, type Int, multiplyInt64, negateInt64, remainderInt64, subtractInt64 } from './int64.ts'

export type Closure = (row: Row) => Value

type Of<N extends Expression['node']> = Extract<Expression, { node: N }>
type Present = Exclude<Value, null>

/** Compiles a checked expression. `indexOf` gives a column's place in the rows; their values must be canonical (value.ts). */
export function compileExpression(expression: Expression, indexOf: (column: string) => number): Closure {
  const compile = (child: Expression): Closure => compileExpression(child, indexOf)
  switch (expression.node) {
    case 'literal': {
      const { value } = expression
      return () => value
    }
    case 'column': {
      const index = indexOf(expression.name)
      return (row) => row[index]!
    }
    case 'arithmetic':
      return compileArithmetic(expression, compile(expression.left), compile(expression.right))
    case 'negate':
      return unary(compile(expression.operand), expression.type === 'double' ? (x) => -(x as number) + 0 : (x) => negateInt64(x as Int))
    case 'comparison':
      return compileComparison(expression, compile(expression.left), compile(expression.right))
    case 'and':
      return and(compile(expression.left), compile(expression.right))
    case 'or':
      return or(compile(expression.left), compile(expression.right))
    case 'not':
      return unary(compile(expression.operand), (x) => !x)
    case 'isNull': {
      const operand = compile(expression.operand)
      return (row) => operand(row) === null
    }
    case 'conditional': {
      const [test, then, otherwise] = [compile(expression.test), compile(expression.then), compile(expression.otherwise)]
      return (row) => (test(row) === true ? then(row) : otherwise(row))
    }
    case 'in':
      return compileIn(expression, compile)
    case 'cast':
      return compileCast(expression, compile(expression.operand))
    case 'call':
      return compileCall(expression, expression.args.map(compile))
  }
}

const DOUBLE_ARITHMETIC: Readonly<Record<ArithmeticOp, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '%': (a, b) => a % b,
}
const INT64_ARITHMETIC: Readonly<Record<Exclude<ArithmeticOp, '/'>, (a: Int, b: Int) => Int | null>> = {
  '+': addInt64,
  '-': subtractInt64,
  '*': multiplyInt64,
  '%': remainderInt64,
}

function compileArithmetic({ type, op }: Of<'arithmetic'>, left: Closure, right: Closure): Closure {
  if (type === 'double') {
    const compute = DOUBLE_ARITHMETIC[op]
    // Division by zero is infinite or no number, and so NULL.
    return binary(left, right, (a, b) => canonicalDouble(compute(a as number, b as number)))
  }
  const compute = INT64_ARITHMETIC[op as Exclude<ArithmeticOp, '/'>]
  if (type === 'timestamp') {
    return binary(left, right, (a, b) => {
      const ms = compute(a as number, b as Int)
      return ms !== null && ms >= TIMESTAMP_MIN_MS && ms <= TIMESTAMP_MAX_MS ? ms : null
    })
  }
  return binary(left, right, compute as (a: Present, b: Present) => Value)
}

type Compare = (a: Present, b: Present) => boolean

// Canonical values are equal only when they are identical: an int64 is never both a number and a bigint.
const COMPARE: Readonly<Record<ComparisonOp, Compare>> = {
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
}
const COMPARE_STRINGS: Readonly<Record<ComparisonOp, (a: string, b: string) => boolean>> = {
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '<': (a, b) => compareStrings(a, b) < 0,
  '<=': (a, b) => compareStrings(a, b) <= 0,
  '>': (a, b) => compareStrings(a, b) > 0,
  '>=': (a, b) => compareStrings(a, b) >= 0,
}

function compileComparison({ op, left, right }: Of<'comparison'>, leftOf: Closure, rightOf: Closure): Closure {
  if (left.type === 'string') return binary(leftOf, rightOf, COMPARE_STRINGS[op] as Compare)
  if (right.node === 'literal' && typeof right.value === 'number') return compareToNumber(op, leftOf, right.value)
  return binary(leftOf, rightOf, COMPARE[op])
}

/** One function for each operator, which the engine can inline: the filters of most definitions. */
function compareToNumber(op: ComparisonOp, operand: Closure, bound: number): Closure {
  const left = operand as (row: Row) => Int | null
  switch (op) {
    case '==':
      return (row) => {
        const a = left(row)
        return a === null ? null : a === bound
      }
    case '!=':
      return (row) => {
        const a = left(row)
        return a === null ? null : a !== bound
      }
    case '<':
      return (row) => {
        const a = left(row)
        return a === null ? null : a < bound
      }
    case '<=':
      return (row) => {
        const a = left(row)
        return a === null ? null : a <= bound
      }
    case '>':
      return (row) => {
        const a = left(row)
        return a === null ? null : a > bound
      }
    case '>=':
      return (row) => {
        const a = left(row)
        return a === null ? null : a >= bound
      }
  }
}

function and(left: Closure, right: Closure): Closure {
  return (row) => {
    const a = left(row)
    if (a === false) return false
    const b = right(row)
    return b === false ? false : a === null ? null : b
  }
}

function or(left: Closure, right: Closure): Closure {
  return (row) => {
    const a = left(row)
    if (a === true) return true
    const b = right(row)
    return b === true ? true : a === null ? null : b
  }
}

/** SQL's IN: NULL when nothing is equal and something is NULL. */
function compileIn({ operand, choices }: Of<'in'>, compile: (child: Expression) => Closure): Closure {
  const operandOf = compile(operand)
  const literals = choices.filter((choice) => choice.node === 'literal')
  const known = new Set(literals.map((choice) => choice.value))
  const otherwise = known.delete(null) ? null : false
  const computed = choices.filter((choice) => choice.node !== 'literal').map(compile)
  if (computed.length === 0) return unary(operandOf, (x) => known.has(x) || otherwise)
  return (row) => {
    const x = operandOf(row)
    if (x === null) return null
    if (known.has(x)) return true
    let result: Value = otherwise
    for (const choice of computed) {
      const value = choice(row)
      if (value === x) return true
      if (value === null) result = null
    }
    return result
  }
}

function compileCast({ type, operand }: Of<'cast'>, operandOf: Closure): Closure {
  if (operand.type === 'int32' && (type === 'int64' || type === 'double')) return operandOf
  const cast = type === 'null' || operand.type === 'null' ? null : castBetween(operand.type, type)
  if (!cast) throw new Error(`no cast from ${operand.type} to ${type}`)
  return unary(operandOf, cast.evaluate)
}

function compileCall({ fn: name, args }: Of<'call'>, argsOf: readonly Closure[]): Closure {
  const fn = FUNCTIONS.get(name)
  if (!fn) throw new Error(`no function ${name}`)
  if ('alike' in fn) {
    const { evaluate } = fn.alike
    return (row) => evaluate(argsOf.map((arg) => arg(row)))
  }
  const { evaluate } = overloadOf(fn, args)
  if (argsOf.length === 1) return unary(argsOf[0]!, evaluate)
  if (argsOf.length === 2) return binary(argsOf[0]!, argsOf[1]!, evaluate)
  return (row) => {
    const values = argsOf.map((arg) => arg(row))
    return values.every((value) => value !== null) ? evaluate(...values) : null
  }
}

/** NULL in, NULL out. */
function unary(operand: Closure, compute: (x: Present) => Value): Closure {
  return (row) => {
    const x = operand(row)
    return x === null ? null : compute(x)
  }
}

function binary(left: Closure, right: Closure, compute: (a: Present, b: Present) => Value): Closure {
  return (row) => {
    const a = left(row)
    if (a === null) return null
    const b = right(row)
    return b === null ? null : compute(a, b)
  }
}
