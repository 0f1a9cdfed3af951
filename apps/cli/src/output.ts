// What a command prints. For people: tables and sentences on stdout, remarks and errors on stderr. With --json: one document on
// stdout and nothing else. Colours only on a terminal, and never where NO_COLOR is set (https://no-color.org).
import Table from 'cli-table3'
import picocolors from 'picocolors'

export type Colors = ReturnType<typeof picocolors.createColors>

/** A stream as far as printing needs it. */
export interface TextStream {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

export interface Output {
  readonly isJson: boolean
  readonly colors: Colors
  readonly errorColors: Colors
  /** The answer: the document with --json, else the text. */
  answer(document: unknown, text: () => string): void
  /** Something that happened while a command goes on: a document in one line with --json, else the text on stdout. */
  event(document: object, text: () => string): void
  /** A remark for people, on stderr; nothing with --json, whose document has it all. */
  remark(text: string): void
  /** What went wrong: the document in one line on stdout with --json, so that it may follow events, else the text on stderr. */
  failure(document: unknown, text: string): void
}

export function createOutput(isJson: boolean, stdout: TextStream, stderr: TextStream, environment: NodeJS.ProcessEnv): Output {
  const colorsFor = ({ isTTY }: TextStream): Colors =>
    picocolors.createColors(isTTY === true && !environment['NO_COLOR'] && environment['TERM'] !== 'dumb')
  const [colors, errorColors] = [colorsFor(stdout), colorsFor(stderr)]
  const line = (value: unknown): void => void stdout.write(`${toJson(value, 0)}\n`)
  const print = (text: string): void => void stdout.write(`${printable(text, colors)}\n`)
  const printError = (text: string): void => void stderr.write(`${printable(text, errorColors)}\n`)
  return {
    isJson,
    colors,
    errorColors,
    answer: (value, text) => (isJson ? void stdout.write(`${toJson(value, 2)}\n`) : print(text())),
    event: (value, text) => (isJson ? line(value) : print(text())),
    remark: (text) => (isJson ? undefined : printError(text)),
    failure: (value, text) => (isJson ? line(value) : printError(text)),
  }
}

/** Colours, where there are some, or a control character other than a tab and a line feed. */
const CONTROL = /\u001b\[\d+m|(?![\t\n])\p{Cc}/gu

/** Control characters, which a file's names and values may have, as escapes: a terminal would obey them. */
function printable(text: string, { isColorSupported }: Colors): string {
  return text.replaceAll(CONTROL, (found) => (found.length > 1 && isColorSupported ? found : `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}${found.slice(1)}`))
}

/** JSON text, in which an integer beyond 2^53 is a string. */
function toJson(value: unknown, indent: number): string {
  return JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? String(inner) : inner), indent)
}

/** Columns under their heads, without rules, so that a line can be copied; numbers to the right. */
export function tableText({ bold }: Colors, heads: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const right = heads.map((_, i) => rows.length > 0 && rows.every((row) => typeof row[i] === 'number' || row[i] === ''))
  const table = new Table({
    chars: { ...NO_RULES, middle: '  ' },
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
    colAligns: right.map((isRight) => (isRight ? 'right' : 'left')),
  })
  table.push(heads.map((head) => bold(head)))
  for (const row of rows) table.push(row.map((cell) => (typeof cell === 'number' ? formatNumber(cell) : shorten(cell))))
  return table.toString().replace(/[ \t]+$/gm, '')
}

const NO_RULES = Object.fromEntries(
  ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right', 'left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid'].map((name) => [name, '']),
)

const CELL_LENGTH_MAX = 72

function shorten(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ')
  return line.length > CELL_LENGTH_MAX ? `${line.slice(0, CELL_LENGTH_MAX - 1)}…` : line
}

/** `12,345` for counts; other numbers as they are. */
export function formatNumber(value: number): string {
  return Number.isSafeInteger(value) ? value.toLocaleString('en-US') : String(value)
}

/** `1 row`, `12,345 rows`. */
export function counted(count: number, thing: string): string {
  return `${formatNumber(count)} ${thing}${count === 1 ? '' : 's'}`
}

/** `2001-06-30T23:59:59.000Z` */
export function formatTime(timeMs: number): string {
  return new Date(timeMs).toISOString()
}

/** `1.2 KiB` */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  const exponent = Math.min(4, Math.floor(Math.log2(bytes) / 10))
  return `${(bytes / 1024 ** exponent).toFixed(1)} ${['', 'KiB', 'MiB', 'GiB', 'TiB'][exponent]}`
}
