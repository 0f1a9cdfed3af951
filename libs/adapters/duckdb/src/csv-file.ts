// CSV files (RFC 4180, with a header) as DuckDB reads them: all columns are text; an empty field is NULL, `""` is the empty string. Its
// reader gives a whole file up where one record ends otherwise than the others or has a quote in the wrong place; such a file is read
// again from a copy with one kind of line end, in which the record with the quote is one that is refused by itself.
import { once } from 'node:events'
import { openSync, readSync, closeSync, createReadStream, createWriteStream, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import { EVENT_SIZE_MAX_BYTES } from '@tidemark/feature-schema/limits'
import { coded, messageOf, type DuckDbSession } from './duckdb-session.ts'
import { literalPath, type FileScan, unreadable } from './input-files.ts'

/** Tables (temporary, of the session's connection) that hold the CSV lines that could not be read. */
export const CSV_REJECTS_TABLE = 'csv_rejects'
const CSV_SCANS_TABLE = 'csv_scans'

const [COMMA, QUOTE, LF, CR] = [0x2c, 0x22, 0x0a, 0x0d]

/** What stands in a copy for a record with a quote in the wrong place; it has more fields than the header. */
const MISQUOTED = 'A quote stands in the wrong place'
/** SQL for why a line of `CSV_REJECTS_TABLE` is no record. */
export const CSV_REASON_SQL = `CASE WHEN starts_with(csv_line, '${MISQUOTED}') THEN '${MISQUOTED}' ELSE error_message END`

/** Reads a file by `read`, again from a mended copy where DuckDB gives it up. `read` leaves nothing behind where it throws. */
export async function readCsv(session: DuckDbSession, path: string, read: (scan: FileScan) => Promise<void>): Promise<void> {
  const head = readCsvHead(path)
  const lineEnd = await lineEndOf(path)
  if (lineEnd !== null) {
    await dropCsvRejects(session)
    try {
      return await read(csvScan(path, path, head, lineEnd))
    } catch (error) {
      if (!isGivenUp(error)) return unreadable(session, error, path, 'CSV')
    }
  }
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-csv-'))
  const copy = join(folder, 'mended.csv')
  try {
    await mendCsv(path, copy, head)
    await dropCsvRejects(session)
    await read(csvScan(path, copy, head, LINE_FEED))
  } catch (error) {
    // Nobody knows the copy.
    unreadable(session, error instanceof TidemarkError ? error : new Error(messageOf(error).replaceAll(copy, path), { cause: error }), path, 'CSV')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** As SQL writes them. */
const LINE_FEED = '\\n'
const RETURN_AND_LINE_FEED = '\\r\\n'

/** How the lines of a file end; null: not all alike. DuckDB guesses it from the first ones, and loses the others without a word. */
async function lineEndOf(path: string): Promise<typeof LINE_FEED | typeof RETURN_AND_LINE_FEED | null> {
  let [feeds, returns, pairs, last] = [0, 0, 0, 0]
  for await (const chunk of createReadStream(path, { highWaterMark: READ_SIZE_BYTES }) as AsyncIterable<Buffer>) {
    if (returns === 0 && !chunk.includes(CR)) {
      if (feeds === 0 && chunk.includes(LF)) feeds = 1
    } else {
      if (feeds > 0 && returns === 0) return null
      for (let at = chunk.indexOf(LF); at >= 0; at = chunk.indexOf(LF, at + 1)) {
        feeds++
        if ((at === 0 ? last : chunk[at - 1]) === CR) pairs++
      }
      for (let at = chunk.indexOf(CR); at >= 0; at = chunk.indexOf(CR, at + 1)) returns++
      if (feeds > pairs) return null
    }
    last = chunk[chunk.length - 1]!
  }
  return returns === 0 ? LINE_FEED : returns === pairs && feeds === pairs ? RETURN_AND_LINE_FEED : null
}

const READ_SIZE_BYTES = 1_048_576

function isGivenUp(error: unknown): boolean {
  const { cause } = error as { cause?: unknown }
  return /state machine reached an invalid state/.test(messageOf(error) + (cause === undefined ? '' : messageOf(cause)))
}

interface CsvHead {
  /** A column without a name is called after its place: `unnamed_1`. */
  readonly names: readonly string[]
  /** Blank lines before the header. */
  readonly blankCount: number
  /** Whether the file begins with a byte order mark. */
  readonly hasMark: boolean
}

/** Reads `copy`, and is known as the file that it is one of. */
function csvScan(path: string, copy: string, { names, blankCount }: CsvHead, lineEnd: string): FileScan {
  const columns = names.map((_, i) => `'c${i}': 'VARCHAR'`)
  const options = [
    `columns = {${columns.join(', ')}}`,
    `auto_detect = false, header = true, skip = ${blankCount}, new_line = '${lineEnd}', delim = ',', quote = '"', escape = '"', nullstr = '', allow_quoted_nulls = false`,
    `max_line_size = ${EVENT_SIZE_MAX_BYTES}, store_rejects = true, rejects_table = '${CSV_REJECTS_TABLE}', rejects_scan = '${CSV_SCANS_TABLE}'`,
  ]
  return {
    paths: [path],
    columnTypes: new Map(names.map((name) => [name, 'VARCHAR'])),
    relation: `read_csv(${literalPath(copy)}, ${options.join(', ')})`,
    rawColumn: (name) => `c${names.indexOf(name)}`,
    statistics: new Map(),
  }
}

async function dropCsvRejects(session: DuckDbSession): Promise<void> {
  await session.run(`DROP TABLE IF EXISTS ${CSV_REJECTS_TABLE}`)
  await session.run(`DROP TABLE IF EXISTS ${CSV_SCANS_TABLE}`)
}

/** Throws INPUT_UNREADABLE for a file without a header of different names. */
function readCsvHead(path: string): CsvHead {
  const text = beginningOf(path)
  const hasMark = text.startsWith('\uFEFF')
  const [blank] = /^(?:\r\n|\n|\r)*/.exec(hasMark ? text.slice(1) : text)!
  const fields = splitRecord(text.slice(blank.length + (hasMark ? 1 : 0)))
  if (fields.length === 1 && fields[0] === '') throw coded('INPUT_UNREADABLE', 'It is empty.', path, 'A CSV file starts with a line of column names.')
  const names = fields.map((name, i) => (name === '' ? `unnamed_${i + 1}` : name))
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined) throw coded('INPUT_UNREADABLE', `Its header has the column ${twice} twice.`, path, 'Give each column a name of its own.')
  return { names, blankCount: blank.replaceAll('\r\n', '\n').length, hasMark }
}

function beginningOf(path: string): string {
  try {
    const file = openSync(path, 'r')
    try {
      const bytes = Buffer.alloc(EVENT_SIZE_MAX_BYTES)
      return bytes.toString('utf8', 0, readSync(file, bytes))
    } finally {
      closeSync(file)
    }
  } catch (error) {
    throw coded('INPUT_UNREADABLE', `It cannot be read as CSV: ${messageOf(error)}.`, path, 'Check that the file is whole and may be read.', error)
  }
}

/** The fields of the record that a text begins with: quoted ones may hold commas and line breaks, and quotes twice. */
function splitRecord(text: string): string[] {
  const fields: string[] = []
  const field = /"((?:[^"]|"")*)"|([^,\r\n]*)/y
  for (;;) {
    const [, quoted, plain = ''] = field.exec(text)!
    fields.push(quoted?.replaceAll('""', '"') ?? plain)
    if (text[field.lastIndex] !== ',') return fields
    field.lastIndex++
  }
}

