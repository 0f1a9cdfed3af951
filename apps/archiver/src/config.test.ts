// What the archiver may be told is in its reference.
import { expect, it } from '@jest/globals'
import { undocumented } from '@tidemark/service-kit/testing/undocumented'
import { archiverSettings } from './config.ts'

it('has settings that docs/services.md names', () => {
  expect(undocumented(archiverSettings)).toEqual([])
})
