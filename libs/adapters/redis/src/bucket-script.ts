// The one script that changes a bucket: it compares all that is named with what is stored, and then does one command, or nothing. A script
// that wrote with several commands would not be whole after a torn append-only file.

import { CHUNKS_PER_ENTITY, type BucketWrite } from '@tidemark/ports/speed-view-store'
import type { Revision } from '@tidemark/ports/revision'
import type { ArgumentSink } from '@tidemark/redis-client/resp-packer'
import { scriptOf } from '@tidemark/redis-client/run-script'
import { ANY_REVISION_BYTE, fenceField, putChunkField, putRevisionsField, readRevision, RECORD_FIELD, REVISION_BYTES, REVISIONS_BYTES, writeRevision } from './bucket-fields.ts'

/**
 * KEYS[1]: the bucket. ARGV: the command; how many fields are compared whole, how many entities by their revisions, and of how many of these,
 * the first ones, revisions are put; the revisions expected, 24 bytes each; the fields; what the whole ones are expected to hold, "=" and the bytes, or
 * "-" for nothing; the command's arguments, the revisions that are put first. 0: something differed, and nothing was done.
 */
export const BUCKET_SCRIPT = scriptOf(`
local wholeCount, entityCount, putCount, expected = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local NONE, ANY = string.rep('\\255', 8), string.rep('\\254', 8)
local fieldCount = wholeCount + entityCount
local rest = 6 + fieldCount + wholeCount
if fieldCount > 0 then
  local stored = redis.call('HMGET', KEYS[1], unpack(ARGV, 6, 5 + fieldCount))
  for i = 1, wholeCount do
    if (stored[i] and '=' .. stored[i] or '-') ~= ARGV[5 + fieldCount + i] then return 0 end
  end
  for i = 1, entityCount do
    local revisions = stored[wholeCount + i] or NONE .. NONE .. NONE
    local asked = string.sub(expected, 24 * i - 23, 24 * i)
    if revisions ~= asked then
      for at = 1, 17, 8 do
        local revision = string.sub(asked, at, at + 7)
        if revision ~= ANY and revision ~= string.sub(revisions, at, at + 7) then return 0 end
      end
    end
    local put = ARGV[rest + 2 * i - 1]
    if i <= putCount and string.find(put, ANY, 1, true) then
      local whole = ''
      for at = 1, 17, 8 do
        local revision = string.sub(put, at, at + 7)
        whole = whole .. (revision == ANY and string.sub(revisions, at, at + 7) or revision)
      end
      ARGV[rest + 2 * i - 1] = whole
    end
  end
end
if ARGV[1] == 'UNLINK' then redis.call('UNLINK', KEYS[1])
elseif #ARGV >= rest then redis.call(ARGV[1], KEYS[1], unpack(ARGV, rest)) end
return 1
`)

/** Gives the arguments of the script after its key, each time the same ones. */
export type FillArguments = (to: ArgumentSink) => void

type Put = BucketWrite['put']
type Expected = BucketWrite['expected']

/** Writes what is put, where all is as expected; null: that cannot be, since two revisions are expected of one chunk. */
export function writeArguments(expected: Expected, put: Put): FillArguments | null {
  const entities = new NamedEntities(expected.chunks.length + put.chunks.length)
  // Those of which something is put come first.
  for (const { entity, chunk, stored: { revision } } of put.chunks) entities.put(entity, chunk, revision)
  const putCount = entities.count
  if (!entities.expect(expected.chunks)) return null
  return (to) => {
    compareArguments(to, 'HSET', expected, entities, putCount)
    for (let i = 0; i < putCount; i++) entities.fillPut(to, i)
    if (put.record !== undefined) fillField(to, RECORD_FIELD, put.record)
    for (const { partition, bytes } of put.fences) fillField(to, fenceField(partition), bytes)
    for (const { entity, chunk, stored: { bytes } } of put.chunks) {
      putChunkField(to, entity, chunk)
      to.bytes(bytes)
    }
  }
}

/** Deletes an entity's chunks, where their revisions are as expected. */
export function removeArguments(entity: Uint8Array, chunks: Expected['chunks']): FillArguments | null {
  const entities = new NamedEntities(chunks.length)
  if (!entities.expect(chunks)) return null
  return (to) => {
    compareArguments(to, 'HDEL', { fences: [] }, entities, 0)
    putRevisionsField(to, entity)
    for (const { chunk } of chunks) putChunkField(to, entity, chunk)
  }
}

