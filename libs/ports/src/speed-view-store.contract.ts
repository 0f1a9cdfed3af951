import { describe } from '@jest/globals'
import { speedReadCases } from './testing/speed-read-cases.ts'
import type { SpeedViewStoreHarness } from './testing/speed-cases.ts'
import { speedWriteCases } from './testing/speed-write-cases.ts'

/** What every SpeedViewStore promises. */
export function speedViewStoreContract(name: string, createHarness: () => Promise<SpeedViewStoreHarness>): void {
  describe(`SpeedViewStore: ${name}, reads`, () => speedReadCases(createHarness))
  describe(`SpeedViewStore: ${name}, writes`, () => speedWriteCases(createHarness))
}
