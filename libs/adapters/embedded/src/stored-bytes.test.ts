// What a folder of the release before holds is read, and read again after a rollback: the bytes of a format are those of its version.

import { describe, expect, it } from '@jest/globals'
import { randomBytes } from 'node:crypto'
import type { Revision } from '@tidemark/ports/revision'
import { createEmbeddedBatchViewStore } from './embedded-batch-view-store.ts'
import { openEmbeddedConsumerGroups } from './embedded-consumer-groups.ts'
import { openEmbeddedEnvironment, type EmbeddedEnvironment } from './embedded-environment.ts'
import { createEmbeddedJobQueue } from './embedded-job-queue.ts'
import { createEmbeddedRegisterStore } from './embedded-register-store.ts'
import { decodeSegment, encodeSegments, stampSegment } from './log-segment.ts'
import { markOfThisProcess } from '@tidemark/machine/process-mark'
import { checksumSeed, writeSeal } from './sealed-value.ts'
import { bucketPrefix, chunkKey, decodeChunk, encodeChunk, ENTITY_INLINE_MAX_BYTES, entityOf, fenceKey, firstChunkKey, recordKey } from './speed-keys.ts'
import { temporaryFolder } from './testing/temporary-folder.ts'

/** A body of one record of the value of 50,000 bytes below, by zstd of level 1. */
const COMPRESSED_BODY = '28b52ffd6055c2ad00006851c3000002666c696768747320010045c3e9e50b'

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

it('a sealed value', () => {
  const sealed = Buffer.from([0, 0, 0, 0, 1, 2])
  writeSeal(sealed, checksumSeed('speed'), Uint8Array.of(9))
  expect(hexOf(sealed)).toBe('53f4feee' + '0102')
})

describe('a segment of the log', () => {
  const records = [{ key: Buffer.from('k'), value: Buffer.from('ab'), headers: { h: Buffer.of(7) } }, { key: null, value: null, headers: {} }]
  const body = '1600000017000000' + '07' + '010000006b' + '01000000' + '0100000068' + '0100000007' + '6162' + '00'
  const readAll = (hex: string, count: number) => {
    const segment = decodeSegment(Buffer.from(hex, 'hex'), 5, 'here')
    expect(segment.count).toBe(count)
    return Array.from({ length: count }, (_, i) => segment.recordAt(5 + i))
  }
  const readAs = (appendTimesMs: readonly number[]) => records.map((record, i) => ({ ...record, offset: 5 + i, appendTimeMs: appendTimesMs[i]! }))

  it('whose append is stamped when it is put', () => {
    const [segment, ...more] = encodeSegments([{ records, appendTimeMs: null }])
    stampSegment(segment!, 1_700_000_000_123)
    const bytes = '53020000' + '02000000' + '01000000' + '1f000000' + '00000000' + '00b08756febc7842' + body
    expect([hexOf(segment!.bytes), more]).toEqual([bytes, []])
    expect(readAll(bytes, 2)).toEqual(readAs([1_700_000_000_123, 1_700_000_000_123]))
  })

  it('of two appends, each with its time', () => {
    const [segment] = encodeSegments(records.map((record, i) => ({ records: [record], appendTimeMs: 1_700_000_000_123 + i })))
    const bytes = '53020000' + '02000000' + '02000000' + '1f000000' + '00000000' + '00b08756febc7842' + '01000000' + '00c08756febc7842' + body
    expect(hexOf(segment!.bytes)).toBe(bytes)
    expect(readAll(bytes, 2)).toEqual(readAs([1_700_000_000_123, 1_700_000_000_124]))
    const decoded = decodeSegment(segment!.bytes, 0, 'here')
    expect([1, 0, 1].map((offset) => decoded.recordAt(offset).appendTimeMs - 1_700_000_000_123)).toEqual([1, 0, 1])
  })

  it('that is large, and so compressed', () => {
    const value = Buffer.alloc(50_000, 'flights ')
    const [segment] = encodeSegments([{ records: [{ key: null, value }], appendTimeMs: 8 }])
    expect(hexOf(segment!.bytes.subarray(0, 16))).toBe('53020100' + '01000000' + '01000000' + '55c30000')
    expect(segment!.bytes.length).toBeLessThan(1_000)
    const stored = Buffer.from('53020100' + '01000000' + '01000000' + '55c30000' + '00000000' + '0000000000002040' + COMPRESSED_BODY, 'hex')
    for (const bytes of [segment!.bytes, stored]) expect(decodeSegment(bytes, 3, 'here').recordAt(3)).toEqual({ offset: 3, appendTimeMs: 8, key: null, value, headers: {} })
    expect(() => decodeSegment(segment!.bytes.subarray(0, -1), 3, 'here').recordAt(3)).toThrow(/cannot be decompressed/)
  })

  it('that does not become smaller stays as it is', () => {
    const value = randomBytes(50_000)
    const [segment] = encodeSegments([{ records: [{ key: null, value }], appendTimeMs: 8 }])
    expect([segment!.bytes[2], segment!.bytes.length]).toEqual([0, 16 + 12 + 4 + 1 + 50_000])
    expect(decodeSegment(segment!.bytes, 3, 'here').recordAt(3).value).toEqual(value)
  })

  it('of a later version, not at all', () => {
    expect(() => readAll('53030000' + '02000000' + '01000000' + '1f000000' + '00000000' + '00b08756febc7842' + body, 2)).toThrow(expect.objectContaining({ code: 'STORE_TOO_NEW' }))
  })

  it('of version 1', () => {
    expect(readAll('53010000' + '02000000' + '00b08756febc7842' + body, 2)).toEqual(readAs([1_700_000_000_123, 1_700_000_000_123]))
  })
})

