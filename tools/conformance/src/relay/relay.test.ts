// The relay of a topic that keeps its producers' times: each of its records is in the source's own topic once, in its order and as it was, whatever crashes
// and however many relay it. TIDEMARK_SEED replays a seed, TIDEMARK_RUNS searches longer.

import { describe, expect, it } from '@jest/globals'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import { readRelayLag, runRelay } from '@tidemark/pipelines/relay/run-relay'
import type { EventLog } from '@tidemark/ports/event-log'
import fc from 'fast-check'
import { breakingLog, drain, FROM, GROUP, RelayWorld, SOURCE, TO, type Break, type ChangeLog } from './relay-world.ts'

const SMALL = { fetchCountMax: 2 }

/** A log whose `committed` is done by way of another one. */
const withCommitted = (log: EventLog, by: (committed: EventLog['committed']) => EventLog['committed']): EventLog =>
  Object.create(log, { committed: { value: by((...asked) => log.committed(...asked)) } }) as EventLog

describe('a relay', () => {
  it('appends what there is, as it was, to the partition of the same number', async () => {
    const world = await RelayWorld.create(3)
    for (const partition of [0, 2, 0]) await world.send(partition, 7)
    const relay = world.relay([0, 1, 2], { limits: SMALL })
    expect(await relay.step()).toEqual({ did: 'relayed', recordCount: 4, stopped: [] })
    await drain(relay)
    expect(await world.contents(TO)).toEqual(await world.contents(FROM))
    expect(await relay.step()).toEqual({ did: 'idle', recordCount: 0, stopped: [] })
    expect(world.alarms).toEqual([])
  })

  it('has as many partitions as its producers, and leaves those that are more', async () => {
    const world = await RelayWorld.create(1)
    await world.log.ensureTopic(TO, 4)
    await world.send(0, 1)
    const relay = world.relay(() => Array.from({ length: partitionCount }, (_, i) => i))
    let partitionCount = 1
    await drain(relay)
    await world.log.ensureTopic(FROM, 6)
    partitionCount = 6
    await world.send(5, 2)
    await drain(relay)
    expect((await world.contents(TO)).map(({ length }) => length)).toEqual([1, 0, 0, 0, 0, 2])
  })

  it('tells how far it is behind', async () => {
    const world = await RelayWorld.create(2)
    await world.send(0, 5)
    const lag = () => readRelayLag(world.log, SOURCE)
    expect(await lag()).toEqual([{ partition: 0, position: null, end: 5, lagCount: 5 }, { partition: 1, position: null, end: 0, lagCount: 0 }])
    await world.relay([0, 1], { limits: SMALL }).step()
    expect(await lag()).toMatchObject([{ position: 2, end: 5, lagCount: 3 }, { lagCount: 0 }])
    const { relayFrom: _, ...own } = SOURCE
    expect(await readRelayLag(world.log, own)).toEqual([])
  })

  it('commits the position again where nothing comes, before Kafka forgets it', async () => {
    const world = await RelayWorld.create(1)
    await world.send(0, 1)
    const commits: number[] = []
    const log: EventLog = Object.create(world.log, { appendAndCommit: { value: (...asked: Parameters<EventLog['appendAndCommit']>) => {
      commits.push(asked[0].length)
      return world.log.appendAndCommit(...asked)
    } } }) as EventLog
    const relay = world.relay([0], { log, limits: { commitAgainMs: 1_000 } })
    await drain(relay)
    world.clock.step(999)
    await relay.step()
    expect(commits).toEqual([1])
    world.clock.step(1)
    await relay.step()
    await relay.step()
    expect(commits).toEqual([1, 0])
    expect((await world.contents(TO))[0]).toHaveLength(1)
  })

  it('takes positions over from whoever may have crashed, and does not wait for what that one has begun', async () => {
    const world = await RelayWorld.create(1)
    const asked: unknown[] = []
    const log = withCommitted(world.log, (committed) => (...of) => {
      asked.push(of)
      return committed(...of)
    })
    await drain(world.relay([0], { log }))
    expect(asked).toEqual([[GROUP, FROM, 0, true]])
  })

  it('does not take the first records of another relay for some whose position is gone', async () => {
    const world = await RelayWorld.create(1)
    await world.send(0, 3)
    const other = world.relay([0])
    const relay = world.relay([0], { log: withCommitted(world.log, (committed) => async (...of) => {
      const position = await committed(...of)
      await drain(other)
      return position
    }) })
    for (let i = 0; i < 3; i++) expect((await relay.step()).stopped).toEqual([])
    expect(await world.contents(TO)).toEqual(await world.contents(FROM))
  })

  it('waits for records, and stops when it is told to', async () => {
    const world = await RelayWorld.create(2)
    const ending = new AbortController()
    const steps: number[] = []
    const running = runRelay(world.relay([0, 1], { limits: { waitMaxMs: 500 } }), world.clock, ending.signal, ({ recordCount }) => steps.push(recordCount))
    const turn = () => new Promise((resolve) => setImmediate(resolve))
    for (let i = 0; i < 20; i++) await turn()
    await world.send(1, 3)
    for (let i = 0; i < 20; i++) await turn()
    // Without any time: what comes wakes it.
    expect(steps).toEqual([3])
    ending.abort()
    await running.catch(() => undefined)
  })
})

