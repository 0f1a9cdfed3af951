// A release says what it is.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from '@jest/globals'
import { RELEASE } from './release.ts'

it('is called as package.json says', () => {
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../../../package.json'), 'utf8')) as { version: string }
  expect(RELEASE).toBe(version)
})