describe('speed views', () => {
  const prefix = bucketPrefix({ view: 'v@1', bucket: 258 })
  const entity = Uint8Array.of(9, 8)
  const stored = { revision: (2 ** 40 + 5) as Revision, bytes: Uint8Array.of(1, 2) }

  it('keys of a bucket', () => {
    expect([recordKey(prefix), fenceKey(prefix, 3), chunkKey(prefix, entity, 2)].map(hexOf)).toEqual([
      '0003764031' + '0102' + '00', '0003764031' + '0102' + '01' + '00000003', '0003764031' + '0102' + '02' + '0002' + '0908' + '02',
    ])
  })

  it('a chunk', () => {
    expect(hexOf(encodeChunk(entity, stored))).toBe('05000000' + '00010000' + '0102')
  })

  it('a chunk of an entity whose key does not hold it', () => {
    const long = new Uint8Array(ENTITY_INLINE_MAX_BYTES + 1).fill(7)
    expect(hexOf(chunkKey(prefix, long, 2))).toBe('0003764031' + '0102' + '03' + 'eec8fde6e476243c39c7a357902caf55dd8bd2f80f78d1f772192c4593b404f5' + '02')
    expect(hexOf(encodeChunk(long, stored))).toBe('05000000' + '00010000' + '01040000' + hexOf(long) + '0102')
  })

  it.each([-1, 0, 1])('an entity of the longest that a key holds, and %i bytes, comes back with its chunk', (more) => {
    const long = new Uint8Array(ENTITY_INLINE_MAX_BYTES + more).fill(7)
    const [key, value] = [firstChunkKey(prefix, long), encodeChunk(long, stored)]
    expect(decodeChunk(key, prefix, value)).toEqual({ ...stored, bytes: Buffer.from(stored.bytes) })
    expect(hexOf(entityOf(prefix, key, value))).toBe(hexOf(long))
  })
})