/** Where a byte stands: at the start of a field, inside a plain or a quoted one, after a quote in a quoted one, in a record that is misquoted. */
type Place = 'start' | 'plain' | 'quoted' | 'closed' | 'misquoted'

/** Copies a file record by record, each ended by a line feed. */
async function mendCsv(path: string, copy: string, { names, hasMark }: CsvHead): Promise<void> {
  // Empty fields at the end would be overlooked.
  const refused = Buffer.from(`${MISQUOTED}${',x'.repeat(names.length)}\n`)
  const output = createWriteStream(copy)
  const record: number[] = []
  let place: Place = 'start'
  let wasCr = false
  let skipped = hasMark ? 3 : 0
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    const mended: Buffer[] = []
    for (const byte of chunk) {
      if (skipped > 0) {
        skipped--
        continue
      }
      const isRestOfEnd = wasCr && byte === LF
      wasCr = byte === CR && place !== 'quoted'
      if (isRestOfEnd) continue
      if (place !== 'quoted' && (byte === LF || byte === CR)) {
        mended.push(place === 'misquoted' ? refused : Buffer.from([...record, LF]))
        record.length = 0
        place = 'start'
      } else {
        record.push(byte)
        place = nextPlace(place, byte)
      }
    }
    if (!output.write(Buffer.concat(mended))) await once(output, 'drain')
  }
  output.end(place === 'misquoted' ? refused : Buffer.from(record))
  await finished(output)
}

function nextPlace(place: Place, byte: number): Place {
  switch (place) {
    case 'start': return byte === QUOTE ? 'quoted' : byte === COMMA ? 'start' : 'plain'
    case 'plain': return byte === COMMA ? 'start' : byte === QUOTE ? 'misquoted' : 'plain'
    case 'quoted': return byte === QUOTE ? 'closed' : 'quoted'
    case 'closed': return byte === QUOTE ? 'quoted' : byte === COMMA ? 'start' : 'misquoted'
    case 'misquoted': return 'misquoted'
  }
}
