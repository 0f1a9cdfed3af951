// Evaluates expressions over rows as a closure and in DuckDB, and lists where the two differ.

import type { DuckDbSession } from '@tidemark/adapter-duckdb/duckdb-session'
import type { Expression } from '@tidemark/feature-schema/expression/ast'
import { checkExpression } from '@tidemark/feature-schema/expression/check'
import { compileExpression } from '@tidemark/feature-schema/expression/closure'
import { FUNCTIONS } from '@tidemark/feature-schema/expression/functions'
import { APPROXIMATE_ERROR_MAX } from '@tidemark/feature-schema/expression/functions-number'
import { expressionSql } from '@tidemark/feature-schema/expression/sql'
import { SQL_TYPES } from '@tidemark/feature-schema/expression/sql-text'
import { canonicalInt64, type Row, type Value, type ValueType } from '@tidemark/feature-schema/value'
import { COLUMNS, SCOPE } from './expression-values.ts'

/** How an expression is evaluated outside DuckDB: `compileClosure`, or something that is wrong on purpose. */
export type Evaluator = (expression: Expression) => (row: Row) => Value

export interface Difference {
  readonly text: string
  readonly row: Row
  readonly closure: Value
  readonly sql: Value
}

export const compileClosure: Evaluator = (expression) =>
  compileExpression(expression, (name) => COLUMNS.findIndex((column) => column.name === name))

/** Expressions of one query. */
const QUERY_COLUMNS = 100

export async function loadRows({ connection, schema, run }: DuckDbSession, rows: readonly Row[]): Promise<void> {
  const columns = COLUMNS.map(({ name, type }) => `${name} ${SQL_TYPES[type]}`).join(', ')
  await run(`CREATE OR REPLACE TABLE ${schema}.rows (n BIGINT, ${columns})`)
  const appender = await connection.createAppender('rows', schema)
  rows.forEach((row, n) => {
    appender.appendBigInt(BigInt(n))
    row.forEach((value, i) => {
      if (value === null) appender.appendNull()
      else if (typeof value === 'string') appender.appendVarchar(value)
      else if (typeof value === 'boolean') appender.appendBoolean(value)
      else if (COLUMNS[i]!.type === 'double') appender.appendDouble(Number(value))
      else appender.appendBigInt(BigInt(value))
    })
    appender.endRow()
  })
  appender.closeSync()
}

/** An expression and its value in DuckDB for each of the rows that are loaded. */
export interface Answer {
  readonly text: string
  readonly expression: Expression
  readonly values: readonly Value[]
}

/** Checks the texts, which must be valid, and evaluates them in DuckDB. */
export async function answersOfDuckDb(session: DuckDbSession, texts: readonly string[]): Promise<Answer[]> {
  const answers: Answer[] = []
  for (let from = 0; from < texts.length; from += QUERY_COLUMNS) {
    const questions = texts.slice(from, from + QUERY_COLUMNS).map((text) => ({ text, expression: checked(text) }))
    const columns = await evaluateInDuckDb(session, questions)
    answers.push(...questions.map((question, i) => ({ ...question, values: columns[i]! })))
  }
  return answers
}

/** Where an evaluator differs from DuckDB, shortest texts first. */
export function findDifferences(answers: readonly Answer[], rows: readonly Row[], evaluator: Evaluator): Difference[] {
  const differences = answers.flatMap(({ text, expression, values }) => {
    const evaluate = evaluator(expression)
    return rows.flatMap((row, n) => {
      const [closure, sql] = [evaluate(row), values[n]!]
      return agree(expression, closure, sql) ? [] : [{ text, row, closure, sql }]
    })
  })
  return differences.sort((a, b) => a.text.length - b.text.length)
}

/** The boolean expressions that keep other rows as a WHERE, where DuckDB's planner rewrites them, than as a closure. */
export async function findFilterDifferences(session: DuckDbSession, texts: readonly string[], rows: readonly Row[]): Promise<string[]> {
  const filters = texts.map((text) => ({ text, expression: checked(text) })).filter(({ expression }) => expression.type === 'boolean')
  const different: string[] = []
  for (const { text, expression } of filters) {
    const sql = expressionSql(expression, (name) => name)
    const kept = await session.rows(`SELECT n FROM ${session.schema}.rows WHERE ${sql} ORDER BY n`)
    const evaluate = compileClosure(expression)
    const expected = rows.flatMap((row, n) => (evaluate(row) === true ? [n] : []))
    if (kept.map(({ n }) => Number(n)).join() !== expected.join()) different.push(text)
  }
  return different
}

/** What to print of differences: the shortest, and the row as columns. */
export function describeDifferences(differences: readonly Difference[]): string[] {
  return differences.slice(0, 5).map(({ text, row, closure, sql }) => {
    const columns = COLUMNS.flatMap(({ name }, i) => (text.includes(name) ? [`${name}=${shown(row[i]!)}`] : []))
    return `${text}: closure ${shown(closure)}, SQL ${shown(sql)}, where ${columns.join(', ')}`
  })
}

function checked(text: string): Expression {
  const result = checkExpression(text, SCOPE)
  if (!result.ok) throw new Error(`${text}: ${result.problems.map(({ where, message }) => `${where}: ${message}`).join(' ')}`)
  return result.expression
}

/** A column of values for each expression. */
async function evaluateInDuckDb(session: DuckDbSession, questions: readonly Pick<Answer, 'text' | 'expression'>[]): Promise<Value[][]> {
  const columns = questions.map(({ expression }, i) => `${expressionSql(expression, (name) => name)} AS e${i}`)
  try {
    const rows = await session.rows(`SELECT ${columns.join(', ')} FROM ${session.schema}.rows ORDER BY n`)
    return questions.map(({ expression }, i) => rows.map((row) => toValue(row[`e${i}`], expression.type as ValueType)))
  } catch (error) {
    if (questions.length === 1) throw new Error(`DuckDB refuses ${questions[0]!.text}`, { cause: error })
    const middle = questions.length >> 1
    return [...(await evaluateInDuckDb(session, questions.slice(0, middle))), ...(await evaluateInDuckDb(session, questions.slice(middle)))]
  }
}

function toValue(value: unknown, type: ValueType): Value {
  if (value === null) return null
  const found = typeof value === 'bigint' ? 'integer' : typeof value
  const expected = { boolean: 'boolean', int32: 'integer', int64: 'integer', timestamp: 'integer', double: 'number', string: 'string' }[
    type
  ]
  if (found !== expected) throw new Error(`DuckDB gives ${found} for ${type}`)
  return typeof value === 'bigint' ? canonicalInt64(value) : (value as Value)
}

function agree({ type, nullable, ...expression }: Expression, closure: Value, sql: Value): boolean {
  if (closure === null && !nullable) return false
  if (
    expression.node === 'call' &&
    isApproximate(expression.fn) &&
    typeof closure === 'number' &&
    typeof sql === 'number' &&
    type === 'double'
  ) {
    return Math.abs(closure - sql) <= APPROXIMATE_ERROR_MAX * Math.max(Math.abs(closure), Math.abs(sql)) + Number.MIN_VALUE
  }
  return Object.is(closure, sql)
}

function isApproximate(fn: string): boolean {
  const found = FUNCTIONS.get(fn)!
  return 'approximate' in found && found.approximate === true
}

function shown(value: Value): string {
  return typeof value === 'bigint' ? `${value}n` : Object.is(value, -0) ? '-0' : JSON.stringify(value)
}
