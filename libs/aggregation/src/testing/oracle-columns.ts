// A view's columns for the oracle: fields, derived columns and any expression over them, through the published closures.

import type { FeatureViewDefinition, SourceDefinition } from '@tidemark/feature-schema/definition'
import type { Expression, Scope } from '@tidemark/feature-schema/expression/ast'
import { checkExpression } from '@tidemark/feature-schema/expression/check'
import { compileExpression } from '@tidemark/feature-schema/expression/closure'
import type { Row, Value, ValueType } from '@tidemark/feature-schema/value'

export interface Columns {
  /** Adds the derived columns to a source's fields, and evaluates expressions on them. */
  readonly read: (fields: Row) => (expression: string) => Value
  /** Whether an expression's values are integers, which are summed exactly. */
  readonly isInteger: (expression: string) => boolean
}

export function openColumns(view: FeatureViewDefinition, source: SourceDefinition): Columns {
  const names = [...source.fields.map(({ name }) => name), ...view.derive.map(({ name }) => name)]
  const scope: Scope = new Map([
    ...source.fields.map(({ name, type, nullable }) => [name, { type, nullable }] as const),
    ...view.derive.map(({ name, type }) => [name, { type, nullable: true }] as const),
  ])
  const known = new Map<string, Compiled>()
  const compile = (text: string, type?: ValueType): Compiled => {
    const compiled = known.get(text) ?? compileText(text, scope, names, type)
    known.set(text, compiled)
    return compiled
  }
  const derived = view.derive.map(({ expression, type }) => compile(expression, type).evaluate)
  return {
    read(fields) {
      const row = [...fields]
      for (const evaluate of derived) row.push(evaluate(row))
      return (expression) => compile(expression).evaluate(row)
    },
    isInteger: (expression) => ['int32', 'int64'].includes(compile(expression).type),
  }
}

interface Compiled {
  readonly type: Expression['type']
  readonly evaluate: (row: Row) => Value
}

function compileText(text: string, scope: Scope, names: readonly string[], expected?: ValueType): Compiled {
  const checked = checkExpression(text, scope, expected)
  if (!checked.ok) throw new Error(checked.problems.map(({ message }) => message).join(' '))
  return { type: checked.expression.type, evaluate: compileExpression(checked.expression, (name) => names.indexOf(name)) }
}
