import { describe, expect, it } from '@jest/globals'
import type { Value } from '@tidemark/feature-schema/value'
import type { ColumnBatch } from '@tidemark/ports/batch-engine'
import { compareCells } from './compare-cells.ts'
import { compareTables, type ComparedTable } from './compare-tables.ts'

/** A table from rows, in batches of `batchRowCount`. */
function tableOf(rows: readonly Readonly<Record<string, Value>>[], batchRowCount = 2): ComparedTable {
  const names = Object.keys(rows[0] ?? {})
  async function* batches(): AsyncGenerator<ColumnBatch> {
    for (let from = 0; from < rows.length; from += batchRowCount) {
      const part = rows.slice(from, from + batchRowCount)
      yield await Promise.resolve({ rowCount: part.length, columns: Object.fromEntries(names.map((name) => [name, part.map((row) => row[name]!)])) })
    }
  }
  return { columns: names.map((name) => ({ name, type: 'double' })), batches: batches() }
}

describe('compareTables', () => {
  it('finds equal tables equal, however they are cut into batches', async () => {
    const rows = [{ x: 1, s: 'a' }, { x: null, s: 'b' }, { x: 2n ** 60n, s: null }]
    expect(await compareTables(tableOf(rows, 1), tableOf(rows, 3))).toMatchObject({
      isEqual: true, comparedRowCount: 3, comparedCount: 6, differCount: 0, differingRowCount: 0, samples: [],
    })
  })

  it('says how many values differ, where and by how much', async () => {
    const a = [{ x: 1, y: 10 }, { x: 2, y: 20 }, { x: null, y: 30 }]
    const b = [{ x: 1, y: 10.5 }, { x: 4, y: 20 }, { x: 0, y: 30 }]
    const compared = await compareTables(tableOf(a), tableOf(b), { samplesMax: 2 })
    expect(compared).toMatchObject({ isEqual: false, differCount: 3, differingRowCount: 3 })
    expect(compared.columns).toEqual([
      { name: 'x', comparedCount: 3, differCount: 2, absoluteMax: 2, relativeMax: 0.5 },
      { name: 'y', comparedCount: 3, differCount: 1, absoluteMax: 0.5, relativeMax: 0.5 / 10.5 },
    ])
    expect(compared.samples).toEqual([{ row: 0, column: 'y', a: 10, b: 10.5 }, { row: 1, column: 'x', a: 2, b: 4 }])
  })

  it('lets numbers differ within the tolerance, and shows the largest difference nonetheless', async () => {
    const compared = await compareTables(tableOf([{ x: 1e6 }, { x: 0 }]), tableOf([{ x: 1e6 + 1e-4 }, { x: 1e-10 }]), { tolerance: 1e-9 })
    expect(compared).toMatchObject({ isEqual: true, differCount: 0 })
    expect(compared.columns[0]!.absoluteMax).toBeCloseTo(1e-4)
  })

  it('counts missing and extra rows and columns', async () => {
    const compared = await compareTables(tableOf([{ x: 1, y: 1 }]), tableOf([{ x: 1, z: 1 }, { x: 2, z: 2 }, { x: 3, z: 3 }]))
    expect(compared).toMatchObject({
      isEqual: false, rowCountA: 1, rowCountB: 3, comparedRowCount: 1, differCount: 0, columnsOnlyInA: ['y'], columnsOnlyInB: ['z'],
    })
  })
})

describe('compareCells', () => {
  it.each<[Value, Value, number, boolean]>([
    [1, 1n, 0, true],
    [2n ** 60n, 2n ** 60n + 1n, 0, false],
    [2 ** 53, 2n ** 53n + 1n, 0, false],
    [null, 0, 1, false],
    [null, null, 0, true],
    [true, 1, 1, false],
    ['1', 1, 1, false],
    ['[1,2.00000000001]', '[1,2]', 0, false],
    ['[1,2.00000000001]', '[1,2]', 1e-9, true],
    ['{"a":1,"b":[null]}', '{"b":[null],"a":1.0}', 1e-9, true],
    ['{"a":1}', '{"a":1,"b":2}', 1e-9, false],
    ['{"a":1,"b":2}', '{"a":1}', 1e-9, false],
    ['[1]', '[1,2]', 1e-9, false],
    ['[1]', '{"0":1}', 1e-9, false],
    [0, 0.5, 0.5, true],
    [-4, -2, 0.5, true],
    [-4, -1.9, 0.5, false],
    ['{no json', '{no json!', 1e-9, false],
  ])('%p and %p within %p: %p', (a, b, tolerance, isEqual) => {
    expect(compareCells(a, b, tolerance).isEqual).toBe(isEqual)
  })
})
