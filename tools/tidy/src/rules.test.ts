import { describe, expect, it } from '@jest/globals'
import { findFaults, lineCountMax } from './rules.ts'

// Joined here, so that this file passes the check that it tests.
const join = (...parts: string[]): string => parts.join('')
const reasonsFor = (path: string, text: string): string[] => findFaults({ path, text }).map((fault) => fault.reason)

describe('findFaults', () => {
  it.each([
    ['unfinished work', join('// TO', 'DO later'), 'do it or leave it out'],
    ['a path of one machine', join("read('/ro", "ot/data')"), 'a folder of one machine'],
    ['a focused test', join('it.on', "ly('x', f)"), 'focuses a test'],
    ['a test that is turned off', join('describe.sk', "ip('x', f)"), 'turns one off'],
    ['a lint rule silenced without a reason', join('// eslint-dis', 'able-next-line eqeqeq'), 'without a reason'],
    ['any, whatever the reason', join('// eslint-dis', 'able-line no-explicit-any -- lazy'), 'allows the type any'],
    ['a silenced type error', join('// @ts-ig', 'nore'), 'silences the type checker'],
  ])('finds %s', (_name, line, reason) => {
    expect(findFaults({ path: 'libs/a/src/a.ts', text: `const a = 1\n${line}\n` })).toEqual([
      { path: 'libs/a/src/a.ts', line: 2, reason: expect.stringContaining(reason) },
    ])
  })

  it('lets a lint rule be silenced with a reason', () => {
    expect(reasonsFor('a.ts', join('// eslint-dis', 'able-next-line eqeqeq -- null and undefined alike'))).toEqual([])
  })

  it('counts the lines of code, not of prose', () => {
    expect(reasonsFor('a.ts', 'x\n'.repeat(lineCountMax))).toEqual([])
    expect(reasonsFor('a.ts', 'x\n'.repeat(lineCountMax + 1))).toHaveLength(1)
    expect(reasonsFor('a.md', 'x\n'.repeat(lineCountMax + 1))).toEqual([])
  })

  it('finds versions that float', () => {
    const manifest = { dependencies: { a: '^1.2.3', b: '1.2.3', c: '*' }, devDependencies: { d: '1.5.5-r.5' } }
    expect(reasonsFor('libs/a/package.json', JSON.stringify(manifest))).toEqual([
      expect.stringContaining('a "^1.2.3"'),
      expect.stringContaining('c "*"'),
    ])
  })
})
