import { describe, expect, it, jest } from '@jest/globals'
import { makeFolder } from './testing/run-cli.ts'

// Each test starts processes, on a machine that may be busy.
jest.setTimeout(60_000)

describe('tidemark compare', () => {
  it('says how many values differ, where and by how much, and exits with 1 where they do', async () => {
    using folder = makeFolder()
    folder.write('a.csv', 'id,amount,name,gone\n1,10.5,ann,x\n2,20.000000001,bob,y\n3,30,cy,z\n')
    folder.write('b.csv', 'id,amount,name,added\n1,10.5,ann,x\n2,20,bert,y\n')
    folder.write('shuffled.csv', 'id,amount,name,gone\n4,1,dee,\n2,20.000000001,bob,y\n1,10.5,ann,x\n')
    folder.write('twice.csv', 'id,amount,name,gone\n1,1,a,\n1,2,b,\n')
    const [same, different, tolerant, byKey, text] = await Promise.all([
      folder.run('compare', 'a.csv', 'a.csv'),
      folder.json('compare', 'a.csv', 'b.csv'),
      folder.json('compare', 'a.csv', 'b.csv', '--tolerance', '1e-9'),
      folder.json('compare', 'a.csv', 'shuffled.csv', '--key', 'id'),
      folder.run('compare', 'a.csv', 'b.csv'),
    ])
    expect(same).toEqual({ code: 0, stdout: 'equal 12 values of 3 rows compared\n', stderr: '' })
    expect(different).toMatchObject({
      code: 1, stderr: '',
      document: {
        ok: false, rowCountA: 3, rowCountB: 2, comparedRowCount: 2, differCount: 2, columnsOnlyInA: ['gone'], columnsOnlyInB: ['added'],
        samples: [{ row: 1, column: 'amount', a: '20.000000001', b: '20' }, { row: 1, column: 'name', a: 'bob', b: 'bert' }],
      },
    })
    expect(tolerant).toMatchObject({ code: 1, document: { differCount: 1 } })
    expect(byKey).toMatchObject({ code: 1, document: { ok: false, comparedRowCount: 2, differCount: 0, onlyInA: ['id=3'], onlyInB: ['id=4'] } })
    expect(text.code).toBe(1)
    expect(text.stdout).toMatch(/^different 6 values of 2 rows compared; 2 values in 1 row differ\na\.csv has 3 rows, b\.csv 2\.\nOnly a\.csv has the column gone\./)
    expect(text.stdout).toMatch(/amount +1 +2 +1e-9 +5e-11/)
    expect(text.stdout).toMatch(/2 {2}name +bob +bert/)

    const [repeated, unknown, tolerance] = await Promise.all([
      folder.json('compare', 'a.csv', 'twice.csv', '--key', 'id'),
      folder.json('compare', 'a.csv', 'b.csv', '--key', 'idd'),
      folder.json('compare', 'a.csv', 'b.csv', '--tolerance', 'some'),
    ])
    expect(repeated).toMatchObject({ code: 3, document: { error: { code: 'INPUT_UNREADABLE', problems: [{ where: 'twice.csv', message: 'The rows 1 and 2 have the same key, id=1.' }] } } })
    expect(unknown).toMatchObject({ code: 3, document: { error: { code: 'UNKNOWN_NAME', problems: [{ action: 'Did you mean id?' }] } } })
    expect(tolerance).toMatchObject({ code: 2, document: { error: { code: 'USAGE', problems: [{ where: '--tolerance' }] } } })
  })
})
