// From an expression's text to the tree with types that both engines are made from: casts are explicit there, overloads
// resolved, literals canonical. All problems are reported at once, each with the character where it stands.

import type { Problem } from '../errors.ts'
import type { ValueType } from '../value.ts'
import type { Expression, Scope } from './ast.ts'
import { ExpressionChecker } from './checker.ts'
import { parseExpression, type Syntax } from './parse.ts'
import { SyntaxProblem } from './scan.ts'

export type CheckedExpression =
  { readonly ok: true; readonly expression: Expression } | { readonly ok: false; readonly problems: readonly [Problem, ...Problem[]] }

/**
 * Parses `text`, resolves its names in `scope` and its types. With `expected`, the value becomes that type: NULL and integers fit
 * wider types by themselves, an int64 fits int32 (NULL beyond it), everything else needs a cast. Problems have the code
 * EXPRESSION_INVALID and count characters from 1.
 */
export function checkExpression(text: string, scope: Scope, expected?: ValueType): CheckedExpression {
  let syntax: Syntax
  try {
    syntax = parseExpression(text)
  } catch (error) {
    if (!(error instanceof SyntaxProblem)) throw error
    return { ok: false, problems: [problemAt(error.place, error.message, error.action)] }
  }
  const problems: Problem[] = []
  const checker = new ExpressionChecker(scope, (place, message, action) => problems.push(problemAt(place, message, action)))
  const expression = checker.checkWhole(syntax, expected)
  const [first, ...others] = problems
  if (first) return { ok: false, problems: [first, ...others] }
  if (!expression) throw new Error('an expression without a type or a problem')
  return { ok: true, expression }
}

function problemAt(place: number, message: string, action: string): Problem {
  return { code: 'EXPRESSION_INVALID', message, where: `character ${place + 1}`, action }
}
