// Collects what is wrong with definitions: each check says it and goes on, so that all problems are told at once.

import { describeFound } from './accepted-value.ts'
import type { Ownership } from './definition.ts'
import type { Problem } from './errors.ts'
import type { Expression, Scope } from './expression/ast.ts'
import { checkExpression } from './expression/check.ts'
import { faultsOf } from './shape-faults.ts'
import type { ValueType } from './value.ts'

export class ProblemReport {
  readonly problems: Problem[] = []

  add(where: string, message: string, action: string): void {
    this.problems.push({ code: 'DEFINITION_INVALID', message, where, action })
  }

  /** Reports what the DSL found wrong with a definition's shape, and what all definitions have in common. */
  shape(where: string, definition: Ownership): void {
    for (const { part, message, action } of faultsOf(definition)) this.add(`${where}, ${part}`, message, action)
    const { owner, description, tags } = definition
    for (const [name, value] of Object.entries({ owner, description })) if (value !== undefined) this.text(`${where}, ${name}`, value, 'Write a text.')
    if (tags !== undefined && !(Array.isArray(tags) && tags.every((tag) => typeof tag === 'string'))) {
      this.add(`${where}, tags`, `Expected a list of texts, found ${describeFound(tags)}.`, "Write tags: ['pii'].")
    }
  }

  /** Whether it is a text; reports what is none. */
  text(where: string, value: unknown, action: string): value is string {
    if (typeof value === 'string') return true
    this.add(where, `Expected a text, found ${describeFound(value)}.`, action)
    return false
  }

  /**
   * The typed expression, or null after reporting what is wrong with it. Without `expected`, it may have any type; without columns (`scope`)
   * it cannot be judged, other than that it is a text.
   */
  expression(where: string, text: string, scope: Scope | null, expected?: ValueType): Expression | null {
    if (!this.text(where, text, "Write the expression as a text: 'amount > 0'.") || scope === null) return null
    const checked = checkExpression(text, scope, expected)
    if (checked.ok) return checked.expression
    for (const problem of checked.problems) this.problems.push({ ...problem, where: `${where}, ${problem.where}` })
    return null
  }

  /** Reports a number that is not an integer from `min` to `max`. */
  integer(where: string, value: number, min: number, max: number): void {
    if (Number.isInteger(value) && value >= min && value <= max) return
    this.add(where, `It is ${describeFound(value)}.`, `Give an integer from ${min} to ${max}.`)
  }
}
