// Rows of two tables side by side by their key columns, for tables whose order says nothing. Both are held in memory.
import type { ComparedTable } from '@tidemark/pipelines/compare/compare-tables'
import { VALUE_READERS } from '@tidemark/feature-schema/accepted-value'
import type { Value } from '@tidemark/feature-schema/value'
import { didYouMean } from '@tidemark/feature-schema/did-you-mean'
import { problemError } from './failure.ts'

export interface AlignedTables {
  /** The rows that both have, in the order of the first. */
  readonly a: ComparedTable
  readonly b: ComparedTable
  /** The keys of rows that only one has, as text. */
  readonly onlyInA: readonly string[]
  readonly onlyInB: readonly string[]
}

interface NamedTable {
  readonly path: string
  readonly table: ComparedTable
}

/** Throws UNKNOWN_NAME for a key column that is not there, INPUT_UNREADABLE for a key that two rows have. */
export async function alignByKey(a: NamedTable, b: NamedTable, key: readonly string[]): Promise<AlignedTables> {
  const times = new Set([a, b].flatMap(({ table }) => table.columns.filter(({ type }) => type === 'timestamp').map(({ name }) => name)))
  const [rowsA, rowsB] = [await readByKey(a, key, times), await readByKey(b, key, times)]
  const shared = [...rowsA.rowOf.keys()].filter((text) => rowsB.rowOf.has(text))
  const only = (rows: ReadRows, other: ReadRows): string[] => [...rows.rowOf.keys()].filter((text) => !other.rowOf.has(text))
  return { a: tableOf(a.table, rowsA, shared), b: tableOf(b.table, rowsB, shared), onlyInA: only(rowsA, rowsB), onlyInB: only(rowsB, rowsA) }
}

interface ReadRows {
  readonly columns: ReadonlyMap<string, Value[]>
  /** Key as text -> index of its row. */
  readonly rowOf: ReadonlyMap<string, number>
}

/** `times`: columns that either table has as times; the other may have them as text. */
async function readByKey({ path, table }: NamedTable, key: readonly string[], times: ReadonlySet<string>): Promise<ReadRows> {
  const columns = new Map(table.columns.map(({ name }): [string, Value[]] => [name, []]))
  const unknown = key.find((name) => !columns.has(name))
  if (unknown !== undefined) throw problemError('UNKNOWN_NAME', `There is no column ${unknown}.`, path, didYouMean(unknown, [...columns.keys()]))
  const rowOf = new Map<string, number>()
  for await (const batch of table.batches) {
    for (const [name, values] of columns) for (let i = 0; i < batch.rowCount; i++) values.push(batch.columns[name]![i]!)
    for (let i = 0; i < batch.rowCount; i++) {
      const text = key.map((name) => `${name}=${keyText(batch.columns[name]![i]!, times.has(name))}`).join(', ')
      const before = rowOf.get(text)
      if (before !== undefined) {
        throw problemError('INPUT_UNREADABLE', `The rows ${before + 1} and ${rowOf.size + 1} have the same key, ${text}.`, path, 'Name more columns in --key, or leave it out to compare rows by their place.')
      }
      rowOf.set(text, rowOf.size)
    }
  }
  return { columns, rowOf }
}

function keyText(value: Value, isTime: boolean): string {
  return String((isTime && typeof value === 'string' ? VALUE_READERS.timestamp(value) : undefined) ?? value)
}

function tableOf({ columns: described }: ComparedTable, { columns, rowOf }: ReadRows, shared: readonly string[]): ComparedTable {
  const picked = [...columns].map(([name, values]) => [name, shared.map((text) => values[rowOf.get(text)!]!)] as const)
  return {
    columns: described,
    batches: (async function* () {
      yield { rowCount: shared.length, columns: Object.fromEntries(picked) }
    })(),
  }
}
