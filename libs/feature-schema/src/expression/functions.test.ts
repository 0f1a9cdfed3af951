import { expect, it } from '@jest/globals'
import { readFileSync } from 'node:fs'
import { CAST_NAMES } from './checker-call.ts'
import { FUNCTIONS } from './functions.ts'
import { RESERVED_WORDS } from './scan.ts'

const page = readFileSync(new URL('../../../../docs/expressions.md', import.meta.url), 'utf8')

it.each([...FUNCTIONS.keys(), ...CAST_NAMES, 'isNull'])('docs/expressions.md says what %s means', (name) => {
  expect(page).toContain(`${name}(`)
})

it.each([...FUNCTIONS.values()].flatMap((fn) => ('overloads' in fn ? [fn] : [])))(
  'docs/expressions.md marks $name if it is approximate, and only then',
  ({ name, approximate }) => {
    const row = page.split('\n').find((line) => line.startsWith('| `') && line.split(' | ')[0]!.includes(`\`${name}(`)) ?? ''
    expect(row.split(' | ')[0]!.includes('≈')).toBe(approximate === true)
  },
)

it('docs/expressions.md names the reserved words', () => {
  expect(page).toContain(`\`${RESERVED_WORDS.join(' ')}\``)
})
