// Laws 3, 5 and 6: each broken rule of the stream processor is found by its schedule, and the right rules pass it.

import { describe, expect, it } from '@jest/globals'
import { INGEST_RULES, type IngestRules } from '@tidemark/pipelines/ingest/ingest-rules'
import { CLICKS, totals } from './ingest-definitions.ts'
import { SCHEDULES } from './ingest-schedules.ts'
import { INGEST_BUGS, wrongRules } from './ingest-wrong-rules.ts'
import { IngestWorld } from './ingest-world.ts'

async function runSchedule(name: string, rules: IngestRules): Promise<string | null> {
  const { partitionCount = 1, limits = {}, run } = SCHEDULES[name]!
  return run(await IngestWorld.create({ source: CLICKS, views: [totals], partitionCount, rules, limits }))
}

describe('laws 3, 5, 6: the rules of the stream processor', () => {
  it.each(Object.keys(SCHEDULES))('%s: its schedule passes under the right rules', async (name) => {
    expect(await runSchedule(name, INGEST_RULES)).toBeNull()
  })

  it.each(Object.keys(INGEST_BUGS))('%s: is found', async (bug) => {
    expect(await runSchedule(bug, wrongRules(bug))).not.toBeNull()
  })

  it('has a schedule for each bug', () => {
    expect(Object.keys(SCHEDULES).sort()).toEqual(Object.keys(INGEST_BUGS).sort())
  })
})
