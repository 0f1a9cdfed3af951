// Law 7: how far a view lags is said of its worst partition, and a broken seam until the cut has it.

import { expect, it } from '@jest/globals'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { Clock } from '@tidemark/ports/clock'
import { momentOf } from '@tidemark/ports/moment'
import type { SpeedViewStore } from '@tidemark/ports/speed-view-store'
import { createSteppedClock } from '@tidemark/ports/stepped-clock'
import { encodeHeartbeat, HEARTBEAT_VERSION, type Heartbeat } from '../ingest/heartbeat.ts'
import { HEARTBEAT_AGE_MAX_MS, HEARTBEAT_AHEAD_MAX_MS, HEARTBEATS_SHARED_MAX_MS, FreshnessReader, judgeFreshness, withLacking, type Freshness, type Heard } from './freshness.ts'

const NOW_MS = 1_000_000
const sound: Heartbeat = {
  formatVersion: HEARTBEAT_VERSION, writtenAtMs: NOW_MS, logEnd: 9, logEndSeenAtMs: NOW_MS, nextOffset: 9, caughtUpAtMs: NOW_MS, knownTimeMs: 1, epoch: 1,
  stopped: null, brokenEpochs: [],
}

const AWAY = new TidemarkError([{ code: 'STORE_UNAVAILABLE', message: 'It is away.', where: 'speed views', action: 'Wait.' }])
const clock: Clock = { nowMs: () => NOW_MS, steadyMs: () => 0 }

