// The cache of batch blobs that serving processes share: right answers, in time, with it and without it, dead, silent or damaged.
import { describe, expect, it } from '@jest/globals'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import { BatchReading, blobOf } from '../testing/batch-reading.ts'
import { decodePromoted, encodePromoted, promotedKey } from './promoted-blob.ts'
import { DeadlinePassed } from './sliced-work.ts'

const AWAY = new TidemarkError([{ code: 'STORE_UNAVAILABLE', message: 'It does not answer.', where: 'redis host:1', action: 'Look at it.' }])
const turns = async (count = 20): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

function openReading(): BatchReading {
  const reading = new BatchReading()
  reading.set(1, 'ada', 7)
  reading.set(2, 'ada', 8)
  reading.set(2, 'bea', 9)
  return reading
}

describe('a cache of batch blobs', () => {
  it('spares the other processes the store, absence too', async () => {
    const reading = openReading()
    const expected = [blobOf(8), blobOf(9), null]
    for (let i = 0; i < 3; i++) expect(await reading.openProcess().read(2, ['ada', 'bea', 'eve'])).toEqual(expected)
    expect(reading.asked).toEqual(['ada', 'bea', 'eve'])
    // What is in a process's memory is asked of nobody.
    const process = reading.openProcess()
    for (let i = 0; i < 3; i++) await process.read(2, ['ada'])
    expect(reading.cache.getCount).toBe(4)
    expect(await reading.openProcess().read(2, ['eve', 'zoe', 'ada'])).toEqual([null, null, blobOf(8)])
    expect(reading.asked).toEqual(['ada', 'bea', 'eve', 'zoe'])
    expect(reading.alarms).toEqual([])
  })

  it('is not asked where there is none', async () => {
    const reading = openReading()
    for (let i = 0; i < 2; i++) expect(await reading.openProcess({ hasCache: false }).read(2, ['ada'])).toEqual([blobOf(8)])
    expect([reading.cache.getCount, reading.cache.putCount, reading.asked.length]).toEqual([0, 0, 2])
  })

  it('that is dead fails no answer, is left out after three failures, said once, and asked again now and then', async () => {
    const reading = openReading()
    reading.cache.failure = AWAY
    for (let i = 0; i < 10; i++) {
      expect(await reading.openProcess({}).read(2, ['ada', 'bea'])).toEqual([blobOf(8), blobOf(9)])
      await turns()
    }
    const process = reading.openProcess()
    reading.alarms.length = 0
    reading.cache.getCount = reading.cache.putCount = 0
    for (const user of 'abcdefghij') {
      expect(await process.read(2, [user])).toEqual([null])
      await turns()
    }
    // A read and what would have kept it each count.
    expect(reading.cache.getCount + reading.cache.putCount).toBe(3)
    expect(reading.alarms).toEqual([{ code: 'STORE_UNAVAILABLE', where: 'redis host:1', message: expect.stringContaining('It does not answer.') }])
    reading.clock.step(5_000)
    for (const user of 'klm') await process.read(2, [user])
    expect(reading.cache.getCount + reading.cache.putCount).toBe(4)
    reading.cache.failure = null
    reading.clock.step(5_000)
    await process.read(2, ['n'])
    await turns()
    await process.read(2, ['o'])
    expect(reading.alarms).toHaveLength(1)
    expect(await reading.openProcess().read(2, ['o'])).toEqual([null])
    expect(reading.asked.filter((user) => user === 'o')).toHaveLength(1)
  })

  it('that says nothing makes an answer late by a moment, and no more than a few', async () => {
    const reading = openReading()
    reading.cache.isSilent = true
    const process = reading.openProcess()
    for (let i = 0; i < 6; i++) {
      let answer: unknown = null
      const reads = process.read(2, [`user ${i}`, 'ada']).then((blobs) => (answer = blobs))
      await turns()
      // The first three wait; then it is left out.
      expect([i, answer === null]).toEqual([i, i < 3])
      for (let passedMs = 0; passedMs < 25; passedMs += 5) {
        reading.clock.step(5)
        await turns()
      }
      await reads
      expect(answer).toEqual([null, blobOf(8)])
    }
    expect(reading.alarms).toMatchObject([{ code: 'STORE_UNAVAILABLE' }])
  })

  it('is brought no more than a few things at once', async () => {
    const reading = openReading()
    const process = reading.openProcess()
    reading.cache.putMany = () => {
      reading.cache.putCount++
      return new Promise(() => undefined)
    }
    for (let i = 0; i < 100; i++) await process.read(2, [`user ${i}`])
    expect(reading.cache.putCount).toBe(32)
  })

  it('gives what it has where the store fails', async () => {
    const reading = openReading()
    await reading.openProcess().read(2, ['ada'])
    await turns()
    reading.storeAnswers = Promise.reject(AWAY)
    reading.storeAnswers.catch(() => undefined)
    const process = reading.openProcess()
    expect(await process.read(2, ['ada', 'bea'])).toEqual([blobOf(8), expect.objectContaining({ code: 'STORE_UNAVAILABLE' })])
    reading.storeAnswers = Promise.resolve(undefined)
    expect(await process.read(2, ['ada', 'bea'])).toEqual([blobOf(8), blobOf(9)])
  })

  it('is not asked for an entity whose key is too long for it', async () => {
    const reading = openReading()
    const long = 'x'.repeat(5_000)
    for (let i = 0; i < 2; i++) expect(await reading.openProcess().read(2, ['ada', long, 'bea'])).toEqual([blobOf(8), null, blobOf(9)])
    expect(reading.asked.filter((user) => user === long)).toHaveLength(2)
    expect(reading.asked.filter((user) => user === 'bea')).toHaveLength(1)
    expect(reading.cache.kept.size).toBe(2)
  })
})

