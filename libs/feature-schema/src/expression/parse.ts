// From text to a syntax tree whose nodes know their places. The one file that imports jsep, which climbs the precedences.
// jsep's grammar is one global per process; this file sets it when it is loaded, and nothing else in the project uses it.

import jsep from 'jsep'
import type { ArithmeticOp, ComparisonOp } from './ast.ts'
import { EXPRESSION_DEPTH_MAX, scan, SyntaxProblem, tooDeep } from './scan.ts'

/** `place` is the character, counted from 0, where the node starts. */
export type Syntax = { readonly place: number } & (
  | { readonly kind: 'null' }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'integer'; readonly value: bigint }
  | { readonly kind: 'double'; readonly value: number }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Syntax[] }
  | { readonly kind: 'negate'; readonly operand: Syntax }
  | { readonly kind: 'not'; readonly operand: Syntax }
  | { readonly kind: 'arithmetic'; readonly op: ArithmeticOp; readonly left: Syntax; readonly right: Syntax }
  | { readonly kind: 'comparison'; readonly op: ComparisonOp; readonly left: Syntax; readonly right: Syntax }
  | { readonly kind: 'and'; readonly left: Syntax; readonly right: Syntax }
  | { readonly kind: 'or'; readonly left: Syntax; readonly right: Syntax }
  | { readonly kind: 'isNull'; readonly operand: Syntax }
  | { readonly kind: 'in'; readonly operand: Syntax; readonly choices: readonly Syntax[] }
  | { readonly kind: 'conditional'; readonly test: Syntax; readonly then: Syntax; readonly otherwise: Syntax }
)

const AND_PRECEDENCE = 2
const PRECEDENCES: Readonly<Record<string, number>> = {
  'or': 1,
  '||': 1,
  'and': AND_PRECEDENCE,
  '&&': AND_PRECEDENCE,
  '=': 4,
  '==': 4,
  '!=': 4,
  '<>': 4,
  '<': 4,
  '<=': 4,
  '>': 4,
  '>=': 4,
  'in': 4,
  'not in': 4,
  'is': 4,
  '+': 5,
  '-': 5,
  '*': 6,
  '/': 6,
  '%': 6,
}
const SYNONYMS: Readonly<Record<string, string>> = { '||': 'or', '&&': 'and', '=': '==', '<>': '!=' }

jsep.removeAllUnaryOps()
jsep.removeAllBinaryOps()
for (const op of ['-', '!', 'not']) jsep.addUnaryOp(op)
for (const [op, precedence] of Object.entries(PRECEDENCES)) jsep.addBinaryOp(op, precedence)
jsep.hooks.add('gobble-token', markPlace)

/** What markPlace adds to jsep's nodes. */
interface Marks {
  place?: number
  bracketed?: boolean
}
type Node = jsep.CoreExpression & Marks

/** The place of the token that a parser is reading: markPlace reads it itself, and must not catch its own call. */
const reading = new WeakMap<jsep.HookScope, number>()

function markPlace(this: jsep.HookScope, env: { node?: jsep.Expression }): void {
  const place = this.index
  if (reading.get(this) === place) return
  const bracketed = this.char === '('
  reading.set(this, place)
  const node = this.gobbleToken() as Node | undefined
  if (!node) return
  node.place ??= place
  if (bracketed) node.bracketed = true
  env.node = node
}

/** Parses an expression. Throws a SyntaxProblem. */
export function parseExpression(text: string): Syntax {
  return fromNode(jsep(scan(text)) as Node, 0)
}

function fromNode(node: Node, depth: number): Syntax {
  const place = placeOf(node)
  if (depth > EXPRESSION_DEPTH_MAX) throw tooDeep(place)
  const read = (child: jsep.Expression): Syntax => fromNode(child as Node, depth + 1)
  switch (node.type) {
    case 'Literal':
      return fromLiteral(node, place)
    case 'Identifier':
      return { kind: 'name', name: node.name, place }
    case 'ThisExpression':
      return { kind: 'name', name: 'this', place }
    case 'CallExpression':
      return { kind: 'call', name: (node.callee as jsep.Identifier).name, args: node.arguments.map(read), place }
    case 'UnaryExpression':
      return { kind: node.operator === '-' ? 'negate' : 'not', operand: read(node.argument), place }
    case 'BinaryExpression':
      return fromBinary(node, place, read)
    case 'ConditionalExpression':
      return { kind: 'conditional', test: read(node.test), then: read(node.consequent), otherwise: read(node.alternate), place }
    case 'ArrayExpression':
    case 'SequenceExpression':
      throw new SyntaxProblem(place, 'A list stands only after "in".', 'Write x in (1, 2, 3).')
    case 'Compound':
    case 'MemberExpression':
      throw new Error(`scan lets a ${node.type} pass`)
  }
}

