// Evaluators that are wrong on purpose, to show that the differential suite notices. They are composed from outside: a node's
// children are evaluated first, then either a wrong rule has its say or the real closure of that one node.

import type { Expression } from '@tidemark/feature-schema/expression/ast'
import { compileExpression } from '@tidemark/feature-schema/expression/closure'
import { zoneNamed } from '@tidemark/feature-schema/expression/zone'
import type { Row, Value } from '@tidemark/feature-schema/value'
import type { Evaluator } from './expression-differential.ts'
import { COLUMNS } from './expression-values.ts'

/** What a node gives for its children's values, or undefined where the rule has no opinion. */
type Rule = (node: Expression, values: readonly Value[]) => Value | undefined

export const WRONG_RULES: Readonly<Record<string, Rule>> = {
  'takes NULL for false in and': (node, values) => (node.node === 'and' ? values.every((value) => value === true) : undefined),
  'takes NULL for false in or': (node, values) => (node.node === 'or' ? values.includes(true) : undefined),
  'takes NULL for false in not': (node, [value]) => (node.node === 'not' ? value !== true : undefined),
  'gives % the sign of the divisor': (node, [a, b]) => {
    if (!isInt(node, '%') || typeof a !== 'number' || typeof b !== 'number' || b === 0) return undefined
    return a - Math.floor(a / b) * b
  },
  'divides integers to an integer': (node, [a, b]) =>
    node.node === 'arithmetic' &&
    node.op === '/' &&
    typeof a === 'number' &&
    typeof b === 'number' &&
    Number.isInteger(a) &&
    Number.isInteger(b) &&
    b !== 0
      ? Math.trunc(a / b) + 0
      : undefined,
  'adds int64s as doubles': (node, [a, b]) => (isInt(node, '+') && isPresent(a) && isPresent(b) ? Number(a) + Number(b) : undefined),
  'wraps on overflow': (node, [a, b]) =>
    isInt(node, '+') && isPresent(a) && isPresent(b) ? narrowed(BigInt.asIntN(64, BigInt(a) + BigInt(b))) : undefined,
  'orders strings by UTF-16 units': (node, [a, b]) => {
    if (node.node !== 'comparison' || typeof a !== 'string' || typeof b !== 'string') return undefined
    return { '<': a < b, '<=': a <= b, '>': a > b, '>=': a >= b, '==': a === b, '!=': a !== b }[node.op]
  },
  'keeps negative zeros': (node, [x]) => (node.node === 'negate' && node.type === 'double' && typeof x === 'number' ? -x : undefined),
  'keeps infinities': (node, [a, b]) =>
    node.node === 'arithmetic' && node.type === 'double' && node.op === '*' && typeof a === 'number' && typeof b === 'number'
      ? a * b + 0
      : undefined,
  'overlooks NULL in a list': (node, [x, ...choices]) => (node.node === 'in' && x !== null ? choices.includes(x!) : undefined),
  'rounds halves to even': calls('round', (x) =>
    Number.isInteger(x) ? undefined : Math.abs(Number(x)) % 1 === 0.5 ? 2 * Math.round(Number(x) / 2) + 0 : undefined,
  ),
  'rounds halves up': calls('round', (x) => (typeof x === 'number' ? Math.round(x) + 0 : undefined)),
  'lowers all of Unicode': calls('lower', (x) => (typeof x === 'string' ? x.toLowerCase() : undefined)),
  'trims all of Unicode': calls('trim', (x) => (typeof x === 'string' ? x.trim() : undefined)),
  'counts UTF-16 units': calls('length', (x) => (typeof x === 'string' ? x.length : undefined)),
  'lets least be NULL for one NULL': calls('least', (...args) => (args.includes(null) ? null : undefined)),
  'reads every number that JavaScript reads': (node, [x]) =>
    node.node === 'cast' && node.type === 'double' && typeof x === 'string'
      ? Number.isFinite(Number(x))
        ? Number(x) + 0
        : null
      : undefined,
  'rounds a double that becomes an integer': (node, [x]) =>
    node.node === 'cast' && node.type === 'int64' && node.operand.type === 'double' && typeof x === 'number' && Math.abs(x) < 1e15
      ? Math.round(x) + 0
      : undefined,
  'knows no summer time': calls('hour', (ms, zone) => {
    if (typeof ms !== 'number' || typeof zone !== 'string') return undefined
    const wallMs = ms + zoneNamed(zone)!.byUtc.offsetsMs.at(-1)!
    return Math.floor((((wallMs % 86_400_000) + 86_400_000) % 86_400_000) / 3_600_000)
  }),
}

