// Event files as a command line names them: `--events FILE…` where one source is needed, `--events SOURCE=FILE…` where several
// are; formats by extension, or as --format says.
import { existsSync, globSync } from 'node:fs'
import { extname } from 'node:path'
import { didYouMean } from '@tidemark/feature-schema/did-you-mean'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import type { EventInput } from '@tidemark/ports/batch-engine'
import type { Command } from 'commander'
import { usageError } from './failure.ts'

export const EVENT_FORMATS = ['csv', 'parquet', 'ndjson'] as const
export type EventFormat = (typeof EVENT_FORMATS)[number]
export type TableFormat = 'csv' | 'parquet'

export interface EventOptions {
  readonly events?: readonly string[]
  readonly format?: string
  readonly appendTime?: string
}

export function addEventOptions(command: Command, isRequired = true): Command {
  const [flags, description] = ['--events <file...>', 'event files or patterns; of several sources: SOURCE=FILE']
  return (isRequired ? command.requiredOption(flags, description) : command.option(flags, description))
    .option('--format <format>', `format of the event files where their names do not tell: ${EVENT_FORMATS.join(', ')}`)
    .option('--append-time <column>', "column that says when the log took each event (default: the source's own, else the running maximum of the event time)")
}

const EXTENSION_FORMATS: Readonly<Record<string, EventFormat>> = {
  '.csv': 'csv', '.parquet': 'parquet', '.pq': 'parquet', '.ndjson': 'ndjson', '.jsonl': 'ndjson',
}

/** The input of each source, by its name. Throws USAGE where a source has no files, or a file no source. */
export function eventInputs({ events = [], format, appendTime }: EventOptions, sources: readonly SourceDefinition[]): Map<string, EventInput> {
  const named = EVENT_FORMATS.find((known) => known === format)
  if (format !== undefined && named === undefined) throw usageError(`There is no format ${format}.`, '--format', didYouMean(format, EVENT_FORMATS))
  const pathsOf = new Map(sources.map(({ name }): [string, string[]] => [name, []]))
  for (const text of events) {
    const { source, path } = sourceOf(text, sources)
    pathsOf.get(source)!.push(path)
  }
  return new Map(sources.map((source) => [source.name, inputOf(source, pathsOf.get(source.name)!, named, appendTime)]))
}

/** The files and patterns of all inputs. */
export function pathsOf(inputs: ReadonlyMap<string, EventInput>): string[] {
  return [...inputs.values()].flatMap((input) => (input.kind === 'files' ? input.paths : []))
}

/** The format of a table, by its file's extension. Throws USAGE. */
export function tableFormat(path: string, option: string): TableFormat {
  const format = EXTENSION_FORMATS[extname(path).toLowerCase()]
  if (format === 'csv' || format === 'parquet') return format
  throw usageError(`The name ${path} does not tell a format.`, option, 'Name a .csv or .parquet file.')
}

function sourceOf(text: string, sources: readonly SourceDefinition[]): { readonly source: string; readonly path: string } {
  const names = sources.map(({ name }) => name)
  const at = text.indexOf('=')
  const prefix = text.slice(0, Math.max(0, at))
  if (names.includes(prefix)) return { source: prefix, path: text.slice(at + 1) }
  if (names.length === 1 && (!SOURCE_NAME.test(prefix) || isThere(text))) return { source: names[0]!, path: text }
  if (names.length === 1) throw usageError(`There is no source ${prefix} to read, and no file ${text}.`, `--events ${text}`, didYouMean(prefix, names))
  if (at > 0) throw usageError(`No source ${prefix} is needed.`, `--events ${text}`, didYouMean(prefix, names))
  throw usageError(`Events of ${names.length} sources are needed, and this does not say of which it is.`, `--events ${text}`,
    `Say which: --events ${names.map((name) => `${name}=FILE`).join(' ')}.`)
}

const SOURCE_NAME = /^[a-z_]\w*$/i

/** Folders of a table in partitions have names such as `day=2024-03-14`. */
function isThere(pathOrPattern: string): boolean {
  return existsSync(pathOrPattern) || globSync(pathOrPattern).length > 0
}

function inputOf(source: SourceDefinition, paths: readonly string[], named: EventFormat | undefined, appendTime: string | undefined): EventInput {
  if (paths.length === 0) throw usageError(`There are no events of source ${source.name}.`, '--events', `Add --events ${source.name}=FILE.`)
  const formats = new Set(paths.map((path) => named ?? formatOf(path)))
  const [format, ...others] = formats
  if (others.length > 0) {
    throw usageError(`The files of source ${source.name} have several formats: ${[...formats].join(', ')}.`, '--events', 'Give files of one format, or name theirs with --format.')
  }
  return { kind: 'files', source, format: format!, paths, ...(appendTime !== undefined && { columns: { appendTime } }) }
}

function formatOf(path: string): EventFormat {
  const format = EXTENSION_FORMATS[extname(path).toLowerCase()]
  if (format === undefined) throw usageError(`The name ${path} does not tell a format.`, '--events', `Add --format ${EVENT_FORMATS.join('|')}.`)
  return format
}
