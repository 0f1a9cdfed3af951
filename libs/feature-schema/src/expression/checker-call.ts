// The typing of calls: casts, which are named after their type, isNull, and the functions of the table.

import type { Value, ValueType } from '../value.ts'
import type { Expression } from './ast.ts'
import { castBetween, castsFrom } from './cast.ts'
import type { ExpressionChecker } from './checker.ts'
import { closestName } from './closest-name.ts'
import { type ExpressionFunction, FUNCTIONS } from './functions.ts'
import { isTimeUnit } from './functions-time.ts'
import { TIME_UNITS } from './calendar.ts'
import type { Overload, Param } from './overload.ts'
import type { Syntax } from './parse.ts'
import { coerce, commonType, describeType, fits, literal } from './types.ts'
import { zoneNamed } from './zone.ts'

type Call = Extract<Syntax, { kind: 'call' }>
type Alike = Extract<ExpressionFunction, { alike: object }>

export const CAST_NAMES: ReadonlySet<string> = new Set<ValueType>(['boolean', 'int32', 'int64', 'double', 'string', 'timestamp'])

/** Gives null after it has reported. */
export function checkCall(checker: ExpressionChecker, call: Call): Expression | null {
  const refuse = (message: string, action: string): null => {
    checker.report(call.place, message, action)
    return null
  }
  const isOther = CAST_NAMES.has(call.name) || call.name === 'isNull'
  const fn = FUNCTIONS.get(call.name)
  const args = checker.checkAll(call.args)
  if (!isOther && !fn) {
    const close = closestName(call.name, [...FUNCTIONS.keys(), ...CAST_NAMES, 'isNull'])
    return refuse(`There is no function ${call.name}.`, close ? `Did you mean ${close}?` : 'docs/expressions.md lists the functions.')
  }
  if (!args) return null
  if (fn) return 'alike' in fn ? checkAlike(fn, args, refuse) : checkOverloads(checker, fn, call, args)
  const [operand, ...others] = args
  if (!operand || others.length > 0) return refuse(`${call.name} takes one argument, not ${args.length}.`, `Write ${call.name}(x).`)
  if (call.name !== 'isNull') return checkCast(operand, call.name as ValueType, refuse)
  return { node: 'isNull', type: 'boolean', nullable: false, operand: operand.type === 'null' ? coerce(operand, 'boolean') : operand }
}

type Refuse = (message: string, action: string) => null

/** Literals are cast at once, so that one that cannot be is a mistake instead of a NULL in every row. */
function checkCast(operand: Expression, type: ValueType, refuse: Refuse): Expression | null {
  if (operand.type === 'null' || operand.type === type) return coerce(operand, type)
  const cast = castBetween(operand.type, type)
  if (!cast) {
    const action =
      operand.type === 'double' && type === 'string'
        ? 'Cast a rounded number: string(int64(round(x * 100))).'
        : `A value of this type can become: ${castsFrom(operand.type).join(', ')}.`
    return refuse(`${describeType(operand.type)} cannot become ${describeType(type)}.`, action)
  }
  if (operand.node !== 'literal' || operand.value === null)
    return { node: 'cast', type, nullable: operand.nullable || cast.mayBeNull, operand }
  const value = cast.evaluate(operand.value)
  if (value !== null) return literal(type, value)
  return refuse(
    `${quoted(operand.value)} is not ${describeType(type)}.`,
    type === 'timestamp' ? "Write it like '2001-06-30' or '2001-06-30T23:59:59Z', of the years 1678 to 2261." : 'Write another value.',
  )
}

function checkAlike(fn: Alike, args: readonly Expression[], refuse: Refuse): Expression | null {
  const { argsMin, argsMax, types, nullable } = fn.alike
  if (args.length < argsMin || args.length > argsMax) {
    const wanted = argsMin === argsMax ? `${argsMin}` : `${argsMin} or more`
    return refuse(
      `${fn.name} takes ${wanted} arguments, not ${args.length}.`,
      `Write ${fn.name}(${argsMin > 1 ? 'x, y' : 'x'}${argsMin === argsMax ? '' : ', …'}).`,
    )
  }
  const given = args.map((arg) => arg.type)
  if (given.every((type) => type === 'null'))
    return refuse(`${fn.name} of nothing but NULL has no type.`, 'Give one argument a type, for example int64(null).')
  const type = commonType(given)
  if (!type || !types.includes(type)) {
    const action = types.length === 1 ? `Cast with ${types[0]!}(…).` : `All are of one of the types ${types.join(', ')}.`
    return refuse(`${fn.name} does not take ${given.map(describeType).join(' and ')}.`, action)
  }
  return {
    node: 'call',
    type,
    nullable: nullable(args.map((arg) => arg.nullable)),
    fn: fn.name,
    args: args.map((arg) => coerce(arg, type)),
  }
}

function checkOverloads(
  checker: ExpressionChecker,
  fn: Exclude<ExpressionFunction, Alike>,
  call: Call,
  args: readonly Expression[],
): Expression | null {
  const found = fn.overloads.find(
    ({ params }) => params.length === args.length && params.every((param, i) => fits(args[i]!.type, argumentType(param))),
  )
  if (!found) {
    const forms = fn.overloads.map(({ params }) => `${fn.name}(${params.join(', ')})`)
    checker.report(
      call.place,
      `${fn.name} does not take (${args.map((arg) => arg.type).join(', ')}).`,
      `Write ${[...new Set(forms)].join(' or ')}.`,
    )
    return null
  }
  const wrong = found.params.flatMap((param, i) =>
    wordProblem(param, args[i]!).map((problem) => ({ place: call.args[i]!.place, ...problem })),
  )
  for (const { place, message, action } of wrong) checker.report(place, message, action)
  return wrong.length > 0 ? null : callOf(fn, found, args)
}

function callOf(fn: ExpressionFunction, found: Overload, args: readonly Expression[]): Expression {
  return {
    node: 'call',
    type: found.result,
    nullable: found.mayBeNull || args.some((arg) => arg.nullable),
    fn: fn.name,
    args: args.map((arg, i) => coerce(arg, argumentType(found.params[i]!))),
  }
}

function argumentType(param: Param): ValueType {
  return param === 'zone' || param === 'unit' ? 'string' : param
}

/** Zones and units are words of the definition, known when it is checked. */
function wordProblem(param: Param, arg: Expression): { message: string; action: string }[] {
  if (param !== 'zone' && param !== 'unit') return []
  const what = param === 'zone' ? 'time zone' : 'unit of time'
  if (arg.node !== 'literal' || typeof arg.value !== 'string')
    return [
      {
        message: `The ${what} is not a string between quotes.`,
        action: `Write it as ${param === 'zone' ? "'America/Chicago'" : "'day'"}.`,
      },
    ]
  if (param === 'zone' ? zoneNamed(arg.value) : isTimeUnit(arg.value)) return []
  const close = closestName(arg.value, param === 'zone' ? Intl.supportedValuesOf('timeZone') : TIME_UNITS)
  const known = param === 'zone' ? 'Write an IANA name, for example Europe/Berlin.' : `The units are ${TIME_UNITS.join(', ')}.`
  return [{ message: `There is no ${what} ${quoted(arg.value)}.`, action: close ? `Did you mean '${close}'?` : known }]
}

function quoted(value: Value): string {
  return typeof value === 'string' ? `'${value}'` : String(value)
}
