// The one table of functions: the checker resolves overloads from it, the closure and the SQL are made from it, and
// docs/expressions.md lists it. Each row has both engines' meaning side by side.

import type { Value, ValueType } from '../value.ts'
import type { Overload } from './overload.ts'
import { NUMBER_FUNCTIONS } from './functions-number.ts'
import { TEXT_FUNCTIONS } from './functions-text.ts'
import { TIME_FUNCTIONS } from './functions-time.ts'

/** A function with a meaning for given types, NULL where any argument is, or one of arguments that are all of one type. */
export type ExpressionFunction = OverloadedFunction | AlikeFunction

interface OverloadedFunction {
  readonly name: string
  /** Whether engines may differ in the last digits. */
  readonly approximate?: boolean
  /** The first whose parameters the arguments fit is taken; an integer fits a wider one's place, and a double's. */
  readonly overloads: readonly Overload[]
}

interface AlikeFunction {
  readonly name: string
  readonly alike: {
    readonly argsMin: number
    readonly argsMax: number
    readonly types: readonly ValueType[]
    /** Whether it may give NULL, by whether each argument may. */
    readonly nullable: (args: readonly boolean[]) => boolean
    /** Called with all arguments, NULLs among them. */
    readonly evaluate: (args: readonly Value[]) => Value
    readonly sql: Overload['sql']
  }
}

const NULL_FUNCTIONS: readonly ExpressionFunction[] = [
  {
    name: 'coalesce',
    alike: {
      argsMin: 1,
      argsMax: Infinity,
      types: ['boolean', 'int32', 'int64', 'double', 'string', 'timestamp'],
      nullable: (args) => args.every((nullable) => nullable),
      evaluate: (args) => args.find((arg) => arg !== null) ?? null,
      sql: (args) => `coalesce(${args.join(', ')})`,
    },
  },
  {
    name: 'nullif',
    alike: {
      argsMin: 2,
      argsMax: 2,
      types: ['boolean', 'int32', 'int64', 'double', 'string', 'timestamp'],
      nullable: () => true,
      evaluate: ([x, y]) => (x === y ? null : x!),
      // DuckDB's own nullif is a macro that repeats its argument.
      sql: ([x, y], names) => names.bind(x!, (v) => `(CASE WHEN ${v} = ${y} THEN NULL ELSE ${v} END)`),
    },
  },
]

export const FUNCTIONS: ReadonlyMap<string, ExpressionFunction> = new Map(
  [...NULL_FUNCTIONS, ...NUMBER_FUNCTIONS, ...TEXT_FUNCTIONS, ...TIME_FUNCTIONS].map((fn) => [fn.name, fn]),
)

/** The overload that a checked call means: the first whose parameters have exactly its arguments' types. */
export function overloadOf(fn: OverloadedFunction, args: readonly { readonly type: string }[]): Overload {
  const found = fn.overloads.find(
    ({ params }) =>
      params.length === args.length &&
      params.every((param, i) => args[i]!.type === (param === 'zone' || param === 'unit' ? 'string' : param)),
  )
  if (!found) throw new Error(`no ${fn.name}(${args.map((arg) => arg.type).join(', ')})`)
  return found
}
