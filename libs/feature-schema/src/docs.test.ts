// The reference pages say what the code does: every error code, and every aggregation with its types.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { AGGREGATION_RULES, GROUP_TYPES } from './aggregation-rules.ts'
import { ERROR_CODES } from './errors.ts'
import * as limits from './limits.ts'

const readDoc = (name: string): string => readFileSync(join(import.meta.dirname, '../../../docs', name), 'utf8')
const rowsOf = (doc: string): string[][] =>
  doc
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.slice(2, -2).split(' | '))

describe('docs/errors.md', () => {
  it('lists the error codes, with their HTTP status, and no others', () => {
    const listed = rowsOf(readDoc('errors.md')).map(([code, httpStatus]) => [code!.replaceAll('`', ''), Number(httpStatus)])
    expect(Object.fromEntries(listed)).toEqual(
      Object.fromEntries(Object.entries(ERROR_CODES).map(([code, { httpStatus }]) => [code, httpStatus])),
    )
  })
})

describe('docs/definitions.md', () => {
  const doc = readDoc('definitions.md')
  const values = { int64: 'int64', double: 'double', argument: "the argument's type", sum: 'int64 or double', list: 'list', map: 'map' }

  it.each(Object.entries(AGGREGATION_RULES))('says what %s takes and gives', (op, { of, ofOptional, value, defaults }) => {
    const row = rowsOf(doc).find(([call]) => call!.startsWith(`\`${op}(`))
    expect(row?.[1]).toBe((of.length === 0 ? 'none' : ofOptional ? `none, or ${of.join(', ')}` : of.join(', ')))
    expect(row?.[2]).toBe(values[value])
    for (const given of Object.values(defaults)) expect(row?.[3]).toContain(`default ${given}`)
  })

  it('says the limits', () => {
    const { GROUPS_MAX_DEFAULT, GROUPS_MAX_LIMIT, K_MAX, VALUES_MAX_LIMIT, NAME_LENGTH_MAX, BUCKET_COUNT_MAX } = limits
    for (const text of [
      `default ${GROUPS_MAX_DEFAULT}, at most ${GROUPS_MAX_LIMIT}`,
      `k from 1 to ${K_MAX}`,
      `at most ${VALUES_MAX_LIMIT}`,
      `at most ${NAME_LENGTH_MAX} characters`,
      `1 to ${BUCKET_COUNT_MAX}`,
      `(${limits.QUANTILE_ERROR_MIN} to ${limits.QUANTILE_ERROR_MAX}, default`,
      `(${limits.UNIQUE_ERROR_MIN} to ${limits.UNIQUE_ERROR_MAX}, default`,
      `at most ${limits.WINDOW_PANES_MAX} panes`,
      `${limits.EVENT_SIZE_MAX_BYTES} bytes`,
      `which may be of type ${GROUP_TYPES.join(', ')}`,
    ]) {
      expect(doc).toContain(text)
    }
  })
})