function judge(cut: number, ...found: readonly Partial<Heartbeat>[]): { lagMs: Freshness['lagMs']; codes: readonly string[] } {
  const heard = found.map((each): Heard => ({ heartbeat: { ...sound, ...each }, bytes: new Uint8Array(), since: momentOf(clock) }))
  const { lagMs, degraded } = judgeFreshness('view', new Map(heard.entries()), cut, clock)
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

it('lags by nobody knows how much while its buckets are computed anew, whatever its heartbeats say', () => {
  const sure: Freshness = { lagMs: 5, degraded: [] }
  expect(withLacking('view', sure, [])).toEqual(sure)
  expect(withLacking('view', sure, [3, 7])).toEqual({ lagMs: null, degraded: [{ code: 'SPEED_LAGGING', view: 'view', message: expect.stringContaining('bucket 3, 7 ') }] })
  // Why, was said already.
  const unsure: Freshness = { lagMs: null, degraded: [{ code: 'SPEED_SILENT', view: 'view', message: 'No processor has said how far it is.' }] }
  expect(withLacking('view', unsure, [3])).toEqual(unsure)
})

it('has a broken seam until its cut is the epoch that the record counts in', () => {
  const broken = { brokenEpochs: [7] }
  expect([-Infinity, 6, 7, 8].map((cut) => judge(cut, sound, broken).codes)).toEqual([['SEAM_BROKEN'], ['SEAM_BROKEN'], [], []])
})

it('counts from when the processor last had all of its log, by the processor\'s clock, and from when it said so, by this one', () => {
  // Its clock is behind, or it took long to be heard.
  expect(judge(0, { writtenAtMs: NOW_MS - 300, caughtUpAtMs: NOW_MS - 700 })).toEqual({ lagMs: 700, codes: [] })
  // Its clock is ahead: what it said of itself it said by one clock.
  expect(judge(0, { writtenAtMs: NOW_MS + 900, caughtUpAtMs: NOW_MS + 500 })).toEqual({ lagMs: 400, codes: [] })
})

it('tells nothing from a stamp that is ahead of this clock, but what does not depend on it', () => {
  const ahead = { writtenAtMs: NOW_MS + HEARTBEAT_AHEAD_MAX_MS, caughtUpAtMs: NOW_MS + HEARTBEAT_AHEAD_MAX_MS }
  const further = { writtenAtMs: ahead.writtenAtMs + 1, caughtUpAtMs: ahead.caughtUpAtMs + 1 }
  expect(judge(0, ahead)).toEqual({ lagMs: 0, codes: [] })
  expect(judge(0, sound, further)).toEqual({ lagMs: null, codes: ['SPEED_SILENT'] })
  expect(judge(0, further, sound)).toEqual({ lagMs: null, codes: ['SPEED_SILENT'] })
  expect(judge(0, { ...further, caughtUpAtMs: null, stopped: { code: 'APPEND_TIME_AHEAD', message: 'It stands.' }, brokenEpochs: [7] })).toEqual({ lagMs: null, codes: ['PARTITION_STOPPED', 'SEAM_BROKEN'] })
})

/** A reader of heartbeats, what it says by now, and how to have it hear another one. */
function listen(stepped = createSteppedClock(NOW_MS)) {
  let stored: Heartbeat = sound
  let isAway = false
  const store: Pick<SpeedViewStore, 'heartbeats'> = { heartbeats: () => (isAway ? Promise.reject(AWAY) : Promise.resolve(new Map([[0, encodeHeartbeat(stored)]]))) }
  const aheadOf = { stepMs: 0 }
  const ofReader: Clock = { nowMs: () => stepped.nowMs() + aheadOf.stepMs, steadyMs: stepped.steadyMs }
  const reader = new FreshnessReader(store as SpeedViewStore, ofReader)
  return {
    /** Sets the time of day of the reader's machine. */
    setAhead: (byMs: number) => void (aheadOf.stepMs = byMs),
    pass: (byMs: number) => stepped.step(byMs),
    hear: (heartbeat: Partial<Heartbeat>) => void (stored = { ...sound, ...heartbeat }),
    setAway: (away: boolean) => void (isAway = away),
    async say(): Promise<{ lagMs: Freshness['lagMs']; codes: readonly string[] }> {
      const { lagMs, degraded } = judgeFreshness('view', await reader.heartbeats('view'), 0, ofReader)
      return { lagMs, codes: degraded.map(({ code }) => code) }
    },
  }
}

it('is not fresher for a clock that is set back: what is heard no more grows older by the steady clock', async () => {
  const listener = listen()
  expect(await listener.say()).toEqual({ lagMs: 0, codes: [] })
  listener.setAhead(-HEARTBEAT_AHEAD_MAX_MS)
  for (let passedMs = 500; passedMs <= HEARTBEAT_AGE_MAX_MS; passedMs += 500) {
    listener.pass(500)
    expect(await listener.say()).toEqual({ lagMs: passedMs, codes: [] })
  }
  listener.pass(1)
  expect(await listener.say()).toEqual({ lagMs: HEARTBEAT_AGE_MAX_MS + 1, codes: ['SPEED_SILENT'] })
  // Back by more: the stamp that was believed is ahead of the clock, which says nothing any more.
  listener.setAhead(-3_600_000)
  expect(await listener.say()).toEqual({ lagMs: null, codes: ['SPEED_SILENT'] })
})

it('is not fresher after a reading that failed: what is heard no more has grown older meanwhile', async () => {
  const listener = listen()
  await listener.say()
  listener.setAhead(-HEARTBEAT_AHEAD_MAX_MS)
  listener.pass(3_000)
  listener.setAway(true)
  for (let times = 0; times < 2; times++) {
    expect(await listener.say()).toEqual({ lagMs: null, codes: ['SPEED_SILENT'] })
    listener.pass(HEARTBEATS_SHARED_MAX_MS)
  }
  listener.setAway(false)
  expect(await listener.say()).toEqual({ lagMs: 3_000 + 2 * HEARTBEATS_SHARED_MAX_MS, codes: [] })
})

it('reads heartbeats again though its clock was set back since', async () => {
  const listener = listen()
  listener.setAhead(3_600_000)
  expect((await listener.say()).codes).toEqual(['SPEED_SILENT'])
  listener.setAhead(0)
  listener.pass(HEARTBEATS_SHARED_MAX_MS)
  listener.hear({ writtenAtMs: NOW_MS + HEARTBEATS_SHARED_MAX_MS, stopped: { code: 'APPEND_TIME_AHEAD', message: 'It stands.' } })
  expect((await listener.say()).codes).toEqual(['PARTITION_STOPPED'])
})

it('believes a later heartbeat whatever its stamp, earlier than that of the one before too', async () => {
  const listener = listen()
  listener.hear({ writtenAtMs: NOW_MS + 3_600_000, caughtUpAtMs: NOW_MS + 3_600_000 })
  expect(await listener.say()).toEqual({ lagMs: null, codes: ['SPEED_SILENT'] })
  listener.pass(HEARTBEATS_SHARED_MAX_MS)
  listener.hear({ writtenAtMs: NOW_MS + 400, caughtUpAtMs: NOW_MS + 100 })
  expect(await listener.say()).toEqual({ lagMs: 400, codes: [] })
})