/** Deletes the bucket, where all is as expected. */
export function discardArguments(expected: Expected): FillArguments | null {
  const entities = new NamedEntities(expected.chunks.length)
  return entities.expect(expected.chunks) ? (to) => compareArguments(to, 'UNLINK', expected, entities, 0) : null
}

/** All that is before the command's own arguments. */
function compareArguments(to: ArgumentSink, command: 'HSET' | 'HDEL' | 'UNLINK', { record, fences }: Omit<Expected, 'chunks'>, entities: NamedEntities, putCount: number): void {
  to.text(command)
  to.text(`${fences.length + (record === undefined ? 0 : 1)}`)
  to.text(`${entities.count}`)
  to.text(`${putCount}`)
  entities.fillExpected(to)
  if (record !== undefined) to.text(RECORD_FIELD)
  for (const { partition } of fences) to.text(fenceField(partition))
  entities.fillFields(to)
  if (record !== undefined) fillWhole(to, record)
  for (const { bytes } of fences) fillWhole(to, bytes)
}

function fillField(to: ArgumentSink, field: string, bytes: Uint8Array): void {
  to.text(field)
  to.bytes(bytes)
}

function fillWhole(to: ArgumentSink, bytes: Uint8Array | null): void {
  if (bytes === null) to.text('-')
  else to.joined(WHOLE_MARK, bytes)
}

const WHOLE_MARK = Buffer.from('=')

/** What a command says of entities: each has a number, and under it the revisions that are expected and those that are put. */
class NamedEntities {
  count = 0
  private readonly entities: Uint8Array[] = []
  private readonly byName = new Map<string, number>()
  private readonly expected: Buffer
  private readonly puts: Buffer
  private last = -1

  constructor(countMax: number) {
    this.expected = Buffer.alloc(REVISIONS_BYTES * countMax, ANY_REVISION_BYTE)
    this.puts = Buffer.alloc(REVISIONS_BYTES * countMax, ANY_REVISION_BYTE)
  }

  put(entity: Uint8Array, chunk: number, revision: Revision): void {
    writeRevision(this.puts, CHUNKS_PER_ENTITY * this.numberOf(entity) + chunk, revision)
  }

  /** false: the same chunk is expected to have two revisions. */
  expect(chunks: Expected['chunks']): boolean {
    for (const { entity, chunk, revision } of chunks) {
      const place = CHUNKS_PER_ENTITY * this.numberOf(entity) + chunk
      if (isNamed(this.expected, place) && readRevision(this.expected, place) !== revision) return false
      writeRevision(this.expected, place, revision)
      // One that is not put stays what it is expected to be.
      if (!isNamed(this.puts, place)) writeRevision(this.puts, place, revision)
    }
    return true
  }

  fillExpected(to: ArgumentSink): void {
    to.bytes(this.expected.subarray(0, REVISIONS_BYTES * this.count))
  }

  fillFields(to: ArgumentSink): void {
    for (const entity of this.entities) putRevisionsField(to, entity)
  }

  fillPut(to: ArgumentSink, number: number): void {
    putRevisionsField(to, this.entities[number]!)
    to.bytes(this.puts.subarray(REVISIONS_BYTES * number, REVISIONS_BYTES * (number + 1)))
  }

  /** Chunks of an entity mostly follow each other, and those that are put come in the order of those that are expected; both share its bytes. */
  private numberOf(entity: Uint8Array): number {
    if (this.entities[this.last] === entity) return this.last
    const next = this.last + 1 < this.count ? this.last + 1 : 0
    this.last = this.entities[next] === entity ? next : this.numberByName(entity)
    return this.last
  }

  private numberByName(entity: Uint8Array): number {
    const name = bufferOf(entity).toString('latin1')
    let number = this.byName.get(name)
    if (number === undefined) {
      number = this.count++
      this.byName.set(name, number)
      this.entities.push(entity)
    }
    return number
  }
}

/** A revision that is given to be compared or put. */
function isNamed(revisions: Buffer, place: number): boolean {
  return revisions[REVISION_BYTES * (place + 1) - 1] !== ANY_REVISION_BYTE
}

export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
