import { describe } from '@jest/globals'
import { speedDiscardCases } from './testing/speed-discard-cases.ts'
import { speedReadCases } from './testing/speed-read-cases.ts'
import type { SpeedViewStoreHarness } from './testing/speed-cases.ts'
import { speedWriteCases } from './testing/speed-write-cases.ts'

/** What every SpeedViewStore promises. */
export function speedViewStoreContract(name: string, createHarness: () => Promise<SpeedViewStoreHarness>): void {
  describe(`SpeedViewStore: ${name}, reads`, () => speedReadCases(createHarness))
  describe(`SpeedViewStore: ${name}, discards`, () => speedDiscardCases(createHarness))
  describe(`SpeedViewStore: ${name}, writes`, () => speedWriteCases(createHarness))
}
