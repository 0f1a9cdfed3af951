// When a view version is whole, and what it says that it lacks until then; and that what is served changes with what is live and with what is whole.
import { beforeEach, describe, expect, it } from '@jest/globals'
import { planView, type ViewPlan } from '@tidemark/aggregation/view-plan'
import { count } from '@tidemark/feature-schema/aggregations'
import { eventSource, featureView, string, timestamp } from '@tidemark/feature-schema/dsl'
import type { RegisterStore } from '@tidemark/ports/register-store'
import { encodeHeartbeat, HEARTBEAT_VERSION, type Heartbeat } from '../ingest/heartbeat.ts'
import { emptySealRegister, encodeSealRegister, sealRegisterName } from '../log/seal-register.ts'
import { emptyPointer, encodePointer, pointerName } from '../pointer.ts'
import { createPlainRegisters } from '../testing/plain-stores.ts'
import { LiveCatalog } from './live-catalog.ts'
import { encodeWhole, isWhole, WHOLE_VERSION, WholeViews } from './whole-views.ts'

const clock = { nowMs: () => 1_700_000_000_000, steadyMs: () => 0 }
const source = eventSource('clicks', { eventTime: 'at', epochLength: '1h', fields: { at: timestamp(), user: string() } })
const planOf = (version: number): ViewPlan => planView(featureView('totals', { version, source, entity: { user: 'user' }, features: { clicks: count().over('1h') } }).definition, source.definition)
const [first, second] = [planOf(1), planOf(2)]
const CAUGHT_UP: Heartbeat = {
  formatVersion: HEARTBEAT_VERSION, writtenAtMs: 0, logEnd: 7, logEndSeenAtMs: 0, nextOffset: 7, caughtUpAtMs: 0, knownTimeMs: 0, epoch: 0, stopped: null, brokenEpochs: [],
}

let registers: RegisterStore
let heartbeats: Map<string, Map<number, Uint8Array>>
beforeEach(() => {
  registers = createPlainRegisters()
  heartbeats = new Map()
})

const speedViews = { heartbeats: async (view: string) => heartbeats.get(view) ?? new Map<number, Uint8Array>() }

async function put(name: string, bytes: Uint8Array): Promise<void> {
  await registers.compareAndSet(name, (await registers.read(name))?.revision ?? null, bytes)
}

/** The log's partitions that are taken up, and what is sealed of it. */
const open = (partitions: readonly number[], sealedThrough: number | null = null): Promise<void> => put(sealRegisterName('clicks'), encodeSealRegister({
  ...emptySealRegister('clicks', 3_600_000), sealedThrough, openings: partitions.map((partition) => ({ partition, offset: 0, epoch: null, reason: 'first' })),
}))

const publish = (view: string): Promise<void> => put(pointerName(view), encodePointer({ ...emptyPointer(view), n: 1, floor: 1, next: 2, published: [{ n: 1, base: 0, cut: 0, publishedAtMs: 0 }] }))

function hear(view: string, partition: number, heartbeat: Partial<Heartbeat> = {}): void {
  const ofView = heartbeats.get(view) ?? new Map<number, Uint8Array>()
  heartbeats.set(view, ofView.set(partition, encodeHeartbeat({ ...CAUGHT_UP, ...heartbeat })))
}

describe('a view version', () => {
  /** What it lacks; null: nothing. */
  const lacks = async (): Promise<string | null> => (await new WholeViews({ registers, speedViews, clock }).look([first])).get('totals@1')?.howFar ?? null

  it('is whole once every partition of its log is taken up and has caught up, and says what is lacking before', async () => {
    expect(await lacks()).toBe('No partition of its log is taken up yet.')
    await open([0, 1, 2])
    hear('totals@1', 0)
    hear('totals@1', 1, { caughtUpAtMs: null, nextOffset: 4 })
    expect(await lacks()).toBe('Its stream is behind: 3 records are left of partition 1, partition 2 is not taken up.')
    // It is as far as the log was when that was last looked at, which is not known to be all.
    hear('totals@1', 1, { caughtUpAtMs: null })
    expect(await lacks()).toBe('Its stream is behind: 0 records are left of partition 1, partition 2 is not taken up.')
    hear('totals@1', 1)
    hear('totals@1', 2, { caughtUpAtMs: null, stopped: { code: 'APPEND_TIME_AHEAD', message: 'It is ahead.' } })
    expect(await lacks()).toBe('Its stream is behind: partition 2 stands still (APPEND_TIME_AHEAD).')
    expect(await isWhole(registers, 'totals@1')).toBe(false)
    hear('totals@1', 2)
    expect(await lacks()).toBeNull()
    expect(await isWhole(registers, 'totals@1')).toBe(true)
  })

  it('needs a generation where anything is sealed that one can be made of', async () => {
    await open([0], 0)
    hear('totals@1', 0)
    expect(await lacks()).toBe('Its first generation is not published yet; the archive is sealed until 1970-01-01T01:00:00.000Z.')
    await publish('totals@1')
    expect(await lacks()).toBeNull()
  })

  it('is whole for good, whoever found it', async () => {
    await open([0])
    hear('totals@1', 0)
    expect(await lacks()).toBeNull()
    hear('totals@1', 0, { caughtUpAtMs: null })
    await open([0, 1])
    expect(await lacks()).toBeNull()
  })
})

it.each([['STORE_TOO_NEW', WHOLE_VERSION + 1, 0], ['STORE_DAMAGED', WHOLE_VERSION, 1]] as const)('no version is whole by what cannot be read: %s', async (code, formatVersion, wrong) => {
  const bytes = encodeWhole({ formatVersion, view: 'totals@1', wholeAtMs: 0, generation: 7 })
  bytes[bytes.indexOf('7'.charCodeAt(0))]! += wrong
  await put('whole/totals@1', bytes)
  await expect(isWhole(registers, 'totals@1')).rejects.toMatchObject({ code })
})

describe('what is served', () => {
  const live = (revision: number, ...plans: readonly ViewPlan[]) => ({ revision, catalog: { plans, services: [] } })

  it('stays the same object until what is live changes, or what is whole', async () => {
    await open([0])
    hear('totals@1', 0)
    const served = new LiveCatalog({ registers, speedViews, clock })
    const [one, both, other] = [live(1, first), live(2, first, second), live(3, first)]
    expect(await served.take(one)).toBe('done')
    const catalog = served.catalog
    expect([catalog.plans, catalog.backfills?.size]).toEqual([[first], 0])
    await served.take(one)
    expect(served.catalog).toBe(catalog)

    expect(await served.take(both)).toBe('again')
    expect([...served.catalog.backfills!.keys()]).toEqual(['totals@2'])
    const backfilling = served.catalog
    hear('totals@2', 0, { caughtUpAtMs: null, nextOffset: 5 })
    expect(await served.take(both)).toBe('again')
    expect(served.catalog).toBe(backfilling)
    expect(served.catalog.backfills!.get('totals@2')!.howFar).toBe('Its stream is behind: 2 records are left of partition 0.')
    hear('totals@2', 0)
    expect(await served.take(both)).toBe('done')
    expect([served.catalog.plans, served.catalog.backfills?.size]).toEqual([[first, second], 0])

    // Nothing is back-filled, before or after.
    await served.take(other)
    expect(served.catalog.plans).toEqual([first])
  })

  it('tells those that are back-filled apart, though there are as many as before', async () => {
    const views = new WholeViews({ registers, speedViews, clock })
    expect([...(await views.look([first])).keys()]).toEqual(['totals@1'])
    expect([...(await views.look([second])).keys()]).toEqual(['totals@2'])
  })
})
