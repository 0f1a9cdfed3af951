// A time and an entity as a command line gives them.
import { VALUE_READERS } from '@tidemark/feature-schema/accepted-value'
import { INT64_TEXT } from '@tidemark/feature-schema/accepted-value'
import type { ValueType } from '@tidemark/feature-schema/value'
import { usageError } from './failure.ts'

/** Epoch milliseconds of ISO 8601 text (UTC where it names no zone) or of epoch milliseconds. Throws USAGE. */
export function parseTime(text: string, option: string): number {
  const time = VALUE_READERS.timestamp(/^-?\d+$/.test(text) ? Number(text) : text)
  if (typeof time === 'number') return time
  throw usageError(`${JSON.stringify(text)} is no time.`, option,
    'Write 2024-03-01T12:00:00Z, 2024-03-01 12:00:00 (UTC where there is no zone), 2024-03-01, or epoch milliseconds; years 1678 to 2261.')
}

/** A view as far as its join keys go. */
export interface KeyedView {
  readonly keys: readonly { readonly key: string; readonly type: ValueType }[]
}

/** Join key -> value, from `user=7` and from JSON objects; text after `=` is read by the key's type, where that can be. Throws USAGE. */
export function parseEntity(texts: readonly string[], views: readonly KeyedView[]): Record<string, unknown> {
  const types = new Map(views.flatMap(({ keys }) => keys.map(({ key, type }): [string, ValueType] => [key, type])))
  const entity: Record<string, unknown> = Object.create(null) as Record<string, unknown>
  for (const text of texts) {
    for (const [key, value] of text.trimStart().startsWith('{') ? jsonEntries(text) : [keyAndValue(text, types)]) {
      if (key in entity) throw usageError(`The join key ${key} is given twice.`, `--entity ${text}`, 'Give each join key once; one entity is asked about at a time.')
      entity[key] = value
    }
  }
  return { ...entity }
}

function keyAndValue(text: string, types: ReadonlyMap<string, ValueType>): [string, unknown] {
  const at = text.indexOf('=')
  if (at <= 0) {
    const example = [...types.keys()].map((key) => `--entity ${key}=VALUE`).join(' ')
    throw usageError(`${JSON.stringify(text)} names no join key.`, '--entity', `Write ${example}, or a JSON object.`)
  }
  const key = text.slice(0, at)
  return [key, valueOf(text.slice(at + 1), types.get(key))]
}

/** What JSON would have held; text that the type cannot hold stays text, and is refused with what was expected. */
function valueOf(text: string, type: ValueType | undefined): unknown {
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true'
  if ((type === 'int32' || type === 'timestamp') && INT64_TEXT.test(text)) return Number(text)
  return text
}

function jsonEntries(text: string): [string, unknown][] {
  try {
    return Object.entries(JSON.parse(text) as object)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw usageError(`It is not JSON: ${error.message}.`, `--entity ${text}`, `Write KEY=VALUE, or JSON in quotes: --entity '{"card": "c-07"}'.`)
  }
}
