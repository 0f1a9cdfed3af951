// Settings from environment variables, in groups: of each what it may be, and what it becomes. Everything that is wrong is told at once, by its
// variable, what was given and what is expected. A secret's value is in no message; it may also be in a file, which NAME_FILE names. An empty
// variable is one that is not given.

import { readFileSync } from 'node:fs'
import { isSlipOf } from '@tidemark/feature-schema/expression/closest-name'
import { TidemarkError, type Problem } from '@tidemark/feature-schema/errors'
import { z } from 'zod'
import { callerPath } from './caller-path.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** What is wrong: `variable` is the whole name. */
export interface Mistake {
  readonly variable: string
  readonly message: string
  readonly action: string
}

type Variables = Readonly<Record<string, z.ZodType<unknown, string | undefined>>>
type ValuesOf<V extends Variables> = { readonly [name in keyof V]: z.output<V[name]> }

export interface SettingsGroup<T> {
  /** The whole names, those of files that hold secrets included. */
  readonly variables: readonly string[]
  read(environment: Environment): { readonly value: T } | { readonly mistakes: readonly Mistake[] }
}

export interface GroupOptions<V extends Variables, T> {
  /** Of all names that are not whole: `TIDEMARK_KAFKA_`. */
  readonly prefix: string
  /** By name; one that begins with TIDEMARK_ is whole. */
  readonly variables: V
  readonly secrets?: readonly (keyof V & string)[]
  /** What is wrong with several together; asked whatever each alone is. */
  readonly check?: (given: { readonly [name in keyof V]?: string }) => readonly (Omit<Mistake, 'variable'> & { readonly name: keyof V & string })[]
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
  const known = new Set(groups.flatMap(({ variables }) => variables))
  const others = Object.keys(environment).filter((variable) => variable.toUpperCase().startsWith(WHOLE) && !known.has(variable))
  return others.flatMap((variable) => {
    const meant = [...known].find((name) => isSlipOf(name, variable))
    return meant === undefined ? [] : [{ variable, message: 'There is no such setting.', action: `Did you mean ${meant}?` }]
  })
}

function problemOf({ variable, message, action }: Mistake): Problem {
  return { code: 'SETTINGS_INVALID', message, where: variable, action }
}

export function settingsGroup<const V extends Variables, T>({ prefix, variables, secrets = [], check, become }: GroupOptions<V, T>): SettingsGroup<T> {
  const names = Object.keys(variables)
  const wholeOf = (name: string): string => (name.startsWith(WHOLE) ? name : `${prefix}${name}`)
  const isSecret = (name: string): boolean => (secrets as readonly string[]).includes(name)
  const schema = z.object(variables)
  return {
    variables: names.flatMap((name) => (isSecret(name) ? [wholeOf(name), `${wholeOf(name)}_FILE`] : [wholeOf(name)])),
    read(environment) {
      const mistakes: Mistake[] = []
      const given: Record<string, string> = {}
      for (const name of names) {
        const text = isSecret(name) ? secretText(environment, wholeOf(name), mistakes) : environment[wholeOf(name)]
        if (text !== undefined && text !== '') given[name] = text
      }
      const unread = new Set(mistakes.map(({ variable }) => variable))
      // A secret whose file cannot be read is given, in a way.
      const add = (mistake: Mistake): void => void (unread.has(`${mistake.variable}_FILE`) || mistakes.push(mistake))
      const parsed = schema.safeParse(given)
      for (const { path: [path], message } of parsed.error?.issues ?? []) {
        const name = String(path)
        add({ variable: wholeOf(name), message: toldOf(given[name], isSecret(name)), action: message })
      }
      for (const { name, ...mistake } of check?.(given as { readonly [name in keyof V]?: string }) ?? []) add({ variable: wholeOf(name), ...mistake })
      return mistakes.length > 0 ? { mistakes } : { value: become(parsed.data as ValuesOf<V>) }
    },
  }
}

/** undefined: not given, or not to be had, which is a mistake then. */
function secretText(environment: Environment, variable: string, mistakes: Mistake[]): string | undefined {
  const [text, path] = [environment[variable], environment[`${variable}_FILE`]]
  if (path === undefined || path === '') return text
  if (text !== undefined && text !== '') {
    mistakes.push({ variable: `${variable}_FILE`, message: `${variable} is given too.`, action: 'Give one of both.' })
    return undefined
  }
  try {
    const secret = readFileSync(callerPath(path), 'utf8').replace(/\r?\n$/, '')
    if (secret !== '') return secret
    mistakes.push({ variable: `${variable}_FILE`, message: `${JSON.stringify(path)} is empty.`, action: 'Write the secret into it.' })
    return undefined
  } catch (error) {
    mistakes.push({ variable: `${variable}_FILE`, message: `${JSON.stringify(path)} cannot be read: ${(error as NodeJS.ErrnoException).code}.`, action: 'Give the path of a file that holds the secret.' })
    return undefined
  }
}

function toldOf(text: string | undefined, isSecret: boolean): string {
  if (text === undefined) return 'It is not given.'
  // An address may have a password in it.
  if (isSecret || text.includes('@')) return 'What is given is not shown, and is nothing that it may be.'
  return `It is ${JSON.stringify(text.length > QUOTED_LENGTH_MAX ? `${text.slice(0, QUOTED_LENGTH_MAX)}…` : text)}.`
}
