// The one script that changes a bucket: it compares all that is named with what is stored, and then does one command, or nothing. A script
// that wrote with several commands would not be whole after a torn append-only file.

import type { BucketWrite } from '@tidemark/ports/speed-view-store'
import { scriptOf } from '@tidemark/redis-client/run-script'
import { chunkField, fenceField, RECORD_FIELD, REVISION_BYTES, writeRevision } from './bucket-fields.ts'

/**
 * KEYS[1]: the bucket. ARGV: the command; how many fields are compared whole, how many by revision; the revisions, 8 bytes each; the
 * fields; what the whole ones are expected to hold, "=" and the bytes, or "-" for nothing; the command's arguments.
 * Values come as strings, so a revision that is shorter than 8 bytes equals none.
 */
export const BUCKET_SCRIPT = scriptOf(`
local wholeCount, chunkCount, revisions = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local fieldCount = wholeCount + chunkCount
if fieldCount > 0 then
  local stored = redis.call('HMGET', KEYS[1], unpack(ARGV, 5, 4 + fieldCount))
  for i = 1, wholeCount do
    if (stored[i] and '=' .. stored[i] or '-') ~= ARGV[4 + fieldCount + i] then return 0 end
  end
  for i = 1, chunkCount do
    local value = stored[wholeCount + i]
    local revision = value and string.sub(value, 1, 8) or '\\255\\255\\255\\255\\255\\255\\255\\255'
    if revision ~= string.sub(revisions, 8 * i - 7, 8 * i) then return 0 end
  end
end
local rest = 5 + fieldCount + wholeCount
if ARGV[1] == 'UNLINK' then redis.call('UNLINK', KEYS[1])
elseif #ARGV >= rest then redis.call(ARGV[1], KEYS[1], unpack(ARGV, rest)) end
return 1
`)

type Argument = string | Buffer

/** HSET with fields and values, HDEL with fields, UNLINK with nothing. */
export type BucketCommand = 'HSET' | 'HDEL' | 'UNLINK'

export function scriptArguments(command: BucketCommand, { record, fences, chunks }: BucketWrite['expected'], commandArguments: readonly Argument[]): Argument[] {
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
  const revisions = Buffer.allocUnsafe(REVISION_BYTES * chunks.length)
  for (const [i, { entity, chunk, revision }] of chunks.entries()) {
    fields.push(chunkField(entity, chunk))
    writeRevision(revisions, REVISION_BYTES * i, revision)
  }
  return [command, `${wholes.length}`, `${chunks.length}`, revisions, ...fields, ...wholes, ...commandArguments]
}

function wholeValue(bytes: Uint8Array | null): Argument {
  return bytes === null ? '-' : Buffer.concat([WHOLE_MARK, bytes])
}

const WHOLE_MARK = Buffer.from('=')
