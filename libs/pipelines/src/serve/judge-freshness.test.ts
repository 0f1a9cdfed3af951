// Law 7: how far a view lags is said of its worst partition, and a broken seam until the cut has it.

import { expect, it } from '@jest/globals'
import { HEARTBEAT_VERSION, type Heartbeat } from '../ingest/heartbeat.ts'
import { judgeFreshness, type Freshness } from './freshness.ts'

const NOW_MS = 1_000_000
const sound: Heartbeat = {
  formatVersion: HEARTBEAT_VERSION, writtenAtMs: NOW_MS, logEnd: 9, logEndSeenAtMs: NOW_MS, nextOffset: 9, caughtUpAtMs: NOW_MS, knownTimeMs: 1, epoch: 1,
  stopped: null, brokenEpochs: [],
}

function judge(cut: number, ...found: readonly Partial<Heartbeat>[]): { lagMs: Freshness['lagMs']; codes: readonly string[] } {
  const { lagMs, degraded } = judgeFreshness('view', new Map(found.map((each, partition) => [partition, { ...sound, ...each }])), cut, NOW_MS)
  return { lagMs, codes: degraded.map(({ code }) => code) }
}

it('lags as far as the partition that is furthest behind, whichever that is', () => {
  const [near, far] = [{ caughtUpAtMs: NOW_MS - 100 }, { caughtUpAtMs: NOW_MS - 700 }]
  expect(judge(0, near, far)).toEqual({ lagMs: 700, codes: [] })
  expect(judge(0, far, near)).toEqual({ lagMs: 700, codes: [] })
})

it('lags by nobody knows how much where one partition has not caught up since it was taken up', () => {
  expect(judge(0, { caughtUpAtMs: null }, sound)).toEqual({ lagMs: null, codes: ['SPEED_LAGGING'] })
  expect(judge(0, sound, { caughtUpAtMs: null })).toEqual({ lagMs: null, codes: ['SPEED_LAGGING'] })
})

it('has a broken seam until its cut is the epoch that the record counts in', () => {
  const broken = { brokenEpochs: [7] }
  expect([-Infinity, 6, 7, 8].map((cut) => judge(cut, sound, broken).codes)).toEqual([['SEAM_BROKEN'], ['SEAM_BROKEN'], [], []])
})