describe('a partition of a relay stands still, and others go on', () => {
  it('where its position is gone, and records were relayed before', async () => {
    const world = await RelayWorld.create(2)
    await world.send(0, 2)
    await world.log.append([{ topic: FROM, partition: 1, records: [{ key: null, value: Buffer.from('x') }] }])
    await world.log.ensureTopic(TO, 2)
    await world.log.append([{ topic: TO, partition: 1, records: [{ key: null, value: Buffer.from('before') }] }])
    const relay = world.relay([0, 1])
    expect((await relay.step()).stopped).toMatchObject([{ code: 'LOG_OFFSET_GONE', where: `topic ${FROM}, partition 1, offset 0` }])
    await drain(relay)
    expect((await world.contents(TO)).map(({ length }) => length)).toEqual([2, 1])
    expect(world.alarms).toHaveLength(1)
    await world.log.commit({ group: GROUP, topic: FROM, partition: 1, offset: 0 })
    await drain(relay)
    expect((await relay.step()).stopped).toEqual([])
    expect((await world.contents(TO))[1]).toHaveLength(2)
  })

  it.each<[string, number, string]>([['retention removed what was not relayed', 1, 'LOG_OFFSET_GONE'], ['its topic was made anew', 9, 'LOG_REPLACED']])('where %s', async (_, position, code) => {
    const world = await RelayWorld.create(1)
    await world.send(0, 5)
    world.log.moveStart(FROM, 0, 3)
    await world.log.commit({ group: GROUP, topic: FROM, partition: 0, offset: position })
    const relay = world.relay([0])
    for (let i = 0; i < 3; i++) expect((await relay.step()).stopped).toMatchObject([{ code }])
    expect(world.alarms).toHaveLength(1)
    expect(await world.contents(TO)).toEqual([[]])
  })

  it('where a record is too large for the source\'s own topic, after what is before it', async () => {
    const world = await RelayWorld.create(2)
    await world.send(0, 3)
    await world.log.append([{ topic: FROM, partition: 0, records: [{ key: null, value: Buffer.alloc(2_000) }] }])
    await world.send(0, 1)
    await world.send(1, 2)
    const small: ChangeLog = (log) => Object.create(log, { appendAndCommit: { value: async (...asked: Parameters<EventLog['appendAndCommit']>) => {
      const isLarge = asked[0].some(({ records }) => records.some(({ value }) => (value?.byteLength ?? 0) > 1_000))
      if (isLarge) throw new TidemarkError([{ code: 'EVENT_TOO_LARGE', message: 'A record has 2000 bytes, at most 1000 are possible.', where: TO, action: 'Raise it.' }])
      return log.appendAndCommit(...asked)
    } } }) as EventLog
    const relay = world.relay([0, 1], { log: small(world.log) })
    for (let i = 0; i < 12; i++) await relay.step()
    expect((await relay.step()).stopped).toMatchObject([{ code: 'EVENT_TOO_LARGE', where: `topic ${FROM}, partition 0, offset 3` }])
    expect(world.alarms).toHaveLength(1)
    expect((await world.contents(TO)).map(({ length }) => length)).toEqual([3, 2])
    // Once the topic takes it, it goes on.
    await drain(world.relay([0, 1]))
    expect(await world.contents(TO)).toEqual(await world.contents(FROM))
  })
})