describe('a value of the cache', () => {
  const key = promotedKey('totals@1', { n: 2, cut: 20 }, Buffer.from('s3:ada'))

  it('says what the generation has, or that it has none', () => {
    const row = { generation: 2, blob: blobOf(8) }
    expect(decodePromoted(key, encodePromoted(key, row))).toEqual(row)
    expect(decodePromoted(key, encodePromoted(key, null))).toBeNull()
    expect(decodePromoted(key, encodePromoted(key, { generation: 2 ** 40, blob: new Uint8Array(0) }))).toEqual({ generation: 2 ** 40, blob: new Uint8Array(0) })
  })

  it('is of no use where one bit of it or of its key is another, or something is missing', () => {
    const value = encodePromoted(key, { generation: 2, blob: blobOf(8) })
    for (let bit = 0; bit < 8 * value.length; bit++) {
      const changed = Uint8Array.from(value)
      changed[bit >> 3]! ^= 1 << (bit & 7)
      expect([bit, typeof decodePromoted(key, changed)]).toEqual([bit, 'string'])
    }
    for (let length = 0; length < value.length; length++) expect([length, typeof decodePromoted(key, value.subarray(0, length))]).toEqual([length, 'string'])
    for (const other of [promotedKey('totals@1', { n: 3, cut: 20 }, Buffer.from('s3:ada')), promotedKey('totals@1', { n: 2, cut: 21 }, Buffer.from('s3:ada')), promotedKey('totals@2', { n: 2, cut: 20 }, Buffer.from('s3:ada')), promotedKey('totals@1', { n: 2, cut: 20 }, Buffer.from('s3:bea'))]) {
      expect(typeof decodePromoted(other, value)).toBe('string')
    }
  })

  it('of a later format is said to be that', () => {
    const later = encodePromoted(key, null)
    later[0] = 2
    expect(decodePromoted(key, later)).toContain('format version is 2')
  })

  it.each<[string, (value: Uint8Array, valueKey: Uint8Array) => Uint8Array]>([
    ['is damaged', (value) => value.fill(0xff, 8, 12)],
    ['is of a later format', (value) => value.fill(2, 0, 1)],
    ['is cut off', (value) => value.subarray(0, 10)],
    ['is another key\'s', () => encodePromoted(Buffer.from('other'), { generation: 2, blob: blobOf(3) })],
    ['has a blob that was damaged before it was sealed', (_, valueKey) => encodePromoted(valueKey, { generation: 2, blob: blobOf(8).fill(0xff, 8, 12) })],
  ])('that %s is read from the store, said once, and put right', async (_, damage) => {
    const reading = openReading()
    await reading.openProcess().read(2, ['ada', 'bea', 'eve'])
    for (const [name, value] of reading.cache.kept) reading.cache.kept.set(name, damage(Uint8Array.from(value), Buffer.from(name, 'latin1')))
    reading.asked.length = 0
    const process = reading.openProcess()
    expect(await process.read(2, ['ada', 'bea', 'eve'])).toEqual([blobOf(8), blobOf(9), null])
    expect(reading.asked).toEqual(['ada', 'bea', 'eve'])
    expect(reading.alarms).toMatchObject([{ code: 'STORE_DAMAGED', where: 'cache of batch blobs, view totals@1' }])
    expect(await reading.openProcess().read(2, ['ada', 'bea', 'eve'])).toEqual([blobOf(8), blobOf(9), null])
    expect(reading.asked).toHaveLength(3)
    expect(reading.alarms).toHaveLength(1)
  })
})

