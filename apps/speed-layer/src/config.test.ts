// What the speed-layer may be told is in its reference.
import { expect, it } from '@jest/globals'
import { undocumented } from '@tidemark/service-kit/testing/undocumented'
import { speedLayerSettings } from './config.ts'

it('has settings that docs/services.md names', () => {
  expect(undocumented(speedLayerSettings)).toEqual([])
})
