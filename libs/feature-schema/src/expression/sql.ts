// An expression as DuckDB's SQL. It never aborts a query, and gives what the closure of `compileExpression` gives, by the table in
// docs/expressions.md. DuckDB's habits that differ are written around: overflow and logarithms abort, 1/0 is infinite, -0 stays.

import type { ValueType } from '../value.ts'
import type { Expression } from './ast.ts'
import { castBetween } from './cast.ts'
import { FUNCTIONS, overloadOf } from './functions.ts'
import { finite, SQL_TYPES, SqlNames, sqlString, timestampInRange } from './sql-text.ts'

type Of<N extends Expression['node']> = Extract<Expression, { node: N }>

/**
 * The SQL of a checked expression. `columnSql` gives a column's SQL, a quoted name for example, of the type that SQL_TYPES says
 * (int32 as BIGINT, a timestamp as BIGINT epoch milliseconds), with canonical values (value.ts). The result has such a type too.
 */
export function expressionSql(expression: Expression, columnSql: (column: string) => string): string {
  return new SqlWriter(columnSql).write(expression)
}

class SqlWriter {
  readonly #columnSql: (column: string) => string
  readonly #names = new SqlNames()

  constructor(columnSql: (column: string) => string) {
    this.#columnSql = columnSql
  }

  write(expression: Expression): string {
    switch (expression.node) {
      case 'literal':
        return literalSql(expression)
      case 'column':
        return this.#columnSql(expression.name)
      case 'arithmetic':
        return this.#arithmetic(expression)
      case 'negate':
        return expression.type === 'double' ? `(0 - ${this.write(expression.operand)})` : `TRY(-${this.write(expression.operand)})`
      case 'comparison':
        return `(${this.write(expression.left)} ${expression.op === '==' ? '=' : expression.op === '!=' ? '<>' : expression.op} ${this.write(expression.right)})`
      case 'and':
      case 'or':
        return `(${this.write(expression.left)} ${expression.node.toUpperCase()} ${this.write(expression.right)})`
      case 'not':
        return `(NOT ${this.write(expression.operand)})`
      case 'isNull':
        return `(${this.write(expression.operand)} IS NULL)`
      case 'conditional':
        return `(CASE WHEN ${this.write(expression.test)} THEN ${this.write(expression.then)} ELSE ${this.write(expression.otherwise)} END)`
      case 'in':
        return `(${this.write(expression.operand)} IN (${expression.choices.map((choice) => this.write(choice)).join(', ')}))`
      case 'cast':
        return this.#cast(expression)
      case 'call':
        return this.#call(expression)
    }
  }

  #arithmetic(expression: Of<'arithmetic'>): string {
    if (expression.type === 'double') return finite(this.#names, this.#unchecked(expression))
    const left = this.write(expression.left)
    const right = this.write(expression.right)
    // TRY would give NULL for the smallest integer % -1, which is 0, as for % 1.
    if (expression.op === '%') return `(${left} % ${this.#names.bind(right, (v) => `(CASE WHEN ${v} = -1 THEN 1 ELSE ${v} END)`)})`
    const sql = `TRY(${left} ${expression.op} ${right})`
    return expression.type === 'timestamp' ? timestampInRange(this.#names, sql) : sql
  }

  /**
   * Double arithmetic that is checked only where it ends: what is not finite stays so through + - * and as a dividend. As a
   * divisor it would not, nor on either side of %.
   */
  #unchecked(expression: Expression): string {
    if (expression.node !== 'arithmetic' || expression.type !== 'double') return this.write(expression)
    const { op, left, right } = expression
    const checksRight = op === '/' || op === '%'
    return `(${this.#unchecked(left)} ${op} ${checksRight ? this.write(right) : this.#unchecked(right)})`
  }

  #cast({ type, operand }: Of<'cast'>): string {
    const cast = type === 'null' || operand.type === 'null' ? null : castBetween(operand.type, type)
    if (!cast) throw new Error(`no cast from ${operand.type} to ${type}`)
    return cast.sql([this.write(operand)], this.#names)
  }

  #call({ fn: name, args }: Of<'call'>): string {
    const fn = FUNCTIONS.get(name)
    if (!fn) throw new Error(`no function ${name}`)
    if ('alike' in fn)
      return fn.alike.sql(
        args.map((arg) => this.write(arg)),
        this.#names,
      )
    const { params, sql } = overloadOf(fn, args)
    return sql(
      args.map((arg, i) => (params[i] === 'zone' || params[i] === 'unit' ? String((arg as Of<'literal'>).value) : this.write(arg))),
      this.#names,
    )
  }
}

function literalSql({ type, value }: Of<'literal'>): string {
  const sqlType = SQL_TYPES[type as ValueType]
  if (value === null) return `NULL::${sqlType}`
  if (typeof value === 'string') return sqlString(value)
  if (typeof value === 'boolean') return String(value)
  // A number with a point is a DECIMAL to DuckDB; from text it becomes the nearest double.
  return type === 'double' || value < 0 ? `'${value}'::${sqlType}` : `${value}::${sqlType}`
}
