import { describe, expect, it } from '@jest/globals'
import type { Revision } from '@tidemark/ports/revision'
import { collectArguments } from '@tidemark/redis-client/testing/collect-arguments'
import { bucketRedisKey, entityOfField, putChunkField, putRevisionsField, readRevision, writeRevision } from './bucket-fields.ts'
import { discardArguments, removeArguments, writeArguments, type FillArguments } from './bucket-script.ts'
import { copyFromLarge, copyTogether } from './copy-together.ts'

const hexOf = (fill: FillArguments | null): string[] => collectArguments(fill!).map((arg) => (typeof arg === 'string' ? arg : `0x${arg.toString('hex')}`))
const [ANY, NONE] = ['fe'.repeat(8), 'ff'.repeat(8)]
const revisionHex = (low: number): string => `${low.toString(16).padStart(2, '0')}${'00'.repeat(7)}`
const revisionsField = (entity: Uint8Array): Buffer => bytesOf((to) => putRevisionsField(to, entity))
const chunkField = (entity: Uint8Array, chunk: number): Buffer => bytesOf((to) => putChunkField(to, entity, chunk))
const bytesOf = (fill: FillArguments): Buffer => collectArguments(fill)[0] as Buffer
const fieldHex = (field: Buffer): string => `0x${field.toString('hex')}`

describe('the layout of a bucket', () => {
  it('gives each bucket a key of its own, with a slot of its own', () => {
    const keys = [{ view: 'v@1', bucket: 1 }, { view: 'v@1', bucket: 11 }, { view: 'v@11', bucket: 1 }].map((key) => bucketRedisKey('n', key))
    expect(keys).toEqual(['n:speed:1:{v@1/1}', 'n:speed:1:{v@1/11}', 'n:speed:1:{v@11/1}'])
  })

  it('tells the fields of an entity apart, whatever an entity is', () => {
    const entities = [[], [0], [0x72], [0x66, 0x30], [0xff, 0x00]].map((bytes) => Buffer.from(bytes))
    const fields = entities.flatMap((entity) => [revisionsField(entity), ...[0, 1, 2].map((chunk) => chunkField(entity, chunk))])
    expect(new Set([...fields.map((field) => field.toString('hex')), '72', '6630']).size).toBe(4 * entities.length + 2)
    expect(fields.map(entityOfField)).toEqual(entities.flatMap((entity) => [entity, entity, entity, entity]))
  })

  it('keeps every revision, and none is what stands for nothing or for any', () => {
    const bytes = Buffer.alloc(24)
    for (const revision of [null, 0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 52 + 1, Number.MAX_SAFE_INTEGER]) {
      writeRevision(bytes, 1, revision as Revision | null)
      expect(readRevision(bytes, 1)).toBe(revision)
      expect(bytes.subarray(8, 16).equals(Buffer.alloc(8, 0xff))).toBe(revision === null)
      expect(bytes.includes(Buffer.alloc(8, 0xfe))).toBe(false)
    }
  })
})

describe('the arguments of a bucket\'s script', () => {
  const entity = (name: string): Buffer => Buffer.from(name)
  const stored = (revision: number): { revision: Revision; bytes: Buffer } => ({ revision: revision as Revision, bytes: Buffer.from([revision]) })

  it('name what is put first, an entity once, and keep what is not put', () => {
    const args = writeArguments(
      {
        record: null, fences: [{ partition: 4, bytes: Buffer.from('f') }],
        chunks: [{ entity: entity('read'), chunk: 2, revision: null }, { entity: entity('both'), chunk: 0, revision: 1 as Revision }, { entity: entity('both'), chunk: 1, revision: null }],
      },
      { record: Buffer.from('R'), fences: [{ partition: 4, bytes: Buffer.from('F') }], chunks: [{ entity: entity('put'), chunk: 1, stored: stored(5) }, { entity: entity('both'), chunk: 0, stored: stored(6) }] },
    )
    expect(hexOf(args)).toEqual([
      'HSET', '2', '3', '2', `0x${ANY + ANY + ANY}${revisionHex(1) + NONE + ANY}${ANY + ANY + NONE}`,
      'r', 'f4', ...['put', 'both', 'read'].map((name) => fieldHex(revisionsField(entity(name)))), '-', '0x3d66',
      fieldHex(revisionsField(entity('put'))), `0x${ANY + revisionHex(5) + ANY}`, fieldHex(revisionsField(entity('both'))), `0x${revisionHex(6) + NONE + ANY}`,
      'r', '0x52', 'f4', '0x46', fieldHex(chunkField(entity('put'), 1)), '0x05', fieldHex(chunkField(entity('both'), 0)), '0x06',
    ])
  })

  it('delete an entity with its revisions, and a bucket by its name', () => {
    const chunks = [0, 1, 2].map((chunk) => ({ entity: entity('a'), chunk, revision: chunk === 0 ? (7 as Revision) : null }))
    const fields = [revisionsField(entity('a')), ...[0, 1, 2].map((chunk) => chunkField(entity('a'), chunk))].map(fieldHex)
    expect(hexOf(removeArguments(entity('a'), chunks))).toEqual(['HDEL', '0', '1', '0', `0x${revisionHex(7) + NONE + NONE}`, fields[0], ...fields])
    expect(hexOf(discardArguments({ fences: [], chunks: chunks.slice(0, 1) }))).toEqual(['UNLINK', '0', '1', '0', `0x${revisionHex(7) + ANY + ANY}`, fields[0]])
    expect(hexOf(discardArguments({ fences: [], chunks: [] }))).toEqual(['UNLINK', '0', '0', '0', '0x'])
  })

  it('are none where two revisions are expected of one chunk', () => {
    const chunks = [1, 1, 2].map((revision) => ({ entity: Buffer.from('a'), chunk: 0, revision: revision as Revision }))
    expect(discardArguments({ fences: [], chunks })).toBeNull()
    expect(discardArguments({ fences: [], chunks: chunks.slice(0, 2) })).not.toBeNull()
    expect(writeArguments({ fences: [], chunks: [chunks[0]!, { ...chunks[0]!, revision: null }] }, { fences: [], chunks: [] })).toBeNull()
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

describe('copyFromLarge', () => {
  const partsOf = (network: Buffer, ...sizes: number[]): Buffer[] => sizes.map((size, i) => network.subarray(100 * i, 100 * i + size))

  it('leaves parts while all of them hold on to no more than twice what they are', () => {
    const [full, sparse, another] = ['f', 's', 'a'].map((letter) => Buffer.alloc(300, letter)) as [Buffer, Buffer, Buffer]
    const parts = [...partsOf(full, 100, 100), null, ...partsOf(full.subarray(200), 90), ...partsOf(sparse, 20), null, ...partsOf(another, 10, 10), null]
    const own = copyFromLarge(parts)
    expect(own.map((part) => part && Buffer.from(part).toString())).toEqual(parts.map((part) => part && part.toString()))
    expect(own.map((part) => part?.buffer.byteLength ?? null)).toEqual([300, 300, null, 300, 300, null, 20, 20, null])
  })

  it('leaves none where it would hold on to more than all parts', () => {
    expect(copyFromLarge(partsOf(Buffer.alloc(300), 100, 99)).map((part) => part!.buffer.byteLength)).toEqual([199, 199])
    expect(copyFromLarge([null, null])).toEqual([null, null])
    expect(copyFromLarge([])).toEqual([])
  })
})
