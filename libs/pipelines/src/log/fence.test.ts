import { describe, expect, it } from '@jest/globals'
import { decodeBucketRecord, encodeBucketRecord } from './bucket-record.ts'
import { barFence, decodeFence, encodeFence } from './fence.ts'

const fence = { next: 2 ** 40, epoch: 481_000, knownTimeMs: 1_700_000_000_123, mark: { offset: 2 ** 40 - 1, appendTimeMs: 1_700_000_000_100, checksum: 4_294_967_295 } }
/** As version 1 has them, which stores hold. */
const FENCE_BYTES = '46010000583798430000000000007042' + '00000000a05b1d4100b08756febc7842' + '00e0ffffffff6f4200408656febc7842' + 'ffffffff00000000'
const RECORD_BYTES = '42010000271a17b600000000a05b1d41'
const empty = { next: 0, epoch: -Infinity, knownTimeMs: -Infinity, mark: null }

describe('the bytes of a fence', () => {
  it.each([fence, empty])('come back as they were', (position) => {
    expect(decodeFence(encodeFence(position), 'here')).toEqual(position)
  })

  it('are those of version 1', () => {
    expect(Buffer.from(encodeFence(fence)).toString('hex')).toBe(FENCE_BYTES)
    expect(decodeFence(Buffer.from(FENCE_BYTES, 'hex'), 'here')).toEqual(fence)
  })

  it('are refused where any byte of them is another', () => {
    const bytes = encodeFence(fence)
    for (let i = 0; i < bytes.length; i++) {
      if (i === 2 || i === 3) continue
      const damaged = bytes.slice()
      damaged[i]! ^= 0x40
      expect(() => decodeFence(damaged, 'here')).toThrow(i === 1 ? 'STORE_TOO_NEW' : 'STORE_DAMAGED')
    }
    expect(() => decodeFence(bytes.slice(0, 40), 'here')).toThrow('STORE_DAMAGED')
    expect(() => decodeFence(new Uint8Array(), 'here')).toThrow('STORE_DAMAGED')
  })
})

it('the next version of either is refused as too new', () => {
  for (const [bytes, decode] of [[encodeFence(fence), decodeFence], [encodeBucketRecord({ startsAfterEpoch: 3, replaying: [] }), decodeBucketRecord]] as const) {
    bytes[1]!++
    expect(() => decode(bytes, 'here')).toThrow('STORE_TOO_NEW')
  }
})

it('a fence that was barred says the same, and is another one each time', () => {
  const bars = [encodeFence(fence)]
  for (let times = 0; times < 3; times++) bars.push(barFence(bars.at(-1)!))
  expect(new Set(bars.map((bytes) => Buffer.from(bytes).toString('hex'))).size).toBe(4)
  for (const bytes of bars) expect(decodeFence(bytes, 'here')).toEqual(fence)
})

describe('the bytes of a bucket record', () => {
  it.each([-Infinity, 0, 481_000])('come back as they were: %d', (startsAfterEpoch) => {
    expect(decodeBucketRecord(encodeBucketRecord({ startsAfterEpoch, replaying: [] }), 'here')).toEqual({ startsAfterEpoch, replaying: [] })
  })

  it('name the partitions that are replayed', () => {
    const record = { startsAfterEpoch: 3, replaying: [0, 7, 2 ** 32 - 1] }
    expect(decodeBucketRecord(encodeBucketRecord(record), 'here')).toEqual(record)
    for (const length of [19, 20, 24, 26]) expect(() => decodeBucketRecord(encodeBucketRecord(record).subarray(0, length), 'here')).toThrow('STORE_DAMAGED')
  })

  it('are those of version 2; of version 1 they are read, and of version 3 not', () => {
    expect(Buffer.from(encodeBucketRecord({ startsAfterEpoch: 481_000, replaying: [] })).toString('hex')).toBe(RECORD_BYTES.replace('4201', '4202'))
    expect(decodeBucketRecord(Buffer.from(RECORD_BYTES, 'hex'), 'here')).toEqual({ startsAfterEpoch: 481_000, replaying: [] })
    expect(() => decodeBucketRecord(Buffer.from(RECORD_BYTES.replace('4201', '4203'), 'hex'), 'here')).toThrow('STORE_TOO_NEW')
  })

  it('are not those of a fence', () => {
    expect(() => decodeBucketRecord(encodeFence(fence), 'here')).toThrow('STORE_DAMAGED')
  })
})
