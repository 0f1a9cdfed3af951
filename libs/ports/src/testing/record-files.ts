// Records as text files, for suites that hold an engine to the same records in several formats.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export type JsonRecord = Readonly<Record<string, unknown>>

/** One JSON object a line. */
export function ndjsonText(records: readonly JsonRecord[]): string {
  return records.map((record) => `${JSON.stringify(record)}\n`).join('')
}

/** RFC 4180 with a header. NULL is an empty field, an empty string is `""`. */
export function csvText(columns: readonly string[], records: readonly JsonRecord[]): string {
  const lines = records.map((record) => columns.map((column) => csvField(record[column])).join(','))
  return [columns.map(csvField).join(','), ...lines].map((line) => `${line}\n`).join('')
}

function csvField(value: unknown): string {
  if (value === null || value === undefined) return ''
  const text = String(value)
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** Writes records, in order, over `fileCount` files of the folder, of which the last may be empty; gives back their paths. */
export async function writeRecordFiles(
  folder: string,
  format: 'ndjson' | 'csv',
  records: readonly JsonRecord[],
  fileCount = 1,
): Promise<string[]> {
  const perFile = Math.ceil(records.length / fileCount)
  const columns = [...new Set(records.flatMap((record) => Object.keys(record)))]
  const toText = (part: readonly JsonRecord[]): string => (format === 'ndjson' ? ndjsonText(part) : csvText(columns, part))
  return Promise.all(
    Array.from({ length: fileCount }, async (_, i) => {
      const path = join(folder, `records-${i}.${format}`)
      await writeFile(path, toText(records.slice(i * perFile, (i + 1) * perFile)))
      return path
    }),
  )
}
