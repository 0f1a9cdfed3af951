import { describe, expect, it } from '@jest/globals'
import type { Revision } from '@tidemark/ports/revision'
import { bucketRedisKey, chunkField, encodeStoredChunk, entityOfField, fenceField, RECORD_FIELD, revisionAt, writeRevision } from './bucket-fields.ts'
import { copyTogether } from './copy-together.ts'
import { scriptArguments } from './bucket-script.ts'

describe('the layout of a bucket', () => {
  it('gives each bucket a key of its own, with a slot of its own', () => {
    const keys = [{ view: 'v@1', bucket: 1 }, { view: 'v@1', bucket: 11 }, { view: 'v@11', bucket: 1 }].map((key) => bucketRedisKey('n', key))
    expect(keys).toEqual(['n:speed:1:{v@1/1}', 'n:speed:1:{v@1/11}', 'n:speed:1:{v@11/1}'])
  })

  it('tells chunks from record and fences, whatever an entity is', () => {
    for (const bytes of [[], [0], [0x72], [0x66, 0x30], [0xff, 0x00]]) {
      for (const chunk of [0, 1, 2]) expect(entityOfField(chunkField(Uint8Array.from(bytes), chunk))).toEqual(Buffer.from(bytes))
    }
    for (const field of [RECORD_FIELD, fenceField(0), fenceField(300), '', '3x']) expect(entityOfField(Buffer.from(field))).toBeNull()
  })

  it('keeps every revision, and none is what stands for nothing', () => {
    const bytes = Buffer.alloc(8)
    for (const revision of [0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 52 + 1, Number.MAX_SAFE_INTEGER]) {
      writeRevision(bytes, 0, revision as Revision)
      expect(revisionAt(bytes, 0)).toBe(revision)
      expect(bytes.equals(Buffer.alloc(8, 0xff))).toBe(false)
    }
    writeRevision(bytes, 0, null)
    expect(bytes.equals(Buffer.alloc(8, 0xff))).toBe(true)
    expect(encodeStoredChunk({ revision: 258 as Revision, bytes: Uint8Array.of(7) }).toString('hex')).toBe('020100000000000007')
  })

  it('names what is compared once, in the order in which the script looks for it', () => {
    const args = scriptArguments('HSET', { record: null, fences: [{ partition: 4, bytes: Buffer.from('f') }], chunks: [{ entity: Buffer.from('e'), chunk: 2, revision: null }] }, ['field', 'value'])
    expect(args.map(String)).toEqual(['HSET', '2', '1', Buffer.alloc(8, 0xff).toString(), 'r', 'f4', '2e', '-', '=f', 'field', 'value'])
  })
})

describe('copyTogether', () => {
  it('copies all into one allocation that holds nothing else', () => {
    const network = Buffer.alloc(65_536, 'x')
    const copies = copyTogether([network.subarray(0, 3), null, new Uint8Array(0), network.subarray(9, 11)])
    expect(copies.map((copy) => copy && Buffer.from(copy).toString())).toEqual(['xxx', null, '', 'xx'])
    for (const copy of copies) expect(copy?.buffer.byteLength ?? 5).toBe(5)
    network.fill('y')
    expect(Buffer.from(copies[0]!).toString()).toBe('xxx')
  })
})
