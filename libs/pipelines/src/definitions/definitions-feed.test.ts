// How a service takes definitions up while it runs: each revision once, again where some of it is to wait, and none that cannot be read.
import { beforeEach, describe, expect, it } from '@jest/globals'
import { count } from '@tidemark/feature-schema/aggregations'
import { collectDefinitions } from '@tidemark/feature-schema/collect-definitions'
import type { Definitions } from '@tidemark/feature-schema/definition'
import { eventSource, featureView, string, timestamp } from '@tidemark/feature-schema/dsl'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { RegisterStore } from '@tidemark/ports/register-store'
import { createSteppedClock } from '@tidemark/ports/stepped-clock'
import type { Alarm } from '../alarm.ts'
import { createPlainRegisters } from '../testing/plain-stores.ts'
import { commitApply, prepareApply } from './apply-definitions.ts'
import { DefinitionsFeed, type TakenDefinitions, type TakeDefinitions } from './definitions-feed.ts'

const AWAY = new TidemarkError([{ code: 'STORE_UNAVAILABLE', message: 'It is away.', where: 'registers', action: 'Wait.' }])
const clock = createSteppedClock(0)

function definitions(...versions: readonly number[]): Definitions {
  const clicks = eventSource('clicks', { eventTime: 'at', fields: { at: timestamp(), user: string() } })
  return collectDefinitions([clicks, ...versions.map((version, i) => featureView(`totals_${i}`, { version, source: clicks, entity: { user: 'user' }, features: { clicks: count().over('1h') } }))])
}

let stored: RegisterStore
let registers: RegisterStore
/** Names of registers that cannot be read at the moment. */
let away: string[]
let taken: TakenDefinitions[]
let alarms: Alarm[]
let takes: Awaited<ReturnType<TakeDefinitions>> | Promise<never>

beforeEach(() => {
  stored = createPlainRegisters()
  away = []
  registers = { ...stored, read: (name) => (away.includes(name) ? Promise.reject(AWAY) : stored.read(name)) }
  taken = []
  alarms = []
  takes = 'done'
})

const openFeed = (): DefinitionsFeed => new DefinitionsFeed({
  registers, clock, everyMs: 100, onAlarm: (alarm) => void alarms.push(alarm),
  take: (live) => {
    taken.push(live)
    return Promise.resolve(takes)
  },
})

async function apply(...versions: readonly number[]): Promise<void> {
  const request = { registers: stored, definitions: definitions(...versions) }
  await commitApply(request, await prepareApply(request), clock, 'me')
}

describe('a feed of definitions', () => {
  it('begins with what is live, takes each revision up once, and leaves what has not changed as it is', async () => {
    const feed = openFeed()
    expect([await feed.begin(), feed.revision]).toEqual([false, 0])
    await apply(1, 1)
    expect([await feed.begin(), feed.revision]).toEqual([true, 1])
    await feed.look()
    expect(taken).toHaveLength(1)
    await apply(1, 2)
    await feed.look()
    await feed.look()
    expect(taken.map(({ revision, catalog: { plans } }) => [revision, plans.map(({ view: { name, version } }) => `${name}@${version}`)])).toEqual([[1, ['totals_0@1', 'totals_1@1']], [2, ['totals_0@1', 'totals_1@1', 'totals_1@2']]])
    expect(feed.revision).toBe(2)
    // What is kept by plan stays.
    expect(taken[1]!.catalog.plans[0]).toBe(taken[0]!.catalog.plans[0])
  })

  it('gives the same again, at each look, while some of it is to wait', async () => {
    await apply(1)
    takes = 'again'
    const feed = openFeed()
    await feed.begin()
    await feed.look()
    takes = 'done'
    await feed.look()
    await feed.look()
    expect(taken).toHaveLength(3)
    expect(new Set(taken).size).toBe(1)
  })

  it('gives the same again where taking it up failed', async () => {
    await apply(1)
    const feed = openFeed()
    await feed.begin()
    await apply(2)
    takes = Promise.reject(AWAY)
    await expect(feed.look()).rejects.toBe(AWAY)
    expect(feed.revision).toBe(1)
    takes = 'done'
    await feed.look()
    await feed.look()
    expect([feed.revision, taken.map(({ revision }) => revision)]).toEqual([2, [1, 2, 2]])
  })

  it('takes a revision up once what it means can be read, where a store was away, which is no fault of it', async () => {
    await apply(1)
    const feed = openFeed()
    await feed.begin()
    await apply(2)
    away = ['definitions/view/totals_0@2']
    await expect(feed.look()).rejects.toBe(AWAY)
    expect([feed.revision, alarms]).toEqual([1, []])
    away = []
    await feed.look()
    expect([feed.revision, taken.at(-1)!.revision, alarms]).toEqual([2, 2, []])
  })

  it('goes on with what it has where what a version means is lost', async () => {
    await apply(1)
    const feed = openFeed()
    await feed.begin()
    await apply(2)
    registers.read = (name) => (name === 'definitions/view/totals_0@2' ? Promise.resolve(null) : stored.read(name))
    for (let times = 0; times < 2; times++) await feed.look()
    expect([feed.revision, alarms]).toEqual([1, [expect.objectContaining({ code: 'STORE_DAMAGED', where: 'view totals_0@2' })]])
  })

  it('goes on with what it has where a revision means nothing to it, says so once, and takes up the next', async () => {
    await apply(1)
    const feed = openFeed()
    await feed.begin()
    await apply(2)
    const name = 'definitions/view/totals_0@2'
    const { revision, bytes } = (await stored.read(name))!
    const later = await stored.compareAndSet(name, revision, Buffer.from(Buffer.from(bytes).toString().replace(/"formatVersion": *\d+/, '"formatVersion": 99')))
    for (let times = 0; times < 3; times++) await feed.look()
    expect(feed.revision).toBe(1)
    expect(alarms).toEqual([expect.objectContaining({ code: 'DEFINITION_TOO_NEW', message: expect.stringMatching(/^Revision 2 of the definitions is not taken up: /) })])
    await stored.compareAndSet(name, later, bytes)
    await apply(3)
    await feed.look()
    expect(feed.revision).toBe(3)
  })
})
