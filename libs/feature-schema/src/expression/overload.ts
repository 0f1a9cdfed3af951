// One meaning of a function or cast for given types: what it computes, and the SQL that computes the same.

import type { Value, ValueType } from '../value.ts'
import type { Int } from './int64.ts'
import type { SqlNames } from './sql-text.ts'

/** `zone` and `unit` are string literals that the checker reads: a time zone's name, a unit of time. */
export type Param = ValueType | 'zone' | 'unit'

export interface Overload {
  readonly params: readonly Param[]
  readonly result: ValueType
  /** Whether it gives NULL for some arguments that are not. */
  readonly mayBeNull: boolean
  /** Called with values of the parameters' types; never with NULL, for which every overload gives NULL. */
  readonly evaluate: (...args: Exclude<Value, null>[]) => Value
  /** `args` are SQL texts, or, for zones and units, the bare word. A text that is used twice is bound first. */
  readonly sql: (args: readonly string[], names: SqlNames) => string
}

interface Values {
  boolean: boolean
  int32: number
  int64: Int
  double: number
  string: string
  timestamp: number
  zone: string
  unit: string
}

type Arguments<P extends readonly Param[]> = { -readonly [I in keyof P]: Values[P[I]] }

/** An overload whose function is checked against its types. */
export function overload<const P extends readonly Param[], R extends ValueType>(
  params: P,
  result: R,
  { mayBeNull }: { readonly mayBeNull: boolean },
  evaluate: (...args: Arguments<P>) => Values[R] | null,
  sql: Overload['sql'],
): Overload {
  return { params, result, mayBeNull, evaluate: evaluate as unknown as Overload['evaluate'], sql }
}
