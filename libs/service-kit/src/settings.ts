// Settings from environment variables, in groups: of each what it may be, and what it becomes. Everything that is wrong is told at once, by its
// variable, what was given, where that came from and what is expected. A secret's value is in no message; it may also be in a file, which NAME_FILE
// names. An empty variable is one that is not given.

import { readFileSync } from 'node:fs'
import { isSlipOf } from '@tidemark/feature-schema/expression/closest-name'
import { TidemarkError, type Problem } from '@tidemark/feature-schema/errors'
import { z } from 'zod'
import { callerPath } from './caller-path.ts'
import { referenceOf, variablesOf, type SettingReference } from './setting-reference.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** What is wrong: `variable` is the whole name. */
export interface Mistake {
  readonly variable: string
  readonly message: string
  readonly action: string
  /** Where the value came from that is wrong; of what is not given, nothing. */
  readonly from?: string | undefined
}

type Variables = Readonly<Record<string, z.ZodType<unknown, string | undefined>>>
type ValuesOf<V extends Variables> = { readonly [name in keyof V]: z.output<V[name]> }

export interface SettingsGroup<T> {
  /** What can be given. */
  readonly references: readonly SettingReference[]
  read(environment: Environment): { readonly value: T } | { readonly mistakes: readonly Mistake[] }
}

export interface GroupOptions<V extends Variables, T> {
  /** Of all names that are not whole: `TIDEMARK_KAFKA_`. */
  readonly prefix: string
  /** By name; one that begins with TIDEMARK_ is whole. Each is described, and says in `unset` what is taken where it is not given, if it has no plain default. */
  readonly variables: V
  readonly secrets?: readonly (keyof V & string)[]
  /** What is wrong with several together; asked whatever each alone is. */
  readonly check?: (given: { readonly [name in keyof V]?: string }) => readonly (Omit<Mistake, 'variable' | 'from'> & { readonly name: keyof V & string })[]
  readonly become: (values: ValuesOf<V>) => T
}

export type GroupsValues<G> = { readonly [name in keyof G]: G[name] extends SettingsGroup<infer T> ? T : never }

const WHOLE = 'TIDEMARK_'
const QUOTED_LENGTH_MAX = 100

/** Throws SETTINGS_INVALID with every mistake of all groups, and every variable whose name is a slip of one of theirs. */
export function readSettings<G extends Readonly<Record<string, SettingsGroup<unknown>>>>(environment: Environment, groups: G): GroupsValues<G> {
  const read = Object.entries(groups).map(([name, group]) => [name, group.read(environment)] as const)
  const mistakes = [...read.flatMap(([, result]) => ('mistakes' in result ? result.mistakes : [])), ...slips(environment, Object.values(groups))]
  // A variable that several groups read is wrong once.
  const problems = Array.from(new Map(mistakes.map((mistake) => [`${mistake.variable} ${mistake.message}`, mistake])).values(), problemOf)
  if (problems.length > 0) throw new TidemarkError(problems as [Problem, ...Problem[]])
  return Object.fromEntries(read.map(([name, result]) => [name, 'value' in result ? result.value : undefined])) as GroupsValues<G>
}

/** What others in the environment are called is their business, unless it is surely meant for here. */
function slips(environment: Environment, groups: readonly SettingsGroup<unknown>[]): Mistake[] {
  const known = new Set(groups.flatMap(({ references }) => references.flatMap(variablesOf)))
  const others = Object.keys(environment).filter((variable) => variable.toUpperCase().startsWith(WHOLE) && !known.has(variable))
  return others.flatMap((variable) => {
    const meant = [...known].find((name) => isSlipOf(name, variable))
    return meant === undefined ? [] : [{ variable, message: 'There is no such setting.', action: `Did you mean ${meant}?`, from: environmentVariable(variable) }]
  })
}

function problemOf({ variable, message, action, from }: Mistake): Problem {
  return { code: 'SETTINGS_INVALID', message: from === undefined ? message : `${message.replace(/\.$/, '')} (from ${from}).`, where: variable, action }
}

export function settingsGroup<const V extends Variables, T>({ prefix, variables, secrets = [], check, become }: GroupOptions<V, T>): SettingsGroup<T> {
  const names = Object.keys(variables)
  const wholeOf = (name: string): string => (name.startsWith(WHOLE) ? name : `${prefix}${name}`)
  const isSecret = (name: string): boolean => (secrets as readonly string[]).includes(name)
  const schema = z.object(variables)
  const references = names.map((name) => referenceOf(wholeOf(name), variables[name]!, isSecret(name)))
  return {
    references,
    read(environment) {
      const mistakes: Mistake[] = []
      const given: Record<string, string> = {}
      const from: Record<string, string> = {}
      for (const [at, name] of names.entries()) {
        const variable = wholeOf(name)
        const found = isSecret(name) ? secretText(environment, variable, mistakes) : givenText(environment, variable)
        if (found !== undefined) [given[name], from[name]] = [found.text, found.from]
        else if (references[at]!.default !== undefined) from[name] = 'its default'
      }
      const unread = new Set(mistakes.map(({ variable }) => variable))
      // A secret whose file cannot be read is given, in a way.
      const add = (mistake: Mistake): void => void (unread.has(`${mistake.variable}_FILE`) || mistakes.push(mistake))
      const parsed = schema.safeParse(given)
      for (const { path: [path], message } of parsed.error?.issues ?? []) {
        const name = String(path)
        add({ variable: wholeOf(name), message: toldOf(given[name], isSecret(name)), action: message, from: from[name] })
      }
      for (const { name, ...mistake } of check?.(given as { readonly [name in keyof V]?: string }) ?? []) add({ variable: wholeOf(name), ...mistake, from: from[name] })
      return mistakes.length > 0 ? { mistakes } : { value: become(parsed.data as ValuesOf<V>) }
    },
  }
}

interface GivenText {
  readonly text: string
  readonly from: string
}

const environmentVariable = (variable: string): string => `the environment variable ${variable}`

function givenText(environment: Environment, variable: string): GivenText | undefined {
  const text = environment[variable]
  return text === undefined || text === '' ? undefined : { text, from: environmentVariable(variable) }
}

/** undefined: not given, or not to be had, which is a mistake then. */
function secretText(environment: Environment, variable: string, mistakes: Mistake[]): GivenText | undefined {
  const inPlace = givenText(environment, variable)
  const named = givenText(environment, `${variable}_FILE`)
  if (named === undefined) return inPlace
  const refuse = (message: string, action: string): undefined => void mistakes.push({ variable: `${variable}_FILE`, message, action, from: named.from })
  if (inPlace !== undefined) return refuse(`${variable} is given too.`, 'Give one of both.')
  const path = JSON.stringify(named.text)
  try {
    const text = readFileSync(callerPath(named.text), 'utf8').replace(/\r?\n$/, '')
    return text === '' ? refuse(`${path} is empty.`, 'Write the secret into it.') : { text, from: `the file ${path}, which ${variable}_FILE names` }
  } catch (error) {
    return refuse(`${path} cannot be read: ${(error as NodeJS.ErrnoException).code}.`, 'Give the path of a file that holds the secret.')
  }
}

function toldOf(text: string | undefined, isSecret: boolean): string {
  if (text === undefined) return 'It is not given.'
  // An address may have a password in it.
  if (isSecret || text.includes('@')) return 'What is given is not shown, and is nothing that it may be.'
  return `It is ${JSON.stringify(text.length > QUOTED_LENGTH_MAX ? `${text.slice(0, QUOTED_LENGTH_MAX)}…` : text)}.`
}
