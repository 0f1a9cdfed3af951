import { describe, expect, it } from '@jest/globals'
import { crc32c, createRecordsBatch, Reader, readRecordsBatches, type CompressionAlgorithmValue } from '@platformatic/kafka'
import { forSeeds } from '@tidemark/ports/testing/store-cases'
import { FetchedRecords, type AbortedTransaction } from './record-batches.ts'

const NO_LIMITS = { countMax: 1_000_000, sizeMaxBytes: 1_000_000_000 }
const APPEND_TIME_MS = 1_700_000_000_123

interface BatchOptions {
  readonly firstOffset?: number
  readonly producerId?: bigint
  readonly isTransactional?: boolean
  readonly compression?: CompressionAlgorithmValue
  readonly isStamped?: boolean
  readonly isControl?: boolean
}

/** A batch by the client's own encoder, as a broker keeps it: placed, stamped, its checksum made again. */
function batchOf(values: readonly (Buffer | string | null)[], { firstOffset = 0, producerId = -1n, isTransactional = false, compression = 'none', isStamped = true, isControl = false }: BatchOptions = {}): Buffer {
  const messages = values.map((value) => ({ topic: 't', key: null as unknown as Buffer, value: (typeof value === 'string' ? Buffer.from(value) : value) as Buffer }))
  const bytes = Buffer.from(createRecordsBatch(messages, { producerId, compression, transactionalId: isTransactional ? 'x' : null }).buffer)
  bytes.writeBigInt64BE(BigInt(firstOffset), 0)
  bytes.writeBigInt64BE(BigInt(APPEND_TIME_MS), 35)
  bytes.writeInt16BE(bytes.readInt16BE(21) | (isStamped ? 8 : 0) | (isControl ? 32 : 0), 21)
  return sealed(bytes)
}

function sealed(bytes: Buffer): Buffer {
  bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17)
  return bytes
}

const COMMIT = 1
const ABORT = 0

function markerOf(type: number, firstOffset: number, producerId: bigint): Buffer {
  const key = Buffer.from([0, 0, 0, type])
  const bytes = Buffer.from(createRecordsBatch([{ topic: 't', key, value: Buffer.alloc(6) }], { producerId, transactionalId: 'x' }).buffer)
  bytes.writeBigInt64BE(BigInt(firstOffset), 0)
  bytes.writeInt16BE(bytes.readInt16BE(21) | 32, 21)
  return sealed(bytes)
}

function fetched(batches: readonly Buffer[], from = 0, aborted: readonly AbortedTransaction[] = []): FetchedRecords {
  return new FetchedRecords({ bytes: Buffer.concat(batches), aborted, from, where: 'kafka b:1, topic t, partition 0' })
}

const textsOf = (records: readonly { readonly value: Uint8Array | null }[]): string[] => records.map(({ value }) => Buffer.from(value!).toString())

