// What a folder of the release before holds is read, and read again after a rollback: the bytes of a format are those of its version.

import { describe, expect, it } from '@jest/globals'
import type { Revision } from '@tidemark/ports/revision'
import { decodeSegment, encodeSegments, recordSizeOf, stampSegment } from './log-segment.ts'
import { checksumSeed, writeSeal } from './sealed-value.ts'
import { bucketPrefix, chunkKey, decodeChunk, encodeChunk, ENTITY_INLINE_MAX_BYTES, entityOf, fenceKey, firstChunkKey, recordKey } from './speed-keys.ts'

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

it('a sealed value', () => {
  const sealed = Buffer.from([0, 0, 0, 0, 1, 2])
  writeSeal(sealed, checksumSeed('speed'), Uint8Array.of(9))
  expect(hexOf(sealed)).toBe('53f4feee' + '0102')
})

it('a segment of the log', () => {
  const records = [{ key: Buffer.from('k'), value: Buffer.from('ab'), headers: { h: Buffer.of(7) } }, { key: null, value: null, headers: {} }]
  const [segment] = encodeSegments(records, records.map(recordSizeOf))
  stampSegment(segment!, 1_700_000_000_123)
  const bytes = '53010000' + '02000000' + '00b08756febc7842' + '1600000017000000' + '07' + '010000006b' + '01000000' + '0100000068' + '0100000007' + '6162' + '00'
  expect(hexOf(segment!.bytes)).toBe(bytes)
  const decoded = decodeSegment(Buffer.from(bytes, 'hex'), 5, 'here')
  expect([5, 6].map((offset) => decoded.recordAt(offset))).toEqual(records.map((record, i) => ({ ...record, offset: 5 + i, appendTimeMs: 1_700_000_000_123 })))
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
