// Collects what is wrong with definitions: each check says it and goes on, so that all problems are told at once.

import type { Problem } from './errors.ts'
import type { Expression, Scope } from './expression/ast.ts'
import { checkExpression } from './expression/check.ts'
import type { ValueType } from './value.ts'

export class ProblemReport {
  readonly problems: Problem[] = []

  add(where: string, message: string, action: string): void {
    this.problems.push({ code: 'DEFINITION_INVALID', message, where, action })
  }

  /** The typed expression, or null after reporting what is wrong with it. Without `expected`, it may have any type. */
  expression(where: string, text: string, scope: Scope, expected?: ValueType): Expression | null {
    const checked = checkExpression(text, scope, expected)
    if (checked.ok) return checked.expression
    for (const problem of checked.problems) this.problems.push({ ...problem, where: `${where}, ${problem.where}` })
    return null
  }

  /** Reports a number that is not an integer from `min` to `max`. */
  integer(where: string, value: number, min: number, max: number): void {
    if (Number.isInteger(value) && value >= min && value <= max) return
    this.add(where, `It is ${value}.`, `Give an integer from ${min} to ${max}.`)
  }
}