describe('FetchedRecords', () => {
  it('gives records byte by byte, with their headers and the time of the log', () => {
    const headers = new Map([[Buffer.from('ünï'), Buffer.from([0, 1])], [Buffer.from('empty'), Buffer.alloc(0)]])
    const messages = [
      { topic: 't', key: Buffer.from([0, 255]), value: Buffer.from('x'.repeat(300)), headers },
      { topic: 't', key: null as unknown as Buffer, value: null as unknown as Buffer },
      { topic: 't', key: Buffer.alloc(0), value: Buffer.alloc(0) },
    ]
    const bytes = Buffer.from(createRecordsBatch(messages).buffer)
    bytes.writeInt16BE(8, 21)
    bytes.writeBigInt64BE(BigInt(APPEND_TIME_MS), 35)
    bytes.writeBigInt64BE(2n ** 40n, 0)
    const { records, next } = fetched([sealed(bytes)], 2 ** 40).take(NO_LIMITS)
    expect(next).toBe(2 ** 40 + 3)
    expect(records.map(({ offset, appendTimeMs, key, value }) => [offset - 2 ** 40, appendTimeMs, key && [...key], value && value.length])).toEqual([
      [0, APPEND_TIME_MS, [0, 255], 300], [1, APPEND_TIME_MS, null, null], [2, APPEND_TIME_MS, [], 0],
    ])
    expect(Object.entries(records[0]!.headers).map(([name, each]) => [name, [...each]])).toEqual([['ünï', [0, 1]], ['empty', []]])
  })

  it.each<CompressionAlgorithmValue>(['none', 'gzip', 'snappy', 'lz4', 'zstd'])('reads %s', (compression) => {
    const values = Array.from({ length: 200 }, (_, i) => `value ${i} ${'.'.repeat(i)}`)
    expect(textsOf(fetched([batchOf(values, { compression })]).take(NO_LIMITS).records)).toEqual(values)
  })

  it('reads what the client\'s own decoder reads, in any pieces from any position', async () => {
    await forSeeds(50, async (chance) => {
      const below = (limit: number): number => Math.floor(chance() * limit)
      let offset = below(5)
      const batches = Array.from({ length: 1 + below(6) }, () => {
        const values = Array.from({ length: 1 + below(20) }, () => 'x'.repeat(below(300)))
        const batch = batchOf(values, { firstOffset: offset })
        offset += values.length + below(3)
        return batch
      })
      const end = Number(batches.at(-1)!.readBigInt64BE(0)) + batches.at(-1)!.readInt32BE(23) + 1
      const from = below(end + 1)
      const truth = readRecordsBatches(Reader.from(Buffer.concat(batches)))
        .flatMap((batch) => batch.records.map(({ offsetDelta, value }) => ({ offset: Number(batch.firstOffset) + offsetDelta, size: value!.length })))
        .filter((record) => record.offset >= from)
      const reading = fetched([...batches, batchOf(['cut']).subarray(0, below(60))], from)
      const read: { offset: number; size: number }[] = []
      while (!reading.isExhausted) {
        const limits = { countMax: 1 + below(10), sizeMaxBytes: below(1_000) }
        const { from: start, next, records } = reading.take(limits)
        expect(start).toBe(Math.max(from, start))
        for (const record of records) expect(record.offset >= start && record.offset < next).toBe(true)
        expect(records.length).toBeLessThanOrEqual(limits.countMax)
        if (records.length > 1) expect(records.reduce((sum, { value }) => sum + value!.length, 0)).toBeLessThanOrEqual(limits.sizeMaxBytes)
        read.push(...records.map((record) => ({ offset: record.offset, size: record.value!.length })))
      }
      expect(read).toEqual(truth)
      expect(reading.next).toBe(Math.max(from, end))
    })
  })

  it('leaves out aborted transactions to their markers, several of one producer, among others\' records', () => {
    const batches = [
      batchOf(['a'], { firstOffset: 0, producerId: 1n, isTransactional: true }),
      batchOf(['b'], { firstOffset: 1, producerId: 2n, isTransactional: true }),
      batchOf(['plain'], { firstOffset: 2 }),
      markerOf(ABORT, 3, 1n),
      batchOf(['c'], { firstOffset: 4, producerId: 1n, isTransactional: true }),
      markerOf(COMMIT, 5, 1n),
      markerOf(COMMIT, 6, 2n),
      batchOf(['d', 'e'], { firstOffset: 7, producerId: 1n, isTransactional: true }),
      markerOf(ABORT, 9, 1n),
    ]
    const aborted = [{ producerId: 1n, firstOffset: 7n }, { producerId: 1n, firstOffset: 0n }]
    const { records, next } = fetched(batches, 0, aborted).take(NO_LIMITS)
    expect(textsOf(records)).toEqual(['b', 'plain', 'c'])
    expect(next).toBe(10)
  })

  it('leaves out an aborted transaction whose marker is not in the same fetch', () => {
    const batches = [batchOf(['before']), batchOf(['a', 'b'], { firstOffset: 1, producerId: 1n, isTransactional: true })]
    const { records, next } = fetched(batches, 0, [{ producerId: 1n, firstOffset: 1n }]).take(NO_LIMITS)
    expect(textsOf(records)).toEqual(['before'])
    expect(next).toBe(3)
  })

  it('gives a record whatever its size, and says when nothing more comes', () => {
    const reading = fetched([batchOf(['a', 'bb']), batchOf(['c'], { firstOffset: 2 })])
    expect(textsOf(reading.take({ countMax: 9, sizeMaxBytes: 0 }).records)).toEqual(['a'])
    expect(reading.isExhausted).toBe(false)
    expect(textsOf(reading.take({ countMax: 1, sizeMaxBytes: 100 }).records)).toEqual(['bb'])
    expect(textsOf(reading.take(NO_LIMITS).records)).toEqual(['c'])
    expect(reading.isExhausted).toBe(true)
  })

  it('says that a batch is damaged, wherever a bit of it is turned', () => {
    const whole = batchOf(['some value', 'another'], { producerId: 3n })
    for (let at = 17; at < whole.length; at++) {
      const bytes = Buffer.from(whole)
      bytes[at]! ^= 1
      expect(() => fetched([bytes]).take(NO_LIMITS)).toThrow(expect.objectContaining({ code: 'STORE_DAMAGED' }))
    }
    const old = batchOf(['x'])
    old[16] = 1
    expect(() => fetched([old]).take(NO_LIMITS)).toThrow(expect.objectContaining({ code: 'STORE_DAMAGED' }))
  })

  it('says that records which seal and are nonsense are damaged', () => {
    const bytes = batchOf(['some value'])
    bytes.writeInt32BE(2, 57)
    expect(() => fetched([sealed(bytes)]).take(NO_LIMITS)).toThrow(expect.objectContaining({ code: 'STORE_DAMAGED' }))
    const squeezed = batchOf(['some value'], { compression: 'gzip' })
    squeezed.fill(0, 61)
    expect(() => fetched([sealed(squeezed)]).take(NO_LIMITS)).toThrow(expect.objectContaining({ code: 'STORE_DAMAGED' }))
  })

  it('refuses records with their producers\' time, and gives what is before them', () => {
    const reading = fetched([batchOf(['stamped']), batchOf(['not stamped'], { firstOffset: 1, isStamped: false })])
    expect(textsOf(reading.take({ countMax: 1, sizeMaxBytes: 100 }).records)).toEqual(['stamped'])
    expect(() => reading.take(NO_LIMITS)).toThrow(expect.objectContaining({ code: 'TOPIC_SETTINGS' }))
  })
})
