// The one script that changes a bucket: it compares all that is named with what is stored, and then does one command, or nothing. A script
// that wrote with several commands would not be whole after a torn append-only file.

import { CHUNKS_PER_ENTITY, type BucketWrite } from '@tidemark/ports/speed-view-store'
import { scriptOf } from '@tidemark/redis-client/run-script'
import { ANY_REVISION_BYTE, chunkField, fenceField, readRevision, RECORD_FIELD, REVISION_BYTES, REVISIONS_BYTES, revisionsField, writeRevision } from './bucket-fields.ts'

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

export type Argument = string | Buffer

type Put = BucketWrite['put']
type Expected = BucketWrite['expected']

/** Writes what is put, where all is as expected; null: that cannot be, since two revisions are expected of one chunk. */
export function writeArguments(expected: Expected, put: Put): Argument[] | null {
  const entities = new NamedEntities()
  // Those of which something is put come first.
  for (const { entity, chunk, stored: { revision } } of put.chunks) writeRevision(entities.of(entity).put, chunk, revision)
  const putCount = entities.all.length
  if (!entities.expect(expected.chunks)) return null
  const fields: Argument[] = []
  for (let i = 0; i < putCount; i++) {
    const { field, expected: seen, put: next } = entities.all[i]!
    keepSeen(next, seen)
    fields.push(field, next)
  }
  if (put.record !== undefined) fields.push(RECORD_FIELD, bufferOf(put.record))
  for (const { partition, bytes } of put.fences) fields.push(fenceField(partition), bufferOf(bytes))
  for (const { entity, chunk, stored: { bytes } } of put.chunks) fields.push(chunkField(entity, chunk), bufferOf(bytes))
  return commandArguments('HSET', expected, entities, putCount, fields)
}

/** Deletes an entity's chunks, where their revisions are as expected. */
export function removeArguments(entity: Uint8Array, chunks: Expected['chunks']): Argument[] | null {
  const entities = new NamedEntities()
  if (!entities.expect(chunks)) return null
  return commandArguments('HDEL', { fences: [], chunks }, entities, 0, [revisionsField(entity), ...chunks.map(({ chunk }) => chunkField(entity, chunk))])
}

/** Deletes the bucket, where all is as expected. */
export function discardArguments(expected: Expected): Argument[] | null {
  const entities = new NamedEntities()
  return entities.expect(expected.chunks) ? commandArguments('UNLINK', expected, entities, 0, []) : null
}

function commandArguments(command: 'HSET' | 'HDEL' | 'UNLINK', { record, fences }: Expected, { all }: NamedEntities, putCount: number, rest: readonly Argument[]): Argument[] {
  const fields: Argument[] = []
  const wholes: Argument[] = []
  if (record !== undefined) {
    fields.push(RECORD_FIELD)
    wholes.push(wholeValue(record))
  }
  for (const { partition, bytes } of fences) {
    fields.push(fenceField(partition))
    wholes.push(wholeValue(bytes))
  }
  const revisions = Buffer.allocUnsafe(REVISIONS_BYTES * all.length)
  for (const [i, { expected }] of all.entries()) revisions.set(expected, REVISIONS_BYTES * i)
  return [command, `${wholes.length}`, `${all.length}`, `${putCount}`, revisions, ...fields, ...all.map(({ field }) => field), ...wholes, ...rest]
}

/** What a command says of an entity. */
interface NamedEntity {
  readonly field: Buffer
  readonly expected: Buffer
  readonly put: Buffer
}

class NamedEntities {
  readonly all: NamedEntity[] = []
  private readonly byName = new Map<string, NamedEntity>()
  private lastEntity: Uint8Array | null = null
  private last: NamedEntity | null = null

  /** false: the same chunk is expected to have two revisions. */
  expect(chunks: Expected['chunks']): boolean {
    for (const { entity, chunk, revision } of chunks) {
      const { expected } = this.of(entity)
      if (isNamed(expected, chunk) && readRevision(expected, chunk) !== revision) return false
      writeRevision(expected, chunk, revision)
    }
    return true
  }

  /** Chunks of an entity mostly follow each other, and share its bytes. */
  of(entity: Uint8Array): NamedEntity {
    if (entity === this.lastEntity) return this.last!
    const name = bufferOf(entity).toString('latin1')
    let named = this.byName.get(name)
    if (named === undefined) {
      named = { field: revisionsField(entity), expected: Buffer.alloc(REVISIONS_BYTES, ANY_REVISION_BYTE), put: Buffer.alloc(REVISIONS_BYTES, ANY_REVISION_BYTE) }
      this.byName.set(name, named)
      this.all.push(named)
    }
    this.lastEntity = entity
    this.last = named
    return named
  }
}

/** A revision that is not put stays what it is expected to be, where that is said. */
function keepSeen(put: Buffer, expected: Buffer): void {
  for (let chunk = 0; chunk < CHUNKS_PER_ENTITY; chunk++) {
    const at = REVISION_BYTES * chunk
    if (!isNamed(put, chunk)) put.set(expected.subarray(at, at + REVISION_BYTES), at)
  }
}

function isNamed(revisions: Buffer, chunk: number): boolean {
  return revisions[REVISION_BYTES * (chunk + 1) - 1] !== ANY_REVISION_BYTE
}

function wholeValue(bytes: Uint8Array | null): Argument {
  return bytes === null ? '-' : Buffer.concat([WHOLE_MARK, bytes])
}

const WHOLE_MARK = Buffer.from('=')

export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
