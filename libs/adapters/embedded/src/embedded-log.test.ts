// The log, consumer groups and speed views on LMDB under the suites of their ports. Two environments of one folder are two clients.
import { describe, expect, it, jest } from '@jest/globals'
import { consumerGroupsContract } from '@tidemark/ports/consumer-groups.contract'
import { eventLogContract } from '@tidemark/ports/event-log.contract'
import { SESSION_TIMEOUT_DEFAULT_MS } from '@tidemark/ports/group-members'
import { speedViewStoreContract } from '@tidemark/ports/speed-view-store.contract'
import { createSteppedClock } from '@tidemark/ports/stepped-clock'
import { openEmbeddedConsumerGroups } from './embedded-consumer-groups.ts'
import { openEmbeddedEnvironment, type EmbeddedEnvironment } from './embedded-environment.ts'
import { openEmbeddedEventLog, RECORD_SIZE_MAX_BYTES } from './embedded-event-log.ts'
import { openEmbeddedSpeedViewStore } from './embedded-speed-view-store.ts'
import { temporaryFolder } from './testing/temporary-folder.ts'

jest.setTimeout(60_000)

interface TwoClients extends AsyncDisposable {
  readonly own: EmbeddedEnvironment
  readonly others: EmbeddedEnvironment
}

async function openTwice(): Promise<TwoClients> {
  const folder = await temporaryFolder()
  const open = (): Promise<EmbeddedEnvironment> => openEmbeddedEnvironment({ folder: folder.path, durability: 'process', verify: false })
  const own = await open()
  const others = await open()
  return {
    own,
    others,
    async [Symbol.asyncDispose]() {
      await own[Symbol.asyncDispose]()
      await others[Symbol.asyncDispose]()
      await folder[Symbol.asyncDispose]()
    },
  }
}

eventLogContract('embedded', async () => {
  const clients = await openTwice()
  const clock = createSteppedClock(1_000_000)
  const log = await openEmbeddedEventLog(clients.own, { clock })
  const other = await openEmbeddedEventLog(clients.others, { clock })
  return {
    log,
    other,
    nowMs: clock.nowMs,
    step: clock.step,
    recordSizeMaxBytes: RECORD_SIZE_MAX_BYTES,
    moveStart: (topic, partition, start) => log.moveStart(topic, partition, start),
    [Symbol.asyncDispose]: () => clients[Symbol.asyncDispose](),
  }
})

consumerGroupsContract('embedded', async () => {
  const clients = await openTwice()
  const clock = createSteppedClock(1_000_000)
  const log = await openEmbeddedEventLog(clients.own, { clock })
  const groups = await openEmbeddedConsumerGroups(clients.own, { log, clock })
  const other = await openEmbeddedConsumerGroups(clients.others, { log, clock })
  return { log, groups, other, step: clock.step, sessionTimeoutMs: SESSION_TIMEOUT_DEFAULT_MS, [Symbol.asyncDispose]: () => clients[Symbol.asyncDispose]() }
})

speedViewStoreContract('embedded', async () => {
  const clients = await openTwice()
  const store = await openEmbeddedSpeedViewStore(clients.own)
  const other = await openEmbeddedSpeedViewStore(clients.others)
  return { store, other, [Symbol.asyncDispose]: () => clients[Symbol.asyncDispose]() }
})

describe('openEmbeddedEventLog', () => {
  it('says that records are missing, instead of stepping over them', async () => {
    await using clients = await openTwice()
    const log = await openEmbeddedEventLog(clients.own, { clock: createSteppedClock(0) })
    await log.ensureTopic('t', 1)
    for (const value of ['a', 'b', 'c']) await log.append([{ topic: 't', partition: 0, records: [{ key: null, value: Buffer.from(value) }] }])
    const segments = await clients.own.database('log')
    await clients.own.write((writer) => {
      const [, second] = [...writer.entries(segments, Buffer.from([0]), Buffer.from([255]))]
      writer.remove(segments, second!.key)
    })
    const limits = { countMax: 10, sizeMaxBytes: 1_000, waitMaxMs: 0 }
    expect((await log.fetch('t', 0, 2, limits)).next).toBe(3)
    await expect(log.fetch('t', 0, 0, limits)).rejects.toMatchObject({ code: 'STORE_DAMAGED' })
    await expect(log.fetch('t', 0, 1, limits)).rejects.toMatchObject({ code: 'STORE_DAMAGED' })
  })

  it('splits a large append into segments, and reads it as one', async () => {
    await using clients = await openTwice()
    const log = await openEmbeddedEventLog(clients.own, { clock: createSteppedClock(0) })
    await log.ensureTopic('t', 1)
    const records = Array.from({ length: 300 }, (_, i) => ({ key: Buffer.from(String(i)), value: Buffer.alloc(10_000, i) }))
    await log.append([{ topic: 't', partition: 0, records }])
    const { records: read, next } = await log.fetch('t', 0, 0, { countMax: 1_000, sizeMaxBytes: 1e9, waitMaxMs: 0 })
    expect(next).toBe(300)
    expect(read.every(({ offset, key, value }, i) => offset === i && Buffer.from(key!).toString() === String(i) && records[i]!.value.equals(value!))).toBe(true)
  })

  it('takes appends of one call together, each at its place and time', async () => {
    await using clients = await openTwice()
    const log = await openEmbeddedEventLog(clients.own, { clock: createSteppedClock(0) })
    await log.ensureTopic('t', 2)
    const record = { key: null, value: Buffer.alloc(1_000, 'x') }
    const appends = [[0, 3], [0, 30], [1, 2], [0, 0], [0, 20]].map(([partition, count], i) => ({ topic: 't', partition: partition!, appendTimeMs: 100 + i, records: Array.from({ length: count! }, () => record) }))
    await log.appendAt(appends.slice(0, 1))
    expect(await log.appendAt(appends.slice(1))).toEqual([
      { firstOffset: 3, appendTimeMs: 101 }, { firstOffset: 0, appendTimeMs: 102 }, { firstOffset: 33, appendTimeMs: 103 }, { firstOffset: 33, appendTimeMs: 104 },
    ])
    const timesOf = async (from: number, countMax: number): Promise<number[]> =>
      (await log.fetch('t', 0, from, { countMax, sizeMaxBytes: 1e9, waitMaxMs: 0 })).records.map(({ offset, appendTimeMs }) => 1_000 * offset + appendTimeMs)
    const all = Array.from({ length: 53 }, (_, offset) => 1_000 * offset + (offset < 3 ? 100 : offset < 33 ? 101 : 104))
    expect(await timesOf(0, 100)).toEqual(all)
    for (let from = 52; from >= 0; from -= 4) expect(await timesOf(from, 7)).toEqual(all.slice(from, from + 7))
  })

  it('leaves others their turn while somebody reads on and on', async () => {
    await using clients = await openTwice()
    const log = await openEmbeddedEventLog(clients.own, { clock: createSteppedClock(0) })
    await log.ensureTopic('t', 1)
    await log.append([{ topic: 't', partition: 0, records: Array.from({ length: 500 }, () => ({ key: null, value: Buffer.of(1) })) }])
    let hadTurn = false
    setImmediate(() => (hadTurn = true))
    await log.fetch('t', 0, 0, { countMax: 500, sizeMaxBytes: 1e9, waitMaxMs: 0 })
    expect(hadTurn).toBe(true)
  })
})
