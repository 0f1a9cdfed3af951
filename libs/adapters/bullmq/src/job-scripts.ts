// What BullMQ has no command for, on the keys of its queues: to take the oldest job that is due, and to look at jobs as of one moment.
// BullMQ's own way to a job counts those of dead workers as running, puts what is tried again behind all others, and lets locks end by the
// server's clock, after which their workers cannot finish, though nobody else has the job. Here a lock has no end: it says whose the job is, until
// another takes it; and when it may be taken is in the job's hash. All else that changes a job, and compares its lock, is BullMQ's.
//
//   job's hash, beside what BullMQ keeps:
//     name          the job's place, a number from 1: the order in which jobs were added
//     data          JSON { id, data }: the id as it was given, since BullMQ takes no colon in one
//     returnvalue   JSON { order, result }: the when-th that finished
//     finishOrder   the same of a failed one
//     leaseEndMs    when the job may be given to another

import { scriptOf } from '@tidemark/redis-client/run-script'

/** Delayed jobs are sorted by time × 4096 and a counter. */
export const DELAY_SCALE = 4_096

/**
 * KEYS: wait, active, delayed, events, meta. ARGV: what jobs' keys begin with; now, ms; the lease's end; the token; the most that may be held; the
 * greatest score of what is due. Gives id, data and attempt; nil: nothing is due, or enough is held.
 */
export const TAKE_SCRIPT = scriptOf(`
local prefix, nowMs = ARGV[1], tonumber(ARGV[2])
if redis.call('HEXISTS', KEYS[5], 'paused') == 1 then return false end
local found, foundPlace, foundIn
local function consider(id, list)
  local place = tonumber(redis.call('HGET', prefix .. id, 'name'))
  if place and (not foundPlace or place < foundPlace) then found, foundPlace, foundIn = id, place, list end
end
local heldCount = 0
for _, id in ipairs(redis.call('LRANGE', KEYS[2], 0, -1)) do
  local leaseEndMs = tonumber(redis.call('HGET', prefix .. id, 'leaseEndMs'))
  if leaseEndMs and leaseEndMs > nowMs then heldCount = heldCount + 1 else consider(id, KEYS[2]) end
end
if heldCount >= tonumber(ARGV[5]) then return false end
local oldest = redis.call('LINDEX', KEYS[1], -1)
if oldest then consider(oldest, KEYS[1]) end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', ARGV[6], 'LIMIT', 0, 1000)) do consider(id, KEYS[3]) end
if not found then return false end
if foundIn == KEYS[1] then redis.call('RPOP', KEYS[1]) end
if foundIn == KEYS[3] then redis.call('ZREM', KEYS[3], found) end
if foundIn ~= KEYS[2] then redis.call('LPUSH', KEYS[2], found) end
local job = prefix .. found
redis.call('SET', job .. ':lock', ARGV[4])
redis.call('HSET', job, 'leaseEndMs', ARGV[3], 'processedOn', ARGV[2], 'delay', 0)
local attempt = redis.call('HINCRBY', job, 'ats', 1)
redis.call('XADD', KEYS[4], 'MAXLEN', '~', 1000, '*', 'event', 'active', 'jobId', found, 'prev', 'waiting')
return { found, redis.call('HGET', job, 'data'), attempt }
`)

/** KEYS: lock, job. ARGV: the token, the lease's end. 0: the job is not this worker's. */
export const RENEW_SCRIPT = scriptOf(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[2], 'leaseEndMs', ARGV[2])
return 1
`)

/** KEYS: wait, active, delayed, completed, failed. ARGV: what jobs' keys begin with; a job's id, empty: all. Gives `DescribedJob`s. */
export const DESCRIBE_SCRIPT = scriptOf(`
local jobs = {}
local function describe(id, state)
  local fields = redis.call('HMGET', ARGV[1] .. id, 'name', 'data', 'ats', 'returnvalue', 'failedReason', 'finishOrder')
  if fields[1] then jobs[#jobs + 1] = { id, state, unpack(fields) } end
end
if ARGV[2] ~= '' then
  local state = 'waiting'
  if redis.call('ZSCORE', KEYS[4], ARGV[2]) then state = 'completed'
  elseif redis.call('ZSCORE', KEYS[5], ARGV[2]) then state = 'failed'
  elseif redis.call('LPOS', KEYS[2], ARGV[2]) then state = 'active' end
  describe(ARGV[2], state)
  return jobs
end
for _, id in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do describe(id, 'waiting') end
for _, id in ipairs(redis.call('LRANGE', KEYS[2], 0, -1)) do describe(id, 'active') end
for _, id in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1)) do describe(id, 'waiting') end
for _, id in ipairs(redis.call('ZRANGE', KEYS[4], 0, -1)) do describe(id, 'completed') end
for _, id in ipairs(redis.call('ZRANGE', KEYS[5], 0, -1)) do describe(id, 'failed') end
return jobs
`)

/** BullMQ's id, state, place, data, attempts, return value, reason, order among failed ones. */
export type DescribedJob = readonly [string, 'waiting' | 'active' | 'completed' | 'failed', string, string, string | null, string | null, string | null, string | null]
