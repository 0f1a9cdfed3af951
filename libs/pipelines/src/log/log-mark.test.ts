// RULE reset, where a log has lost the last of what was read and nothing was written since: its end alone tells.

import { expect, it } from '@jest/globals'
import { createScriptedLog } from '../testing/scripted-log.ts'
import { isLogReplaced } from './log-mark.ts'
import { markOf } from './partition-position.ts'

it.each([0, 1, 2, 3, 4, 5])('four records that were read are there or not where the log ends at %i', async (end) => {
  const log = createScriptedLog(1)
  for (let offset = 0; offset < 5; offset++) log.write(0, 1_000 + offset, `${offset}`)
  const place = { next: 4, mark: markOf(log.partitions[0]![3]!) }
  log.cut(0, end)
  expect(await isLogReplaced(log, 'ticks', 0, place)).toBe(end < 4)
})