describe('a relay that crashes', () => {
  /** Whether each record is there once, after a crash at a call and another process that goes on. */
  async function survives(at: number, where: Break): Promise<{ readonly isExact: boolean; readonly hasEnded: boolean }> {
    const world = await RelayWorld.create(2)
    await world.send(0, 5)
    await world.send(1, 3)
    const broken = breakingLog(world.log, at, where)
    const hasEnded = await drain(world.relay([0, 1], { log: broken.log, limits: SMALL })).then(() => true, () => false)
    await world.send(0, 2)
    await drain(world.relay([0, 1], { limits: SMALL }))
    return { isExact: await isRelayed(world), hasEnded }
  }

  async function isRelayed(world: RelayWorld): Promise<boolean> {
    return JSON.stringify(await world.contents(TO)) === JSON.stringify(await world.contents(FROM))
  }

  async function firstLoss(where: Break): Promise<number | null> {
    for (let at = 0; ; at++) {
      const { isExact, hasEnded } = await survives(at, where)
      if (!isExact) return at
      if (hasEnded) {
        expect(at).toBeGreaterThan(15)
        return null
      }
    }
  }

  it.each(['before', 'after'] as const)('at any of its calls, %s it was done, loses nothing and repeats nothing', async (where) => {
    expect(await firstLoss(where)).toBeNull()
  })

  type Action = { readonly kind: 'send'; readonly partition: number; readonly count: number } | { readonly kind: 'step'; readonly relays: readonly number[] } | { readonly kind: 'crash'; readonly relay: number; readonly at: number; readonly where: Break }
  const actions = fc.array(fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('send' as const), partition: fc.nat(1), count: fc.integer({ min: 1, max: 4 }) }) },
    // Several that believe in the same partitions.
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('step' as const), relays: fc.uniqueArray(fc.nat(2), { minLength: 1 }) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('crash' as const), relay: fc.nat(2), at: fc.nat(12), where: fc.constantFrom<Break>('before', 'after') }) },
  ), { maxLength: 40 })

  async function isExactAfter(history: readonly Action[], change: ChangeLog): Promise<boolean> {
    const world = await RelayWorld.create(2)
    const start = (log: EventLog = change(world.log)) => world.relay([0, 1], { log, limits: SMALL })
    const relays = [start(), start(), start()]
    for (const action of history) {
      if (action.kind === 'send') await world.send(action.partition, action.count)
      else if (action.kind === 'step') await Promise.all(action.relays.map((i) => relays[i]!.step().catch(() => void (relays[i] = start()))))
      else relays[action.relay] = start(breakingLog(change(world.log), action.at, action.where).log)
    }
    // On a log that does as it should: what differs was done before.
    await drain(world.relay([0, 1], { limits: SMALL }))
    expect(world.alarms).toEqual([])
    return isRelayed(world)
  }

  const seed = Number(process.env['TIDEMARK_SEED'] ?? Date.now() % 1_000_000)
  const parameters = { seed, numRuns: Number(process.env['TIDEMARK_RUNS'] ?? 300) }
  const exact = (change: ChangeLog) => fc.asyncProperty(actions, async (history) => {
    expect(await isExactAfter(history, change)).toBe(true)
  })

  it('again and again, beside others that relay the same, loses nothing and repeats nothing', async () => {
    await fc.assert(exact((log) => log), parameters)
  })

  const bugs: Record<string, ChangeLog> = {
    'whose position is committed last': (log) => Object.create(log, { appendAndCommit: { value: async (...[appends, commit, expected]: Parameters<EventLog['appendAndCommit']>) => {
      if ((await log.committed(commit.group, commit.topic, commit.partition)) !== expected) return null
      await log.append(appends)
      if (commit.offset % 3 === 0) throw new Error('gone between the two')
      return log.appendAndCommit([], commit, expected)
    } } }) as EventLog,
    'whose position is not compared': (log) => Object.create(log, { appendAndCommit: { value: async (...[appends, commit]: Parameters<EventLog['appendAndCommit']>) =>
      log.appendAndCommit(appends, commit, await log.committed(commit.group, commit.topic, commit.partition)) } }) as EventLog,
    'whose position is committed first': (log) => Object.create(log, { appendAndCommit: { value: async (...[appends, commit, expected]: Parameters<EventLog['appendAndCommit']>) => {
      if ((await log.appendAndCommit([], commit, expected)) === null) return null
      if (commit.offset % 3 === 0) throw new Error('gone between the two')
      return log.append(appends)
    } } }) as EventLog,
  }
  it.each(Object.keys(bugs))('is found out on a log %s', async (bug) => {
    expect((await fc.check(exact(bugs[bug]!), { ...parameters, numRuns: 2_000 })).failed).toBe(true)
  })
})
