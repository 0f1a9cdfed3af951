// Columns of values that go to DuckDB, kept as its chunks are filled fastest: numbers in typed arrays and short texts in the bytes of DuckDB's own
// strings, each copied into a chunk as a whole, so that most values cost neither an object nor a call. The library's own `setColumnValues` costs both.

import duckdb from '@duckdb/node-bindings'
import { BIGINT, BLOB, DOUBLE, DuckDBDataChunk, VARCHAR, type DuckDBType } from '@duckdb/node-api'
import type { DuckDbSession } from './duckdb-session.ts'

/** DuckDB takes at most so many rows a chunk. */
const CHUNK_ROWS = 2_048
/** A string in a vector: u32 length | up to 12 bytes of it, the rest zero; longer ones have a pointer, which is DuckDB's to set. In the machine's byte order. */
const STRING_BYTES = 16
const STRING_INLINE_MAX_BYTES = 12
const ASCII_MAX = 0x7f

/** One column, row by row. */
export interface StagedColumn<T> {
  /** Of the table that it is appended to. */
  readonly type: DuckDBType
  /** Whether any value is not null. */
  readonly hasValue: boolean
  add(value: T | null): void
  /** Copies the rows of a chunk, by its number, into a vector. */
  fill(vector: duckdb.Vector, chunk: number): void
}

/** Makes a table of columns that have the same number of rows, and appends them. */
export async function appendColumns(session: DuckDbSession, table: string, columns: readonly StagedColumn<never>[], rowCount: number): Promise<void> {
  await session.run(`CREATE TABLE ${session.schema}.${table} (${columns.map(({ type }, i) => `c${i} ${String(type)}`).join(', ')})`)
  const types = columns.map(({ type }) => type)
  const appender = await session.connection.createAppender(table, session.schema)
  try {
    for (let number = 0; number * CHUNK_ROWS < rowCount; number++) {
      const chunk = DuckDBDataChunk.create(types, Math.min(CHUNK_ROWS, rowCount - number * CHUNK_ROWS))
      for (const [i, column] of columns.entries()) column.fill(duckdb.data_chunk_get_vector(chunk.chunk, i), number)
      appender.appendDataChunk(chunk)
    }
  } finally {
    appender.closeSync()
  }
}

/** Which rows are null: a bit for each row of a chunk, 1 where there is a value. */
class Validity {
  hasValue = false
  private rowCount = 0
  private readonly chunks: (Uint8Array | undefined)[] = []

  /** The row's index in its chunk. */
  add(isNull: boolean): number {
    const row = this.rowCount++
    if (!isNull) this.hasValue = true
    else (this.chunks[Math.floor(row / CHUNK_ROWS)] ??= new Uint8Array(CHUNK_ROWS / 8).fill(0xff))[(row % CHUNK_ROWS) >> 3]! &= ~(1 << (row & 7))
    return row % CHUNK_ROWS
  }

  fill(vector: duckdb.Vector, chunk: number): void {
    const bits = this.chunks[chunk]
    if (bits === undefined) return
    duckdb.vector_ensure_validity_writable(vector)
    duckdb.copy_data_to_vector_validity(vector, 0, bits.buffer as ArrayBuffer, 0, bits.byteLength)
  }
}

/** Numbers that doubles hold, as DOUBLE; BIGINT once there is a bigint among them, and whole numbers then. */
export class NumberColumn implements StagedColumn<number | bigint> {
  private readonly validity = new Validity()
  private readonly chunks: Float64Array[] = []
  /** By chunk, the rows that are bigints. */
  private readonly bigints = new Map<number, Map<number, bigint>>()

  get type(): DuckDBType {
    return this.bigints.size === 0 ? DOUBLE : BIGINT
  }

  get hasValue(): boolean {
    return this.validity.hasValue
  }

  add(value: number | bigint | null): void {
    const row = this.validity.add(value === null)
    if (row === 0) this.chunks.push(new Float64Array(CHUNK_ROWS))
    if (typeof value === 'number') this.chunks.at(-1)![row] = value
    else if (value !== null) this.bigintsOf(this.chunks.length - 1).set(row, value)
  }

  private bigintsOf(chunk: number): Map<number, bigint> {
    const known = this.bigints.get(chunk)
    if (known !== undefined) return known
    const made = new Map<number, bigint>()
    this.bigints.set(chunk, made)
    return made
  }

  fill(vector: duckdb.Vector, chunk: number): void {
    const numbers = this.chunks[chunk]!
    const words = this.bigints.size === 0 ? numbers : BigInt64Array.from(numbers, (number, row) => this.bigints.get(chunk)?.get(row) ?? BigInt(number))
    duckdb.copy_data_to_vector(vector, 0, words.buffer as ArrayBuffer, 0, words.byteLength)
    this.validity.fill(vector, chunk)
  }
}

interface TextChunk {
  readonly bytes: Uint8Array
  readonly lengths: Uint32Array
  readonly others: { readonly row: number; readonly text: string }[]
}

/** Texts: short ones in ASCII as DuckDB has them, the others one by one. */
export class TextColumn implements StagedColumn<string> {
  readonly type = VARCHAR
  private readonly validity = new Validity()
  private readonly chunks: TextChunk[] = []

  get hasValue(): boolean {
    return this.validity.hasValue
  }

  add(text: string | null): void {
    const row = this.validity.add(text === null)
    if (row === 0) this.chunks.push(newTextChunk())
    if (text === null) return
    const { bytes, lengths, others } = this.chunks.at(-1)!
    if (isInlined(text, bytes, row * STRING_BYTES + 4)) lengths[row * (STRING_BYTES / 4)] = text.length
    else others.push({ row, text })
  }

  fill(vector: duckdb.Vector, chunk: number): void {
    const { bytes, others } = this.chunks[chunk]!
    duckdb.copy_data_to_vector(vector, 0, bytes.buffer as ArrayBuffer, 0, bytes.byteLength)
    for (const { row, text } of others) duckdb.vector_assign_string_element(vector, row, text)
    this.validity.fill(vector, chunk)
  }
}

function newTextChunk(): TextChunk {
  const bytes = new Uint8Array(CHUNK_ROWS * STRING_BYTES)
  return { bytes, lengths: new Uint32Array(bytes.buffer), others: [] }
}

/** Writes a text in ASCII that a string has room for; false: it is another one, and nothing is written. */
function isInlined(text: string, bytes: Uint8Array, at: number): boolean {
  if (text.length > STRING_INLINE_MAX_BYTES) return false
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > ASCII_MAX) {
      bytes.fill(0, at, at + i)
      return false
    }
    bytes[at + i] = code
  }
  return true
}

/** Bytes, which must not change until they are appended. */
export class BytesColumn implements StagedColumn<Uint8Array> {
  readonly type = BLOB
  private readonly validity = new Validity()
  private readonly chunks: (Uint8Array | null)[][] = []

  get hasValue(): boolean {
    return this.validity.hasValue
  }

  add(bytes: Uint8Array | null): void {
    if (this.validity.add(bytes === null) === 0) this.chunks.push([])
    this.chunks.at(-1)!.push(bytes)
  }

  fill(vector: duckdb.Vector, chunk: number): void {
    for (const [row, bytes] of this.chunks[chunk]!.entries()) if (bytes !== null) duckdb.vector_assign_string_element_len(vector, row, bytes)
    this.validity.fill(vector, chunk)
  }
}