describe('of a store, every key and value', () => {
  const revision = (2 ** 40 + 5) as Revision
  const options = { clock: { nowMs: () => 1_700_000_000_123, steadyMs: () => 0, wait: () => Promise.resolve() }, newRevision: () => revision }
  const hexOfText = (text: string): string => hexOf(Buffer.from(text))

  async function inEnvironment<T>(use: (environment: EmbeddedEnvironment) => Promise<T>): Promise<T> {
    await using folder = await temporaryFolder()
    await using environment = await openEmbeddedEnvironment({ folder: folder.path, durability: 'process', verify: false })
    return await use(environment)
  }

  async function entriesOf(environment: EmbeddedEnvironment, name: string): Promise<[string, string][]> {
    const database = await environment.database(name)
    return environment.read((reader) => Array.from(reader.entries(database, Buffer.of(0), Buffer.of(0xff, 0xff)), ({ key, value }) => [hexOf(key), hexOf(value)]))
  }

  /** What `write` makes are the entries, and `read` finds in the entries what it finds after `write`. */
  async function holds(name: string, entries: readonly (readonly [string, string])[], write: (environment: EmbeddedEnvironment) => Promise<unknown>, read: (environment: EmbeddedEnvironment) => Promise<unknown>, found: unknown): Promise<void> {
    await inEnvironment(async (environment) => {
      await write(environment)
      expect(await entriesOf(environment, name)).toEqual(entries)
    })
    await inEnvironment(async (environment) => {
      const database = await environment.database(name)
      await environment.write((writer) => entries.forEach(([key, value]) => writer.put(database, Buffer.from(key, 'hex'), Buffer.from(value, 'hex'))))
      expect(await read(environment)).toEqual(found)
    })
  }

  it('of registers', async () => {
    await holds('registers', [['726567', '01' + '0500000000010000' + '0102']],
      async (environment) => (await createEmbeddedRegisterStore(environment, options)).compareAndSet('reg', null, Uint8Array.of(1, 2)),
      async (environment) => (await createEmbeddedRegisterStore(environment, options)).read('reg'), { revision, bytes: Uint8Array.of(1, 2) })
  })

  it('of batch views', async () => {
    const [short, long] = [Uint8Array.of(9, 8), new Uint8Array(1_025).fill(7)]
    const write = async (environment: EmbeddedEnvironment): Promise<void> => {
      const views = await createEmbeddedBatchViewStore(environment)
      await views.write('v@1', 258, [{ entity: short, blob: Uint8Array.of(1, 2) }, { entity: long, blob: Uint8Array.of(3) }])
      await views.remove('v@1', 259, [short])
    }
    const read = async (environment: EmbeddedEnvironment): Promise<unknown> => {
      const views = await createEmbeddedBatchViewStore(environment)
      return [await views.readNewest('v@1', 300, [short, long]), await views.generationsOf('v@1', [short])]
    }
    await holds('batch-views', [
      ['03764031' + '0002' + '0908' + '001ffffffffffefc', '0100'],
      ['03764031' + '0002' + '0908' + '001ffffffffffefd', '0101' + '0102'],
      ['03764031' + 'ffff' + 'eec8fde6e476243c39c7a357902caf55dd8bd2f80f78d1f772192c4593b404f5' + '001ffffffffffefd', '0101' + '01040000' + hexOf(long) + '03'],
    ], write, read, [[{ generation: 258, blob: Uint8Array.of(1, 2) }, { generation: 258, blob: Uint8Array.of(3) }], [[258]]])
  })

  it('of jobs', async () => {
    const write = async (environment: EmbeddedEnvironment): Promise<void> => {
      const jobs = await createEmbeddedJobQueue(environment, options)
      await jobs.add({ queue: 'q', id: 'one', data: { view: 'v@1' } })
      await (await jobs.take('q', 60_000))!.complete({ n: 7 })
      await jobs.add({ queue: 'q', id: 'two', data: null })
      await (await jobs.take('q', 60_000))!.fail('Not yet.', 1_700_000_001_000)
      await jobs.add({ queue: 'q', id: 'three', data: null })
      await jobs.take('q', 60_000)
    }
    const read = async (environment: EmbeddedEnvironment): Promise<unknown> => {
      const jobs = await createEmbeddedJobQueue(environment, options)
      return [await jobs.list('q'), (await jobs.status('q', 'two'))?.state, await jobs.take('q', 60_000)]
    }
    const order = (n: number): string => `000000000000000${n}`
    await holds('jobs', [
      ['010171' + order(0), hexOfText(`{"formatVersion":1,"id":"one","data":{"view":"v@1"},"state":"completed","attempt":1,"dueAtMs":1700000060123,"token":null,"result":{"n":7},"reason":null,"worker":null}`)],
      ['010171' + order(1), hexOfText(`{"formatVersion":1,"id":"two","data":null,"state":"waiting","attempt":1,"dueAtMs":1700000001000,"token":null,"result":null,"reason":"Not yet.","worker":null}`)],
      ['010171' + order(2), hexOfText(`{"formatVersion":1,"id":"three","data":null,"state":"active","attempt":1,"dueAtMs":1700000060123,"token":${revision},"result":null,"reason":null,"worker":"${markOfThisProcess()}"}`)],
      ['020171' + hexOfText('one'), order(0)],
      ['020171' + hexOfText('three'), order(2)],
      ['020171' + hexOfText('two'), order(1)],
      ['030171' + order(1), ''],
      ['030171' + order(2), ''],
      ['040171' + order(0), order(0)],
    ], write, read, [
      [
        { queue: 'q', id: 'one', data: { view: 'v@1' }, state: 'completed', attempt: 1, result: { n: 7 }, reason: null },
        { queue: 'q', id: 'two', data: null, state: 'waiting', attempt: 1, result: null, reason: 'Not yet.' },
        { queue: 'q', id: 'three', data: null, state: 'active', attempt: 1, result: null, reason: null },
      ], 'waiting', null,
    ])
  })

  it('of a job of a later version, not at all', async () => {
    await inEnvironment(async (environment) => {
      const jobs = await createEmbeddedJobQueue(environment, options)
      await jobs.add({ queue: 'q', id: 'one', data: null })
      const database = await environment.database('jobs')
      await environment.write((writer) => {
        for (const { key, value } of writer.entries(database, Buffer.of(1), Buffer.of(2))) writer.put(database, key, Buffer.from(Buffer.from(value).toString().replace('"formatVersion":1', '"formatVersion":2')))
      })
      await expect(jobs.list('q')).rejects.toMatchObject({ code: 'STORE_TOO_NEW' })
    })
  })

  it('of consumer groups', async () => {
    const log = { partitionCount: () => Promise.resolve(3) }
    const text = '{"nextToken":3,"members":[{"member":"m","token":2,"heartbeatMs":1700000000123}]}'
    await holds('consumer-groups', [['000167' + '000174', hexOfText(text)]],
      async (environment) => {
        const groups = await openEmbeddedConsumerGroups(environment, { ...options, log })
        for (let i = 0; i < 2; i++) await groups.join('g', 't', 'm')
      },
      async (environment) => (await (await openEmbeddedConsumerGroups(environment, { ...options, log })).join('g', 't', 'n')).assigned(), [1])
  })
})
