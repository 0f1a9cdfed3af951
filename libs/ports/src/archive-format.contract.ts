import { crc32 } from 'node:zlib'
import { describe, expect, it } from '@jest/globals'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import { compileEventDecoder, isRejected } from '@tidemark/feature-schema/event-decoder'
import type { Row } from '@tidemark/feature-schema/value'
import type { ArchivedRecord, ArchiveFormat, SegmentObject } from './archive-format.ts'
import type { BatchEngine } from './batch-engine.ts'
import type { ObjectStore } from './object-store.ts'
import { clicks, groupPanes, measureOf, type BatchEngineHarness } from './testing/batch-engine-fixture.ts'
import { encodeSegment, type SegmentContents } from './testing/encode-segment.ts'

export interface ArchiveFormatHarness extends AsyncDisposable {
  readonly format: ArchiveFormat
  readonly objects: ObjectStore
  /** One that reads what the format opens. */
  readonly engine: BatchEngine
}

/** What every ArchiveFormat promises. */
export function archiveFormatContract(name: string, createHarness: () => Promise<ArchiveFormatHarness>): void {
  describe(`ArchiveFormat: ${name}`, () => {
    it('gives records back with their bytes, times, headers and rows', async () => {
      await using harness = await createHarness()
      const contents = contentsOf([full, sparse, override])
      const bytes = await encodeSegment(harness.format, contents)
      expect(plain(await harness.format.read(bytes, clicks, 'here'))).toEqual(plain(contents.records))
    })

    it('gives rejected records back with their reason, without a value too', async () => {
      await using harness = await createHarness()
      const contents = contentsOf([rejected, { ...rejected, record: { ...rejected.record, offset: 41, value: null } }])
      const bytes = await encodeSegment(harness.format, contents)
      expect(plain(await harness.format.read(bytes, clicks, 'here'))).toEqual(plain(contents.records))
    })

    it('gives thousands of records back, with texts of every length, NULLs and large integers among them', async () => {
      await using harness = await createHarness()
      const contents = contentsOf(Array.from({ length: 5_000 }, (_, i) => archived(i, JSON.stringify({
        at: i, user: i % 5 === 0 ? null : `${'ab\u0000'.repeat(i % 7)}${i % 11 === 0 ? 'ü' : ''}`.slice(0, i % 19), shop: i % 3_000 === 2_999 ? '9007199254740993' : i % 4 === 0 ? null : i,
        price: i % 3 === 0 ? null : i / 7, paid: i % 6 === 0 ? null : i % 2 === 0,
      }))))
      const found = await harness.format.read(await encodeSegment(harness.format, contents), clicks, 'here')
      expect(found.map(({ row }) => row)).toEqual(contents.records.map(({ row }) => row))
      expect(plain(found)).toEqual(plain(contents.records))
    })

    it('makes the same bytes of the same contents', async () => {
      await using harness = await createHarness()
      const contents = contentsOf(Array.from({ length: 3_000 }, (_, i) => archived(i, `{"at":${i},"user":"user ${i % 17}","price":${i / 7}}`)))
      const [first, second] = [await encodeSegment(harness.format, contents), await encodeSegment(harness.format, contents)]
      expect(Buffer.compare(first, second)).toBe(0)
    })

    it('opens segments for an engine, with what the log knows', async () => {
      await using harness = await createHarness()
      const early = await put(harness, 'a/1', contentsOf([archived(7, '{"at":5,"user":"ann","amount":1}', { appendTimeMs: 10, knownTimeMs: 99 })], { partition: 2, epoch: 4 }))
      const late = await put(harness, 'a/2', contentsOf([archived(3, '{"at":5,"user":"ann","amount":2}', { appendTimeMs: 20, knownTimeMs: 20 })], { partition: 0, epoch: 5 }))
      const opened = await open(harness, clicks, [early, late])
      expect(await opened({})).toEqual([{ value: 2, eventTimeMs: 5, partition: 0, offset: 3 }, { value: 1, eventTimeMs: 5, partition: 2, offset: 7 }])
      expect(await opened({ afterEpoch: 4 })).toEqual([{ value: 2, eventTimeMs: 5, partition: 0, offset: 3 }])
      expect(await opened({ throughEpoch: 4 })).toEqual([{ value: 1, eventTimeMs: 5, partition: 2, offset: 7 }])
      expect(await opened({ untilMs: 50 })).toEqual([{ value: 2, eventTimeMs: 5, partition: 0, offset: 3 }])
    })

    it('opens no segments as no events', async () => {
      await using harness = await createHarness()
      expect(await (await open(harness, clicks, []))({})).toEqual([])
    })

    it('law 10: never gives a rejected record to an engine, where every field may be NULL too', async () => {
      await using harness = await createHarness()
      const source = { ...clicks, fields: clicks.fields.map((field) => (field.name === 'at' ? field : { ...field, nullable: true })) }
      const segments = [await put(harness, 'a/1', contentsOf([rejected])), await put(harness, 'a/2', contentsOf([full]))]
      expect(await (await open(harness, source, segments))({})).toHaveLength(1)
    })

    it('decodes segments of another version again, the rejected ones too', async () => {
      await using harness = await createHarness()
      const other: SourceDefinition = { ...clicks, version: 2, fields: clicks.fields.map((field) => (field.name === 'amount' ? { ...field, min: 0, max: 2_000_000 } : field)) }
      const place = { partition: 1, epoch: 9 }
      const accepted = contentsOf([archived(1, '{"at":5,"user":"ann","amount":-3}'), archived(2, '{"at":5,"user":"ann","amount":4}')], place)
      const refused = contentsOf([archived(3, '{"at":5,"user":"ann","amount":1500000}')], place)
      const segments = [await put(harness, 'a/1', accepted), await put(harness, 'a/2', refused)]
      const opened = await open(harness, other, segments)
      expect(await opened({ afterEpoch: 8, throughEpoch: 9 })).toEqual([{ value: 4, eventTimeMs: 5, partition: 1, offset: 2 }, { value: 1_500_000, eventTimeMs: 5, partition: 1, offset: 3 }])
    })

    it('says which object is missing, and which is damaged', async () => {
      await using harness = await createHarness()
      const segment = await put(harness, 'a/1', contentsOf([full]))
      for (const source of [clicks, { ...clicks, version: 2 }]) {
        await expect(open(harness, source, [{ ...segment, key: 'a/9' }])).rejects.toMatchObject({ code: 'OBJECT_MISSING' })
        await expect(open(harness, source, [{ ...segment, checksum: segment.checksum ^ 1 }])).rejects.toMatchObject({ code: 'STORE_DAMAGED' })
        await expect(open(harness, source, [{ ...segment, sizeBytes: segment.sizeBytes + 1 }])).rejects.toMatchObject({ code: 'STORE_DAMAGED' })
      }
    })

    it('does not read what it did not write', async () => {
      await using harness = await createHarness()
      const bytes = await encodeSegment(harness.format, contentsOf([full]))
      await expect(harness.format.read(bytes.slice(0, bytes.byteLength >> 1), clicks, 'here')).rejects.toMatchObject({ code: 'STORE_DAMAGED' })
      await expect(harness.format.read(Buffer.from('nothing'), clicks, 'here')).rejects.toMatchObject({ code: 'STORE_DAMAGED' })
    })
  })
}

