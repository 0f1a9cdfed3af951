// What the archiver may be told is in its reference.
import { expect, it } from '@jest/globals'
import { unreferenced } from '@tidemark/service-kit/testing/unreferenced'
import { archiverSettings } from './config.ts'

it('has settings that docs/services.md tells as --print-config-reference does', () => {
  expect(unreferenced(archiverSettings)).toEqual([])
})