describe('what several requests miss at once', () => {
  it.each([true, false])('is read once (with a cache: %s)', async (hasCache) => {
    const reading = openReading()
    const { promise, resolve } = Promise.withResolvers<undefined>()
    reading.storeAnswers = promise
    const process = reading.openProcess({ hasCache })
    const reads = [['ada', 'bea'], ['bea', 'eve'], ['eve', 'ada', 'zoe'], ['ada'], ['ada', 'ada']].map((users) => process.read(2, users))
    await turns()
    resolve(undefined)
    const [ada, bea] = [blobOf(8), blobOf(9)]
    expect(await Promise.all(reads)).toEqual([[ada, bea], [bea, null], [null, ada, null], [ada], [ada, ada]])
    expect(reading.asked.toSorted()).toEqual(['ada', 'bea', 'eve', 'zoe'])
    if (hasCache) expect(reading.cache.kept.size).toBe(4)
  })

  it('of two generations is read of each', async () => {
    const reading = openReading()
    const { promise, resolve } = Promise.withResolvers<undefined>()
    reading.storeAnswers = promise
    const process = reading.openProcess()
    const reads = [1, 2, 1, 2].map((n) => process.read(n, ['ada']))
    await turns()
    resolve(undefined)
    expect(await Promise.all(reads)).toEqual([[blobOf(7)], [blobOf(8)], [blobOf(7)], [blobOf(8)]])
  })

  it('fails for all where the store fails, and is asked for anew after that', async () => {
    const reading = openReading()
    reading.storeAnswers = Promise.reject(AWAY)
    reading.storeAnswers.catch(() => undefined)
    const process = reading.openProcess()
    const away = expect.objectContaining({ code: 'STORE_UNAVAILABLE' })
    expect(await Promise.all([process.read(2, ['ada']), process.read(2, ['bea', 'ada'])])).toEqual([[away], [away, away]])
    reading.storeAnswers = Promise.resolve(undefined)
    expect(await process.read(2, ['ada', 'bea'])).toEqual([blobOf(8), blobOf(9)])
  })

  it('is there for whoever has time, where the deadline of who asked for it first has passed', async () => {
    const reading = openReading()
    const { promise, resolve } = Promise.withResolvers<undefined>()
    reading.storeAnswers = promise
    const users = Array.from({ length: 1_000 }, (_, i) => `user ${i}`)
    const process = reading.openProcess()
    const hurried = process.read(2, users, 50)
    const patient = process.read(2, users.slice(0, 100))
    await turns()
    reading.clock.step(60)
    const steadyMs = reading.clock.steadyMs.bind(reading.clock)
    // Time passes by being looked at, so that slices end.
    reading.clock.steadyMs = () => {
      reading.clock.step(1)
      return steadyMs()
    }
    resolve(undefined)
    await expect(hurried).rejects.toThrow(DeadlinePassed)
    expect(await patient).toEqual(users.slice(0, 100).map(() => null))
  })

  it('and is damaged is not kept, neither here nor for others', async () => {
    const reading = openReading()
    reading.set(3, 'ada', null)
    const process = reading.openProcess()
    for (let i = 0; i < 2; i++) expect(await process.read(3, ['ada', 'bea'])).toEqual([expect.objectContaining({ code: 'BLOB_DAMAGED' }), blobOf(9)])
    expect(reading.asked).toEqual(['ada', 'bea', 'ada'])
    expect(reading.cache.kept.size).toBe(1)
    reading.set(3, 'ada', 5)
    expect(await process.read(3, ['ada'])).toEqual([blobOf(5)])
    expect(reading.alarms).toEqual([])
  })
})
