// The one form of an expression between parsing and use: every node carries its type, so that the JavaScript closure and the
// SQL text are made from the same decisions (casts are explicit, overloads are resolved).

import type { Value, ValueType } from '../value.ts'

export type ExpressionType = ValueType | 'null'

export type ArithmeticOp = '+' | '-' | '*' | '/' | '%'
export type ComparisonOp = '==' | '!=' | '<' | '<=' | '>' | '>='

export type Expression = { readonly type: ExpressionType; readonly nullable: boolean } & (
  | { readonly node: 'literal'; readonly value: Value }
  | { readonly node: 'column'; readonly name: string }
  | { readonly node: 'arithmetic'; readonly op: ArithmeticOp; readonly left: Expression; readonly right: Expression }
  | { readonly node: 'negate'; readonly operand: Expression }
  | { readonly node: 'comparison'; readonly op: ComparisonOp; readonly left: Expression; readonly right: Expression }
  | { readonly node: 'and' | 'or'; readonly left: Expression; readonly right: Expression }
  | { readonly node: 'not'; readonly operand: Expression }
  | { readonly node: 'isNull'; readonly operand: Expression }
  | { readonly node: 'conditional'; readonly test: Expression; readonly then: Expression; readonly otherwise: Expression }
  | { readonly node: 'in'; readonly operand: Expression; readonly choices: readonly Expression[] }
  | { readonly node: 'cast'; readonly operand: Expression }
  /** A function of the published table; arguments have the types its overload asks for. */
  | { readonly node: 'call'; readonly fn: string; readonly args: readonly Expression[] }
)

/** A column that expressions may name. */
export interface ColumnType {
  readonly type: ValueType
  readonly nullable: boolean
}

export type Scope = ReadonlyMap<string, ColumnType>
