// The types behind the DSL: which columns a view has, and whether the texts given to aggregations fit them.
// A text without operators is a column's name and is checked by the compiler; any other is an expression, checked when planned.

import type { NumericType } from './aggregation-rules.ts'
import type { DerivedColumnDefinition, FieldDefinition } from './definition.ts'
import type { ValueType } from './value.ts'

/** A field of a source, as `int32()` and its like make it. Each method gives a changed copy. */
export interface Field<Type extends ValueType = ValueType, Nullable extends boolean = boolean> {
  readonly definition: Omit<FieldDefinition, 'name'> & { readonly type: Type; readonly nullable: Nullable }
  /** The field may be missing or NULL. */
  nullable(): Field<Type, true>
  /** Inclusive bounds; a record outside them is rejected. Timestamps may be given as ISO 8601 text. */
  between(min: Bound<Type>, max: Bound<Type>): Field<Type, Nullable>
  tags(...tags: readonly string[]): Field<Type, Nullable>
  owner(owner: string): Field<Type, Nullable>
  describe(description: string): Field<Type, Nullable>
}

type Bound<Type extends ValueType> = Type extends 'timestamp' ? number | string : Type extends 'int32' | 'int64' | 'double' ? number : never

export type Fields = Readonly<Record<string, Field>>

/** A column computed from fields, as `int32('delay > 15 ? 1 : 0')` makes it. */
export interface DerivedColumn<Type extends ValueType = ValueType> {
  readonly definition: Omit<DerivedColumnDefinition, 'name'> & { readonly type: Type }
}

export type DerivedColumns = Readonly<Record<string, DerivedColumn>>

/** Column name -> type, over a source's fields and a view's derived columns. */
export type Columns<F extends Fields, D extends DerivedColumns> = ColumnsOf<NoInfer<F>, NoInfer<D>>

type ColumnsOf<F extends Fields, D extends DerivedColumns> = {
  readonly [Name in keyof F | keyof D]: Name extends keyof F ? TypeOf<F[Name]> : Name extends keyof D ? TypeOf<D[Name]> : never
}

type TypeOf<Column> = Column extends { readonly definition: { readonly type: infer Type } } ? Type : never

/** Names of the fields that can be an event time: timestamps that are never NULL. */
export type EventTimeField<F extends Fields> = {
  [Name in keyof F & string]: F[Name] extends Field<'timestamp', false> ? Name : never
}[keyof F & string]

/** Names of the columns that can be an entity key: any but doubles. */
export type KeyColumn<C> = { [Name in keyof C & string]: C[Name] extends 'double' ? never : Name }[keyof C & string]

/** A text that an aggregation uses, and the types that it may have. */
export interface Use<Text extends string, Type extends ValueType> {
  readonly text: Text
  readonly type: Type
}

/** What makes a text an expression rather than a column's name. */
type OperatorCharacter = ' ' | '\n' | '\t' | '(' | ')' | '+' | '-' | '*' | '/' | '%' | '<' | '>' | '=' | '!' | '&' | '|' | '?' | ',' | '.' | "'" | '"'
type Digit = '0' | '1' | '2' | '3' | '4' | '5' | '6' | '7' | '8' | '9'
type ExpressionText = `${string}${OperatorCharacter}${string}` | `${Digit}${string}` | 'true' | 'false' | 'null' | 'TRUE' | 'FALSE' | 'NULL'

/** What is wrong with the uses, as the text of a compile error; never, when nothing is. */
export type MisuseOf<Uses, C> =
  Uses extends Use<infer Text, infer Type>
    ? string extends Text
      ? never
      : Text extends ExpressionText
        ? never
        : Text extends keyof C
          ? C[Text] extends Type
            ? never
            : `column ${Text} is ${C[Text] & string}, expected ${Expected<Type>}`
          : `no column ${Text} in fields or derive`
    : never

/** One text for a union of types, which would else make a union of texts. */
type Expected<Type> = [ValueType] extends [Type]
  ? 'any type'
  : [Type] extends ['boolean']
    ? 'a boolean'
    : [Type] extends [NumericType]
      ? 'a number'
      : 'double' extends Type
        ? 'a number, string or timestamp'
        : 'any type but double'

/** An aggregation as `count()` and its like make it. `Uses` are its texts, `Window` the names of its windows. */
export interface TypedUses<Uses> {
  /** Only for the compiler. */
  readonly uses?: Uses
}

/** `unknown` where each aggregation fits the columns; else, at the one that does not, the text that says why. */
export type CheckedFeatures<A, C> = {
  readonly [Name in keyof A]: A[Name] extends TypedUses<infer Uses> ? ([MisuseOf<Uses, C>] extends [never] ? unknown : MisuseOf<Uses, C>) : unknown
}

/** `unknown` where the text fits the columns as a condition, else a property that says why (no string is also another string). */
export type CheckedCondition<Text extends string, C> = [MisuseOf<Use<Text, 'boolean'>, C>] extends [never]
  ? unknown
  : { readonly wrong: MisuseOf<Use<Text, 'boolean'>, C> }
