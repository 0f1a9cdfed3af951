import { describe } from '@jest/globals'
import { appendCases } from './testing/log-append-cases.ts'
import type { EventLogHarness } from './testing/log-cases.ts'
import { commitCases } from './testing/log-commit-cases.ts'
import { fetchCases } from './testing/log-fetch-cases.ts'

/** What every EventLog promises. */
export function eventLogContract(name: string, createHarness: () => Promise<EventLogHarness>): void {
  describe(`EventLog: ${name}, topics and appends`, () => appendCases(createHarness))
  describe(`EventLog: ${name}, fetches`, () => fetchCases(createHarness))
  describe(`EventLog: ${name}, commits`, () => commitCases(createHarness))
}
