// Reads an engine's streams to the end, as plain rows that a test can compare; checks on the way what every stream promises.
import { expect } from '@jest/globals'
import { canonicalInt64, compareStrings, type Value } from '@tidemark/feature-schema/value'
import type { AsOfResult, ColumnBatch, MeasureStream, PaneResult } from '../batch-engine.ts'

export type PlainRow = Readonly<Record<string, Value>>

export interface CollectedPanes {
  /** In stream order, without the entity index: key_0 …, logTimeMs, eventCount. */
  readonly entities: readonly PlainRow[]
  /** A measure's rows, with the entity's keys (joined by |) in place of its index. */
  rowsOf(ladder: number, measure: number): readonly PlainRow[]
}

/** Everything that a grouping of panes gave; integers are in their canonical form. */
export async function collectPanes(result: PaneResult): Promise<CollectedPanes> {
  const entities = await collectRows(result.entities)
  entities.forEach((row, i) => requireThat(row['entity'] === i, `entity ${i} has the index ${row['entity']}`))
  requireThat(entities.length === result.entityCount, `entityCount is ${result.entityCount} of ${entities.length}`)
  const names = entities.map((row) => Object.keys(row).filter((name) => name.startsWith('key_')).map((name) => String(row[name])).join('|'))
  const rowsOf = await collectMeasures(result.streams, 'entity', (index) => names[index])
  return { entities: entities.map(({ entity: _, ...rest }) => rest), rowsOf }
}

export interface CollectedAsOf {
  /** In file order: row, timeMs, key_0 … */
  readonly rows: readonly PlainRow[]
  rowsOf(window: number, measure: number): readonly PlainRow[]
}

/** Everything that a grouping by training row gave; integers are in their canonical form. */
export async function collectAsOf(result: AsOfResult): Promise<CollectedAsOf> {
  const rows = await collectRows(result.rows)
  rows.forEach((row, i) => requireThat(row['row'] === i, `row ${i} has the index ${row['row']}`))
  requireThat(rows.length === result.rowCount, `rowCount is ${result.rowCount} of ${rows.length}`)
  return { rows, rowsOf: await collectMeasures(result.streams, 'row', (index) => (index < rows.length ? index : undefined)) }
}

async function collectRows(batches: AsyncIterable<ColumnBatch>): Promise<PlainRow[]> {
  const rows: PlainRow[] = []
  for await (const { rowCount, columns } of batches) {
    for (const [name, column] of Object.entries(columns)) {
      requireThat(column.length >= rowCount, `column ${name} has ${column.length} of ${rowCount} values`)
    }
    for (let i = 0; i < rowCount; i++) {
      rows.push(Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, canonical(column[i]!)])))
    }
  }
  return rows
}

async function collectMeasures(
  streams: readonly MeasureStream[],
  groupColumn: 'entity' | 'row',
  nameOf: (index: number) => Value | undefined,
): Promise<(ladder: number, measure: number) => PlainRow[]> {
  const collected: PlainRow[][][] = []
  for (const stream of streams) {
    let previous = 0
    for (const row of await collectRows(stream.batches)) {
      const index = Number(row[groupColumn])
      const name = nameOf(index)
      if (name === undefined) throw new Error(`a measure names ${groupColumn} ${index}, which does not exist`)
      requireThat(index >= previous, `${groupColumn} ${index} comes after ${previous}`)
      previous = index
      for (const measure of stream.measures) {
        const own = rowOfMeasure(stream, measure, row)
        if (own !== null) ((collected[stream.ladder] ??= [])[measure] ??= []).push({ ...own, [groupColumn]: name })
      }
    }
  }
  return (ladder, measure) => collected[ladder]?.[measure] ?? []
}

const GROUP_COLUMNS = ['entity', 'rung', 'start', 'row', 'grp']

/** The row of one measure of a stream, prefixes removed; null where the measure has none. */
function rowOfMeasure(stream: MeasureStream, measure: number, row: PlainRow): PlainRow | null {
  if (stream.measures.length === 1) return row
  const prefix = `m${measure}_`
  const group = Object.entries(row).filter(([name]) => GROUP_COLUMNS.includes(name))
  const own = Object.entries(row).filter(([name]) => name.startsWith(prefix))
  if (own.every(([, value]) => value === null)) return null
  return Object.fromEntries([...group, ...own.map(([name, value]) => [name.slice(prefix.length), value] as const)])
}

/** Rows in an order of their own, so that two lists of the same rows are equal. */
export function sortedRows(rows: readonly PlainRow[]): PlainRow[] {
  const textOf = (row: PlainRow): string => Object.keys(row).sort().map((name) => `${name}=${row[name]}`).join()
  return rows.toSorted((a, b) => compareStrings(textOf(a), textOf(b)))
}

/** Two lists hold the same rows, in whatever order. */
export function expectRows(actual: readonly PlainRow[], expected: readonly PlainRow[]): void {
  expect(sortedRows(actual)).toEqual(sortedRows(expected))
}

function canonical(value: Value): Value {
  return typeof value === 'bigint' ? canonicalInt64(value) : value
}

function requireThat(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise)
}