function fromLiteral(node: jsep.Literal, place: number): Syntax {
  const { value, raw } = node
  if (value === null) return { kind: 'null', place }
  if (typeof value === 'boolean') return { kind: 'boolean', value, place }
  if (typeof value === 'string') return { kind: 'string', value, place }
  // jsep reads every number as a double; its text has all the digits.
  return /^\d+$/.test(raw) ? { kind: 'integer', value: BigInt(raw), place } : { kind: 'double', value: Number(raw), place }
}

function fromBinary(node: jsep.BinaryExpression & Marks, place: number, read: (child: jsep.Expression) => Syntax): Syntax {
  const op = SYNONYMS[node.operator] ?? node.operator
  if (op === 'and' || op === 'or') return { kind: op, left: read(node.left), right: read(node.right), place }
  const negated = liftNot(node)
  if (negated) return { kind: 'not', operand: read(negated), place }
  if (op === 'in') return { kind: 'in', operand: read(node.left), choices: listItems(node.right).map(read), place }
  if (op === 'not in')
    return { kind: 'not', operand: { kind: 'in', operand: read(node.left), choices: listItems(node.right).map(read), place }, place }
  if (op === 'is') return fromIs(node, place, read)
  const [left, right] = [read(node.left), read(node.right)]
  return '+-*/%'.includes(op)
    ? { kind: 'arithmetic', op: op as ArithmeticOp, left, right, place }
    : { kind: 'comparison', op: op as ComparisonOp, left, right, place }
}

/**
 * jsep binds every unary operator tighter than any binary one; the word `not` binds looser than a comparison, as in SQL:
 * `not a = b` comes as `(not a) = b`. Gives the comparison that it negates, or null where no `not` leads it.
 */
function liftNot(node: jsep.BinaryExpression): jsep.BinaryExpression | null {
  const left = node.left as Node
  if (left.bracketed) return null
  if (left.type === 'UnaryExpression' && left.operator === 'not') return { ...node, left: left.argument }
  const lifted = left.type === 'BinaryExpression' ? liftNot(left) : null
  return lifted && { ...node, left: lifted }
}

function fromIs(node: jsep.BinaryExpression, place: number, read: (child: jsep.Expression) => Syntax): Syntax {
  const right = node.right as Node
  const negated = right.type === 'UnaryExpression' && right.operator === 'not'
  const test = (negated ? right.argument : right) as Node
  if (test.type !== 'Literal' || test.value !== null)
    throw new SyntaxProblem(placeOf(right), '"is" is followed by null or not null.', 'Compare with "=" instead.')
  const isNull: Syntax = { kind: 'isNull', operand: read(node.left), place }
  return negated ? { kind: 'not', operand: isNull, place } : isNull
}

function listItems(list: jsep.Expression): readonly jsep.Expression[] {
  const node = list as Node
  if (node.type === 'SequenceExpression') return node.expressions
  if (node.type === 'ArrayExpression') return node.elements.filter((element) => element !== null)
  if (node.bracketed) return [node]
  throw new SyntaxProblem(placeOf(node), '"in" is followed by a list.', 'Write x in (1, 2, 3).')
}

/** Operators start where their first operand does. Throws when a chain of them is too long to descend. */
function placeOf(node: Node): number {
  let depth = 0
  for (let first = node; ; depth++) {
    if (first.place !== undefined) {
      if (depth > EXPRESSION_DEPTH_MAX) throw tooDeep(first.place)
      return first.place
    }
    if (first.type === 'BinaryExpression') first = first.left as Node
    else if (first.type === 'ConditionalExpression') first = first.test as Node
    else throw new Error(`a ${first.type} without a place`)
  }
}
