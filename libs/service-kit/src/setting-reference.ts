// What can be given to a service, as people read it: taken from the very schema that settings are read with, so that it cannot say something else.

import { z } from 'zod'

export interface SettingReference {
  readonly variable: string
  readonly description: string
  /** What it may be: `a whole number from 1 to 1024`. */
  readonly expected: string
  readonly isRequired: boolean
  /** Taken where it is not given. */
  readonly default?: string
  /** What happens where it is not given, in words. */
  readonly unset?: string
  /** It may be in a file too, which the variable with _FILE at its end names. */
  readonly isSecret: boolean
  /** It is asked for only then: `TIDEMARK_HTTP_EVENTS is true`. */
  readonly onlyWhere?: string
}

/** The names of a setting: two, of a secret. */
export function variablesOf({ variable, isSecret }: SettingReference): string[] {
  return isSecret ? [variable, `${variable}_FILE`] : [variable]
}

export function referenceOf(variable: string, schema: z.ZodType, isSecret: boolean): SettingReference {
  const { description = '', expected = '', unset } = metaOf(schema)
  const plainDefault = defaultOf(schema)
  return {
    variable, description, isSecret,
    expected: expected.replace(/^Give /, '').replace(/\.$/, ''),
    isRequired: !schema.safeParse(undefined).success,
    ...(unset !== undefined ? { unset } : plainDefault !== undefined && { default: String(plainDefault) }),
  }
}

interface SettingMeta {
  readonly description?: string
  readonly expected?: string
  readonly unset?: string
}

/** What the schema itself says goes before what it is made of says. */
function metaOf(schema: z.core.$ZodType): SettingMeta {
  return { ...(isWrapper(schema) && metaOf(schema.unwrap())), ...z.globalRegistry.get(schema) as SettingMeta | undefined }
}

function defaultOf(schema: z.core.$ZodType): unknown {
  if (schema instanceof z.ZodDefault) return schema.def.defaultValue
  return isWrapper(schema) ? defaultOf(schema.unwrap()) : undefined
}

function isWrapper(schema: z.core.$ZodType): schema is z.ZodOptional | z.ZodDefault {
  return schema instanceof z.ZodOptional || schema instanceof z.ZodDefault
}

/** Each variable once, however many groups read it; one that is asked for anyway is not said to be asked for only somewhere. */
export function settingsReference(groups: Readonly<Record<string, { readonly references: readonly SettingReference[] }>>): SettingReference[] {
  const all = Object.values(groups).flatMap(({ references }) => references)
  const sorted = [...all.filter(({ onlyWhere }) => onlyWhere === undefined), ...all.filter(({ onlyWhere }) => onlyWhere !== undefined)]
  return Array.from(Map.groupBy(sorted, ({ variable }) => variable).values(), ([first]) => first!)
}

/** A table in Markdown, and another for what is asked for only somewhere. */
export function referenceText(service: string, references: readonly SettingReference[]): string {
  const tables = Array.from(Map.groupBy(references, ({ onlyWhere }) => onlyWhere), ([onlyWhere, rows]) => [
    ...(onlyWhere === undefined ? [] : [`Only where ${onlyWhere}:`, '']),
    ...TABLE_HEAD, ...rows.map(referenceRow),
  ].join('\n'))
  return [`# Settings of ${service}`, `Environment variables. ${FILES_NOTE}`, ...tables].join('\n\n') + '\n'
}

const FILES_NOTE = 'A secret, marked *, may be in a file instead, which the variable with _FILE at its end names.'
export const TABLE_HEAD = ['| variable | | what it may be | where it is not given |', '|---|---|---|---|']

export function referenceRow(reference: SettingReference): string {
  const { variable, description, expected, isSecret } = reference
  return `| ${[`\`${variable}\`${isSecret ? '*' : ''}`, description, expected, unsetText(reference)].map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
}

function unsetText({ isRequired, default: plainDefault, unset }: SettingReference): string {
  if (isRequired) return '**required**'
  return unset ?? (plainDefault === undefined ? '' : `\`${plainDefault}\``)
}
