// How a service follows definitions: it waits until there are some, takes up what comes, says that it is there for as long as it is, and what it works with.
import { expect, it } from '@jest/globals'
import { count } from '@tidemark/feature-schema/aggregations'
import { collectDefinitions } from '@tidemark/feature-schema/collect-definitions'
import { eventSource, featureView, string, timestamp } from '@tidemark/feature-schema/dsl'
import { Metrics } from '@tidemark/observability/metrics'
import { commitApply, prepareApply } from '@tidemark/pipelines/definitions/apply-definitions'
import { MEMBER_EVERY_MS, MEMBER_HEARD_MAX_MS, readMembers } from '@tidemark/pipelines/definitions/members'
import { createPlainRegisters } from '@tidemark/pipelines/testing/plain-stores'
import { createSteppedClock } from '@tidemark/ports/stepped-clock'
import type { CommonSettings } from './common-settings.ts'
import { followDefinitions } from './follow-definitions.ts'
import { Readiness } from './readiness.ts'
import type { ServiceContext } from './run-service.ts'
import { createServiceLog } from './service-log.ts'

const EVERY_MS = 1_000

it('waits for the first ones, and says what it works with from then on until it ends', async () => {
  const registers = createPlainRegisters()
  const clock = createSteppedClock(1_000_000)
  const ending = new AbortController()
  const readiness = new Readiness(clock.steadyMs)
  const metrics = new Metrics()
  const context = { service: 'archiver', clock, metrics, readiness, signal: ending.signal, onAlarm: () => undefined, log: createServiceLog({ service: 'archiver', level: 'fatal', metrics }) } as unknown as ServiceContext
  const taken: number[] = []
  const apply = async (version: number): Promise<void> => {
    const source = eventSource('clicks', { eventTime: 'at', fields: { at: timestamp(), user: string() } })
    const request = { registers, definitions: collectDefinitions([source, featureView('totals', { version, source, entity: { user: 'user' }, features: { clicks: count().over('1h') } })]) }
    await commitApply(request, await prepareApply(request), clock, 'me')
  }
  /** Lets who waits go on, until all wait again. */
  const pass = async (durationMs: number): Promise<void> => {
    for (let passedMs = 0; passedMs < durationMs; passedMs += EVERY_MS) {
      clock.step(EVERY_MS)
      await new Promise(setImmediate)
    }
  }
  const member = async (): Promise<unknown> => (await readMembers(registers, clock.nowMs())).get('archiver')
  const told = (): unknown => metrics.read().find(({ name }) => name === 'tidemark_definitions_revision')?.series[0]?.value

  const settings = { definitionsEveryMs: EVERY_MS, member: 'a' } as CommonSettings
  const following = followDefinitions(registers, settings, async ({ revision }) => (taken.push(revision), 'done'), context)
  await pass(3 * EVERY_MS)
  expect([taken, readiness.isAwaited('definitions'), await member()]).toEqual([[], true, undefined])
  await apply(1)
  await pass(2 * EVERY_MS)
  const { loops, revision } = await following
  expect([taken, revision, readiness.isAwaited('definitions'), told()]).toEqual([[1], 1, false, 1])

  const running = loops.map((loop) => loop(ending.signal))
  await pass(EVERY_MS)
  expect(await member()).toMatchObject([{ member: 'a', revision: 1 }])
  await apply(2)
  await pass(2 * EVERY_MS)
  expect([taken, told(), await member()]).toMatchObject([[1, 2], 2, [{ revision: 2, seenAtMs: clock.nowMs() }]])
  // It is heard of as long as it is there, though nothing changes.
  await pass(2 * MEMBER_HEARD_MAX_MS)
  const heard = (await member()) as [{ readonly seenAtMs: number }]
  expect(clock.nowMs() - heard[0].seenAtMs).toBeLessThanOrEqual(MEMBER_EVERY_MS)
  ending.abort()
  await Promise.all(running)
  expect(await member()).toBeUndefined()
})