/** Short expressions that the rules get wrong on some row: random ones would meet the rarest only now and then. */
export const TELLING_TEXTS: readonly string[] = [
  'b1 and b2', 'b1 or b2', 'not b2', 'i1 % i2', 'i1 / i2', 'l1 + l2', 's1 < s2', '-d1', 'd1 * d2', "s1 in ('a', null)",
  'i1 in (i2, 1)', 'round(d1)', 'lower(s1)', 'trim(s1)', 'length(s1)', 'least(i1, i2)', 'double(s1)', 'int64(d1)',
  "hour(t1, 'America/Chicago')",
]

/** Evaluates a node's children, then the node by the rule, or by its real closure. */
export function evaluateWith(rule: Rule): Evaluator {
  return (expression) => {
    const children = childrenOf(expression)
    const evaluateChild = children.map(evaluateWith(rule))
    const evaluateNode = compileExpression(withColumns(expression), Number)
    if (expression.node === 'column') return (row) => row[COLUMNS.findIndex(({ name }) => name === expression.name)]!
    return (row: Row) => {
      const values = evaluateChild.map((evaluate) => evaluate(row))
      const wrong = rule(expression, values)
      return wrong === undefined ? evaluateNode(values) : wrong
    }
  }
}

function childrenOf(node: Expression): readonly Expression[] {
  switch (node.node) {
    case 'literal':
    case 'column':
      return []
    case 'arithmetic':
    case 'comparison':
    case 'and':
    case 'or':
      return [node.left, node.right]
    case 'negate':
    case 'not':
    case 'isNull':
    case 'cast':
      return [node.operand]
    case 'conditional':
      return [node.test, node.then, node.otherwise]
    case 'in':
      return [node.operand, ...node.choices]
    case 'call':
      return node.args
  }
}

/** The node with columns named 0, 1, … instead of its children; literals stay, some of which say what the node means. */
function withColumns(node: Expression): Expression {
  let count = 0
  const column = (child: Expression): Expression => {
    const name = String(count++)
    return child.node === 'literal' ? child : { node: 'column', type: child.type, nullable: child.nullable, name }
  }
  switch (node.node) {
    case 'literal':
      return node
    case 'column':
      return { ...node, name: '0' }
    case 'arithmetic':
    case 'comparison':
    case 'and':
    case 'or':
      return { ...node, left: column(node.left), right: column(node.right) }
    case 'negate':
    case 'not':
    case 'isNull':
    case 'cast':
      return { ...node, operand: column(node.operand) }
    case 'conditional':
      return { ...node, test: column(node.test), then: column(node.then), otherwise: column(node.otherwise) }
    case 'in':
      return { ...node, operand: column(node.operand), choices: node.choices.map(column) }
    case 'call':
      return { ...node, args: node.args.map(column) }
  }
}

function calls(fn: string, rule: (...args: readonly Value[]) => Value | undefined): Rule {
  return (node, values) => (node.node === 'call' && node.fn === fn ? rule(...values) : undefined)
}

function isInt(node: Expression, op: string): boolean {
  return node.node === 'arithmetic' && node.op === op && node.type === 'int64'
}

function isPresent(value: Value | undefined): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint'
}

function narrowed(value: bigint): number | bigint {
  return Number.isSafeInteger(Number(value)) ? Number(value) : value
}
