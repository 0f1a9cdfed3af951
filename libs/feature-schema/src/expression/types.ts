// How types widen: an integer fits a wider integer's place and a double's, NULL fits any.

import { canonicalInt64, type Value, type ValueType } from '../value.ts'
import type { Expression, ExpressionType } from './ast.ts'

export function isInteger(type: ExpressionType): boolean {
  return type === 'int32' || type === 'int64'
}

export function isNumeric(type: ExpressionType): boolean {
  return isInteger(type) || type === 'double'
}

/** Whether a value of type `from` can stand where `to` is expected, without a cast in the text. */
export function fits(from: ExpressionType, to: ValueType): boolean {
  return from === to || from === 'null' || (from === 'int32' && to === 'int64') || (isInteger(from) && to === 'double')
}

/** The narrowest type that all fit, or null. */
export function commonType(types: readonly ExpressionType[]): ValueType | null {
  const candidates = [...new Set(types), 'int64', 'double'].filter((type) => type !== 'null') as ValueType[]
  return candidates.find((candidate) => types.every((type) => fits(type, candidate))) ?? null
}

export function literal(type: ValueType, value: Value): Expression {
  return { node: 'literal', type, nullable: value === null, value }
}

/** The same value as a `type` that it fits (or int32, from int64). */
export function coerce(expression: Expression, type: ValueType): Expression {
  if (expression.type === type) return expression
  if (expression.type === 'null') return literal(type, null)
  if (expression.node === 'literal' && type === 'double') return literal(type, Number(expression.value))
  if (expression.node === 'literal' && type === 'int64') return literal(type, canonicalInt64(BigInt(expression.value as number)))
  return { node: 'cast', type, nullable: expression.nullable || type === 'int32', operand: expression }
}

const DESCRIPTIONS: Readonly<Record<ExpressionType, string>> = {
  boolean: 'a boolean',
  int32: 'an int32',
  int64: 'an int64',
  double: 'a double',
  string: 'a string',
  timestamp: 'a timestamp',
  null: 'NULL',
}

export function describeType(type: ExpressionType): string {
  return DESCRIPTIONS[type]
}
