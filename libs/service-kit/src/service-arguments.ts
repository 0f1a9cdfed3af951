// What a service is called with: nothing, since it is told by its environment; or the question what it can be told.

import { parseArgs } from 'node:util'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import { referenceText, settingsReference, type SettingReference } from './setting-reference.ts'

interface Described {
  readonly name: string
  readonly settings: Readonly<Record<string, { readonly references: readonly SettingReference[] }>>
}

/** The text to print; null: the service is to run. USAGE. */
export function askedReference(args: readonly string[], { name, settings }: Described): string | null {
  const { 'print-config-reference': isAsked = false, json: isJson = false } = parse(args)
  if (!isAsked && isJson) throw usage('--json means nothing without --print-config-reference.')
  if (!isAsked) return null
  const references = settingsReference(settings)
  return isJson ? `${JSON.stringify({ service: name, settings: references }, null, 2)}\n` : referenceText(name, references)
}

function parse(args: readonly string[]): { 'print-config-reference'?: boolean; json?: boolean } {
  try {
    return parseArgs({ args: [...args], options: { 'print-config-reference': { type: 'boolean' }, json: { type: 'boolean' } } }).values
  } catch (error) {
    throw usage((error as Error).message, error)
  }
}

function usage(message: string, cause?: unknown): TidemarkError {
  const action = 'A service takes its settings from environment variables; --print-config-reference lists them, as JSON with --json.'
  return new TidemarkError([{ code: 'USAGE', message, where: 'command line', action }], cause === undefined ? undefined : { cause })
}
