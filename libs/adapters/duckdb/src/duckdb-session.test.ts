import { describe, expect, it } from '@jest/globals'
import { openDuckDb } from './duckdb-session.ts'

describe('openDuckDb', () => {
  it('answers a query and keeps to its limit of threads', async () => {
    using session = await openDuckDb({ threadCount: 1, memoryMaxMiB: 256 })
    const reader = await session.connection.runAndReadAll(`select 6 * 7, current_setting('threads')`)
    expect(reader.getRows()).toEqual([[42, 1n]])
  })
})