const decoder = compileEventDecoder(clicks)

function rowOf(value: Uint8Array, source = decoder): { row: Row | null; rejection: string | null } {
  const event = source.decode(value)
  return isRejected(event) ? { row: null, rejection: event.rejected.message } : { row: event.row, rejection: null }
}

function archived(offset: number, text: string, { appendTimeMs = 1_000, knownTimeMs = 2_000 } = {}): ArchivedRecord {
  const value = Buffer.from(text)
  return { record: { offset, appendTimeMs, key: null, value, headers: {} }, appendTimeMs, knownTimeMs, ...rowOf(value) }
}

/** A value of every type, at its far ends. */
const plainFull = archived(17, JSON.stringify({
  at: 1_700_000_000_123, user: 'Zoë\u0000🌊', shop: '-9223372036854775808', amount: -1_000_000, big: '9007199254740993', price: 5e-324, paid: false, note: '', seen: -9_000_000_000_000,
}))
const full: ArchivedRecord = { ...plainFull, record: { ...plainFull.record, key: Buffer.from([0, 255, 1]), headers: { trace: Buffer.from([128]), empty: Buffer.from([]) } } }
const sparse = archived(19, '{"at":0}')
/** Its append time was declared. */
const override: ArchivedRecord = { ...archived(23, '{"at":1,"shop":7,"big":-1,"price":-0.0}'), appendTimeMs: 77 }
const rejected = archived(29, '{"at":')

function contentsOf(records: readonly ArchivedRecord[], { partition = 0, epoch = 0 } = {}): SegmentContents {
  return { source: clicks, partition, epoch, records }
}

async function put({ format, objects }: ArchiveFormatHarness, key: string, contents: SegmentContents): Promise<SegmentObject> {
  const bytes = await encodeSegment(format, contents)
  await objects.create(key, bytes)
  return { key, sizeBytes: bytes.byteLength, checksum: crc32(bytes), sourceVersion: contents.source.version, isRejected: contents.records[0]!.row === null }
}

/** What an engine finds in segments: every amount, in order. */
async function open(harness: ArchiveFormatHarness, source: SourceDefinition, segments: readonly SegmentObject[]) {
  const other = compileEventDecoder(source)
  const { input } = await harness.format.open({ source, objects: harness.objects, segments, decode: async (records) => records.map(({ value }) => rowOf(value!, other).row) })
  const engine: BatchEngineHarness = { engine: harness.engine, inputOf: () => Promise.resolve(input), rowsOf: () => Promise.reject(new Error('not asked')), [Symbol.asyncDispose]: () => Promise.resolve() }
  return async (selected: { afterEpoch?: number; throughEpoch?: number; untilMs?: number }): Promise<unknown[]> => {
    const { rowsOf } = await groupPanes(engine, input, [measureOf({ kind: 'firstK', k: 9 }, { of: 'coalesce(amount, 0)' })], selected)
    return rowsOf(0, 0).map(({ value, eventTimeMs, partition, offset }) => ({ value, eventTimeMs, partition, offset }))
  }
}

/** Bytes as texts, so that kinds of arrays do not matter. */
function plain(records: readonly ArchivedRecord[]): unknown {
  const hex = (bytes: Uint8Array | null): string | null => (bytes === null ? null : Buffer.from(bytes).toString('hex'))
  return records.map(({ record, ...rest }) => ({
    ...rest,
    record: { ...record, key: hex(record.key), value: hex(record.value), headers: Object.fromEntries(Object.entries(record.headers).map(([name, bytes]) => [name, hex(bytes)])) },
  }))
}
