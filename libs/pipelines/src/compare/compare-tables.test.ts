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
  const dayMs = Date.UTC(2024, 0, 2)

  it.each<[Value, Value, number, boolean]>([
    [1, 1n, 0, true],
    [2n ** 60n, 2n ** 60n + 1n, 0, false],
    [2 ** 53, 2n ** 53n + 1n, 0, false],
    [null, 0, 1, false],
    [null, null, 0, true],
    [true, 1, 1, false],
    [NaN, NaN, 0, true],
    [NaN, null, 0, false],
    [NaN, 1, 1e9, false],
    [Infinity, Infinity, 0, true],
    [Infinity, -Infinity, 1, false],
    [Infinity, null, 1, false],
    [0, -0, 0, true],
    // A number is the same however it is written, and digits beyond a double's count.
    ['1', 1, 0, true],
    ['1.50', '15e-1', 0, true],
    ['-0.0', '0', 0, true],
    ['0.1', 0.1, 0, true],
    ['0.10000000000000001', 0.1, 0, true],
    ['9223372036854775808', '9223372036854775809', 0, false],
    ['123456789012345678901', '123456789012345678902', 0, false],
    ['123456789012345678901.0', '123456789012345678901', 0, true],
    ['1.000000000000000001', '1.000000000000000002', 0, false],
    ['1.000000000000000001', '1.000000000000000002', 1e-9, true],
    ['0.1', '0.10000000000001', 1e-9, true],
    ['0.1', '0.10000000000001', 0, false],
    ['NaN', 'NaN', 0, true],
    ['NaN', '0.1', 1, false],
    ['001', '1', 1, false],
    ['001', '001', 0, true],
    ['true', true, 0, true],
    ['', null, 0, false],
    ['2024-01-02', '2024-01-02T00:00:00.000Z', 0, true],
    ['2024-01-02T00:00:00.123456Z', '2024-01-02T00:00:00.123999Z', 0, false],
    ['2024-01-02T00:00:00.000000001Z', '2024-01-02T00:00:00.000000002Z', 0, false],
    ['[1,2.00000000001]', '[1,2]', 0, false],
    ['[1,2.00000000001]', '[1,2]', 1e-9, true],
    ['[1.0,2]', '[1,2]', 0, true],
    ['[9007199254740993]', '[9007199254740992]', 0, false],
    ['{"a":1,"b":[null]}', '{"b":[null],"a":1.0}', 0, true],
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
    expect(compareCells(b, a, tolerance).isEqual).toBe(isEqual)
  })

  it.each<[Value, Value, boolean]>([
    [dayMs, '2024-01-02', true],
    [dayMs + 0.123, '2024-01-02T00:00:00.000123Z', true],
    [dayMs + 0.123, '2024-01-02T00:00:00.000124Z', false],
    [dayMs, dayMs, true],
    [dayMs, 'yesterday', false],
    [dayMs, String(dayMs), false],
  ])('of a column of times, %p and %p: %p', (a, b, isEqual) => {
    expect(compareCells(a, b, 1e9, true).isEqual).toBe(isEqual)
  })
})
