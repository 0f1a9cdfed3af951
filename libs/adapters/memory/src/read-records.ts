// The records of an input, in file order: JSON objects as they are, or the lines of NDJSON files.
import { readFile, realpath } from 'node:fs/promises'
import { basename } from 'node:path'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { EventInput } from '@tidemark/ports/batch-engine'

export interface SourceRecord {
  readonly file: string
  /** Counted from 0 in its file. */
  readonly row: number
  /** A line's text, or an object. */
  readonly record: unknown
}

/** All records. Throws USAGE where a file is named twice, INPUT_UNREADABLE where a file cannot be read or has another format than NDJSON. */
export async function readRecords(input: EventInput): Promise<SourceRecord[]> {
  if (input.kind === 'records') return input.records.map((record, row) => ({ file: 'records', row, record }))
  await refuseTwice(input.paths)
  const files = await Promise.all(
    input.paths.map(async (path) => {
      const lines = (await readLines(path, input.format)).filter((line) => line.trim() !== '')
      return lines.map((record, row) => ({ file: basename(path), row, record }))
    }),
  )
  return files.flat()
}

/** The events of a file that is read twice would count twice. A file that is not there is told when it is read. */
async function refuseTwice(paths: readonly string[]): Promise<void> {
  const files = await Promise.all(paths.map((path) => realpath(path).catch(() => path)))
  const again = files.findIndex((file, i) => files.indexOf(file) < i)
  if (again < 0) return
  throw new TidemarkError([{ code: 'USAGE', message: 'The file is named twice.', where: paths[again]!, action: 'Name each file once.' }])
}

async function readLines(path: string, format: string): Promise<string[]> {
  if (format !== 'ndjson') throw unreadable(path, `The in-memory engine does not read ${format}.`)
  try {
    return (await readFile(path, 'utf8')).split(/\r?\n/)
  } catch (error) {
    throw unreadable(path, 'The file cannot be read.', error)
  }
}

function unreadable(path: string, message: string, cause?: unknown): TidemarkError {
  return new TidemarkError([{ code: 'INPUT_UNREADABLE', message, where: path, action: 'Name an NDJSON file that exists.' }], { cause })
}
