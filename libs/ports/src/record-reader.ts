// Reads files the way a log would have been sent them: record by record, in the order of the files, those that make no sense among them.

import type { ValueType } from '@tidemark/feature-schema/value'
import type { ColumnBatch, EventInput, RowsInput } from './batch-engine.ts'

/** Records of one file that follow each other, and those that were given of it before. */
export interface FileRecords {
  /** Its path. */
  readonly file: string
  /** A JSON object each, by the source's fields: what was read by a field's type, else the text that stood there. */
  readonly values: readonly string[]
  /** By the input's append column, or the source's; null: there is none, or it cannot be read. Epoch ms. */
  readonly appendTimesMs: readonly (number | null)[]
}

export interface QuestionKeys {
  readonly keys: readonly { readonly key: string; readonly type: ValueType }[]
  /** Join key -> column of the rows, where they differ. */
  readonly rowKeys: Readonly<Record<string, string>>
}

export interface RecordReader {
  /** Every record of an input's files, each line of them that is none included: offsets are those of `EventInput`. INPUT_UNREADABLE. */
  readRecords(input: EventInput): AsyncIterable<FileRecords>
  /** The rows' times and keys, in file order: timeMs, key_0 …; NULL where one cannot be read. INPUT_UNREADABLE, UNKNOWN_NAME. */
  readQuestions(rows: RowsInput, keys: QuestionKeys): AsyncIterable<ColumnBatch>
}
