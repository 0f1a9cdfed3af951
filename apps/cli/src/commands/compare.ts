// `tidemark compare`: how many values of two tables differ, where, and by how much.
import { compareTables, type ComparedTable, type TableComparison } from '@tidemark/pipelines/compare/compare-tables'
import type { Command } from 'commander'
import { type AlignedTables, alignByKey } from '../align-by-key.ts'
import { withEngine } from '../engine.ts'
import { tableFormat } from '../event-files.ts'
import { EXIT, usageError } from '../failure.ts'
import { counted, formatNumber, type Output, tableText } from '../output.ts'
import type { Progress } from '../progress.ts'

interface CompareOptions {
  readonly tolerance: number
  readonly key?: readonly string[]
}

export function addCompareCommand(program: Command, output: Output, startProgress: () => Progress): void {
  program
    .command('compare')
    .summary('say how many values of two tables differ, where, and by how much')
    .description('Compares two tables column by column, rows by their place or by --key. Exits with 1 where they differ.')
    .argument('<a>', 'a .csv or .parquet file')
    .argument('<b>', 'the other one')
    .option('--tolerance <number>', 'numbers are equal within this × max(1, |a|, |b|)', parseTolerance, 0)
    .option('--key <column...>', 'columns that name a row: rows are matched by them, in any order')
    .addHelpText('after', '\nExample:\n  tidemark compare training.csv training-again.csv --tolerance 1e-9')
    .action(async (a: string, b: string, options: CompareOptions) => {
      const { comparison, unmatched } = await compareFiles(a, b, options, startProgress)
      const ok = comparison.isEqual && unmatched.onlyInA.length + unmatched.onlyInB.length === 0
      output.answer({ ok, a, b, ...comparison, isEqual: ok, ...(options.key && { key: options.key, ...unmatched }) }, () => comparisonText(output, a, b, comparison, unmatched, ok))
      if (!ok) process.exitCode = EXIT.no
    })
}

type Unmatched = Pick<AlignedTables, 'onlyInA' | 'onlyInB'>

async function compareFiles(a: string, b: string, options: CompareOptions, startProgress: () => Progress): Promise<{ comparison: TableComparison; unmatched: Unmatched }> {
  const tables = [a, b].map((path) => ({ path, format: tableFormat(path, 'compare') }))
  return withEngine(async (engine, signal) => {
    using progress = startProgress()
    progress.step(`reading ${a} and ${b}`)
    await using tableA = await engine.readTable(tables[0]!)
    await using tableB = await engine.readTable(tables[1]!)
    const [watchedA, watchedB] = [untilAborted(tableA, signal), untilAborted(tableB, signal)]
    if (options.key === undefined) return { comparison: await compareTables(watchedA, watchedB, options), unmatched: { onlyInA: [], onlyInB: [] } }
    const { a: alignedA, b: alignedB, onlyInA, onlyInB } = await alignByKey({ path: a, table: watchedA }, { path: b, table: watchedB }, options.key)
    return { comparison: await compareTables(alignedA, alignedB, options), unmatched: { onlyInA, onlyInB } }
  })
}

function untilAborted({ columns, batches }: ComparedTable, signal: AbortSignal): ComparedTable {
  return {
    columns,
    batches: (async function* () {
      for await (const batch of batches) {
        signal.throwIfAborted()
        yield batch
      }
    })(),
  }
}

function parseTolerance(text: string): number {
  const tolerance = Number(text)
  if (text.trim() !== '' && tolerance >= 0 && Number.isFinite(tolerance)) return tolerance
  throw usageError(`${JSON.stringify(text)} is no tolerance.`, '--tolerance', 'Give a number from 0, such as 1e-9.')
}

function comparisonText(output: Output, a: string, b: string, comparison: TableComparison, { onlyInA, onlyInB }: Unmatched, ok: boolean): string {
  const { colors } = output
  const { comparedCount, comparedRowCount, rowCountA, rowCountB, differCount, differingRowCount, columns, samples } = comparison
  const compared = `${counted(comparedCount, 'value')} of ${counted(comparedRowCount, 'row')} compared`
  const lines = [ok ? `${colors.green('equal')} ${compared}` : `${colors.red('different')} ${compared}; ${counted(differCount, 'value')} in ${counted(differingRowCount, 'row')} differ`]
  if (rowCountA !== rowCountB) lines.push(`${a} has ${counted(rowCountA, 'row')}, ${b} ${formatNumber(rowCountB)}.`)
  for (const [path, rows, columnNames] of [[a, onlyInA, comparison.columnsOnlyInA], [b, onlyInB, comparison.columnsOnlyInB]] as const) {
    if (columnNames.length > 0) lines.push(`Only ${path} has the ${columnNames.length === 1 ? 'column' : 'columns'} ${columnNames.join(', ')}.`)
    if (rows.length > 0) lines.push(`Only ${path} has ${counted(rows.length, 'row')}: ${rows.slice(0, 5).join(', ')}${rows.length > 5 ? ', …' : ''}.`)
  }
  const differing = columns.filter((column) => column.differCount > 0)
  if (differing.length > 0) {
    lines.push('', tableText(colors, ['column', 'differ', 'of', 'at most by', 'relatively'],
      differing.map((column) => [column.name, column.differCount, column.comparedCount, shortNumber(column.absoluteMax), shortNumber(column.relativeMax)])))
  }
  if (samples.length > 0) {
    lines.push('', tableText(colors, ['row', 'column', a, b], samples.map(({ row, column, a: valueA, b: valueB }) => [row + 1, column, cellText(valueA), cellText(valueB)])))
  }
  return lines.join('\n')
}

function shortNumber(value: number | null): string {
  return value === null ? '' : String(Number(value.toPrecision(3)))
}

function cellText(value: unknown): string {
  return value === null ? 'NULL' : String(value)
}
