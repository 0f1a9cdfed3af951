// What the DSL was given in a shape that a definition cannot have. TypeScript refuses most of it in the editor, but where a definitions file runs its
// types are stripped and not checked: so a slip is noted on the definition, with something in its place that the other checks can go on with, and
// `checkDefinitions` tells it together with everything else.

import { describeFound } from './accepted-value.ts'
import { didYouMean } from './did-you-mean.ts'

export interface ShapeFault {
  /** Of the definition: `source`, `field at`. */
  readonly part: string
  readonly message: string
  readonly action: string
  /** Whether nothing could be put in its place, so that what refers to it cannot be judged. */
  readonly isLacking: boolean
}

/** Marks what the DSL's functions return, also between two copies of this library. */
export const DEFINED = Symbol.for('tidemark.defined')

export function isDefinedAs(kind: 'source' | 'view' | 'entity', value: unknown): boolean {
  return isObject(value) && value[DEFINED] === kind
}

/** The property of a definition that has its faults, also between two copies of this library. There is none where nothing is wrong; JSON leaves it out. */
const FAULTS = Symbol.for('tidemark.faults')

export function faultsOf(definition: object): readonly ShapeFault[] {
  return (definition as { readonly [FAULTS]?: readonly ShapeFault[] })[FAULTS] ?? []
}

/** Whether something of the definition is left out, so that what it names may not be there. */
export function isLacking(definition: object): boolean {
  return faultsOf(definition).some((fault) => fault.isLacking)
}

/** Collects the faults of one definition while it is made. */
export class ShapeFaults {
  private readonly faults: ShapeFault[] = []

  expected(part: string, what: string, found: unknown, action: string, isLacking = false): void {
    this.faults.push({ part, message: `Expected ${what}, found ${describeGiven(found)}.`, action, isLacking })
  }

  /** The options; each that is not `known` is a rule that nobody would follow. */
  options<T extends object>(options: T, known: readonly (keyof T & string)[]): Partial<T> {
    if (!isObject(options)) return {}
    for (const name of Object.keys(options)) {
      if (known.some((each) => each === name)) continue
      this.faults.push({ part: `option ${name}`, message: 'There is no such option.', action: didYouMean(name, known), isLacking: false })
    }
    return options
  }

  name(name: unknown, example: string): string {
    if (typeof name !== 'string') this.expected('name', 'a text', name, `Give the name first: ${example}.`)
    return String(name)
  }

  /** The entries of an object; none where it is something else. */
  entries(part: string, what: string, given: unknown, action: string): [string, unknown][] {
    if (isObject(given) && !Array.isArray(given)) return Object.entries(given)
    this.expected(part, what, given, action, true)
    return []
  }

  /** The definition, with the faults that were found. */
  on<T extends object>(definition: T): T {
    return this.faults.length === 0 ? definition : { ...definition, [FAULTS]: this.faults }
  }
}

export function isObject(value: unknown): value is Readonly<Record<PropertyKey, unknown>> {
  return typeof value === 'object' && value !== null
}

/** What was given, for people: `"abc"`, `nothing`, `a view`, `a function that is not called`. */
function describeGiven(value: unknown): string {
  if (typeof value === 'function') return 'a function that is not called'
  if (!isObject(value)) return describeFound(value)
  if (DEFINED in value) return `a ${String(value[DEFINED])}`
  const definition = isObject(value['definition']) ? value['definition'] : {}
  if ('op' in definition) return 'an aggregation'
  if ('expression' in definition) return 'a derived column'
  return 'type' in definition ? 'a field' : describeFound(value)
}
