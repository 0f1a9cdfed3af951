// Compares two tables row by row, in their order: how many values differ, in which columns, by how much, and where first.
import type { Value } from '@tidemark/feature-schema/value'
import type { ColumnBatch, TableColumn } from '@tidemark/ports/batch-engine'
import { ColumnCursor } from '../column-cursor.ts'
import { compareCells } from './compare-cells.ts'

export interface ComparedTable {
  readonly columns: readonly TableColumn[]
  readonly batches: AsyncIterable<ColumnBatch>
}

export interface CompareOptions {
  /** Numbers are equal within tolerance × max(1, |a|, |b|); 0, the default: exactly. Numbers inside JSON text too. */
  readonly tolerance?: number
  /** How many differing values are listed. */
  readonly samplesMax?: number
}

export interface ColumnComparison {
  readonly name: string
  readonly comparedCount: number
  readonly differCount: number
  /** Over all numbers of the column, those within the tolerance too; null where no two numbers were compared. */
  readonly absoluteMax: number | null
  readonly relativeMax: number | null
}

export interface TableComparison {
  /** Same columns, as many rows, and no value differs. */
  readonly isEqual: boolean
  readonly rowCountA: number
  readonly rowCountB: number
  /** Rows that both tables have. */
  readonly comparedRowCount: number
  readonly differingRowCount: number
  readonly comparedCount: number
  readonly differCount: number
  readonly columns: readonly ColumnComparison[]
  readonly columnsOnlyInA: readonly string[]
  readonly columnsOnlyInB: readonly string[]
  /** The first values that differ; rows count from 0. */
  readonly samples: readonly { readonly row: number; readonly column: string; readonly a: Value; readonly b: Value }[]
}

const SAMPLES_MAX_DEFAULT = 20

/** Compares the columns that both tables have, by name; the rows by their place. Both are read to the end. */
export async function compareTables(a: ComparedTable, b: ComparedTable, options: CompareOptions = {}): Promise<TableComparison> {
  const { tolerance = 0, samplesMax = SAMPLES_MAX_DEFAULT } = options
  const columns = a.columns.filter(({ name }) => b.columns.some((other) => other.name === name)).map(({ name, type }) => new ColumnTally(name, type === 'timestamp' || b.columns.some((other) => other.name === name && other.type === 'timestamp')))
  const samples: TableComparison['samples'][number][] = []
  const [inA, inB] = [new ColumnCursor(a.batches), new ColumnCursor(b.batches)]
  let row = 0
  let differingRowCount = 0
  for (; (await hasRow(inA)) && (await hasRow(inB)); row++, inA.index++, inB.index++) {
    let differs = false
    for (const column of columns) {
      const [valueA, valueB] = [inA.value(column.name), inB.value(column.name)]
      if (column.compare(valueA, valueB, tolerance)) continue
      differs = true
      if (samples.length < samplesMax) samples.push({ row, column: column.name, a: valueA, b: valueB })
    }
    if (differs) differingRowCount++
  }
  const [rowCountA, rowCountB] = [row + (await countRest(inA)), row + (await countRest(inB))]
  const columnsOnlyInA = namesOnlyIn(a, b)
  const columnsOnlyInB = namesOnlyIn(b, a)
  const differCount = columns.reduce((sum, column) => sum + column.differCount, 0)
  return {
    isEqual: differCount === 0 && rowCountA === rowCountB && columnsOnlyInA.length + columnsOnlyInB.length === 0,
    rowCountA, rowCountB, comparedRowCount: row, differingRowCount, comparedCount: row * columns.length, differCount,
    columns: columns.map((column) => column.summary(row)), columnsOnlyInA, columnsOnlyInB, samples,
  }
}

class ColumnTally {
  readonly name: string
  private readonly isTime: boolean
  differCount = 0
  private absoluteMax = -1
  private relativeMax = -1

  constructor(name: string, isTime: boolean) {
    this.name = name
    this.isTime = isTime
  }

  /** Whether the two values are equal within the tolerance. */
  compare(a: Value, b: Value, tolerance: number): boolean {
    const { isEqual, absolute, relative } = compareCells(a, b, tolerance, this.isTime)
    if (!isEqual) this.differCount++
    if (absolute > this.absoluteMax) this.absoluteMax = absolute
    if (relative > this.relativeMax) this.relativeMax = relative
    return isEqual
  }

  summary(comparedCount: number): ColumnComparison {
    const { name, differCount, absoluteMax, relativeMax } = this
    return { name, comparedCount, differCount, absoluteMax: absoluteMax < 0 ? null : absoluteMax, relativeMax: relativeMax < 0 ? null : relativeMax }
  }
}

async function hasRow(cursor: ColumnCursor): Promise<boolean> {
  return !cursor.isBehind || (await cursor.load())
}

async function countRest(cursor: ColumnCursor): Promise<number> {
  let count = 0
  for (; await hasRow(cursor); cursor.index++) count++
  return count
}

function namesOnlyIn(own: ComparedTable, other: ComparedTable): string[] {
  return own.columns.map(({ name }) => name).filter((name) => !other.columns.some((column) => column.name === name))
}
