// How jobs are kept in LMDB. The database `jobs`, where `queue` is u8 length and UTF-8, and numbers in keys are u64 big-endian:
//
//   1 queue order     -> JSON of a JobRecord with `formatVersion`: the jobs, in the order in which they were added
//   2 queue id        -> u64 order
//   3 queue order     -> nothing: those that are waiting or active
//   4 queue finished  -> u64 order: those that are completed or failed, in the order in which they finished
//
// An order may be given again once the last job is forgotten; a job is therefore known by its token where it matters.

import type { JobState } from '@tidemark/ports/job-queue'
import type { EmbeddedDatabase } from './embedded-databases.ts'
import { damaged, tooNew } from './embedded-errors.ts'
import type { Reader } from './embedded-reader.ts'
import type { Writer } from './write-queue.ts'

const FORMAT_VERSION = 1
const QUEUE_SIZE_MAX_BYTES = 255
const ID_SIZE_MAX_BYTES = 1_000
const KIND = { job: 1, id: 2, open: 3, finished: 4 } as const
const ORDER_BYTES = 8
const NOTHING = new Uint8Array(0)

export interface JobRecord {
  readonly id: string
  readonly data: unknown
  readonly state: JobState
  readonly attempt: number
  /** Waiting: not before, null for at once; active: the end of its lease. */
  readonly dueAtMs: number | null
  /** The attempt's that is under way; null: none is. */
  readonly token: number | null
  /** The process that is at it (process-mark.ts); null: none is. Not in records of the release before. */
  readonly worker?: string | null
  readonly result: unknown
  readonly reason: string | null
}

export interface JobPlace {
  readonly queue: string
  readonly order: number
}

export interface JobRecords {
  find(reader: Reader, queue: string, id: string): JobPlace | null
  /** STORE_DAMAGED, STORE_TOO_NEW. */
  get(reader: Reader, place: JobPlace): JobRecord | null
  all(reader: Reader, queue: string): JobRecord[]
  /** Orders of the jobs that are waiting or active, oldest first. */
  open(reader: Reader, queue: string): Iterable<number>
  add(writer: Writer, queue: string, job: JobRecord): void
  /** Writes a changed job that was waiting or active. */
  put(writer: Writer, place: JobPlace, job: JobRecord): void
  /** Forgets what has finished, all but what finished last. */
  forgetFinished(writer: Writer, queue: string, keptCount: number): void
}

export function createJobRecords(database: EmbeddedDatabase, folder: string): JobRecords {
  const whereOf = ({ queue, order }: JobPlace): string => `${folder}, job ${order} of queue ${queue}`
  const nextOf = (reader: Reader, prefix: Buffer): number => {
    const last = reader.lastThrough(database, prefix, lastKey(prefix))
    return last === null ? 0 : orderAtEnd(last.key) + 1
  }
  const get = (reader: Reader, place: JobPlace): JobRecord | null => {
    const value = reader.get(database, orderKey(prefixOf(KIND.job, place.queue), place.order))
    return value === null ? null : decodeJob(value, whereOf(place))
  }
  return {
    find(reader, queue, id) {
      const order = reader.get(database, idKey(queue, id))
      return order === null ? null : { queue, order: orderAtEnd(order) }
    },
    get,
    all(reader, queue) {
      const prefix = prefixOf(KIND.job, queue)
      return Array.from(reader.entries(database, prefix, lastKey(prefix)), ({ key, value }) => decodeJob(value, whereOf({ queue, order: orderAtEnd(key) })))
    },
    *open(reader, queue) {
      const prefix = prefixOf(KIND.open, queue)
      for (const { key } of reader.entries(database, prefix, lastKey(prefix))) yield orderAtEnd(key)
    },
    add(writer, queue, job) {
      const order = nextOf(writer, prefixOf(KIND.job, queue))
      writer.put(database, orderKey(prefixOf(KIND.job, queue), order), encodeJob(job))
      writer.put(database, idKey(queue, job.id), encodeOrder(order))
      writer.put(database, orderKey(prefixOf(KIND.open, queue), order), NOTHING)
    },
    put(writer, { queue, order }, job) {
      writer.put(database, orderKey(prefixOf(KIND.job, queue), order), encodeJob(job))
      if (job.state === 'waiting' || job.state === 'active') return
      writer.remove(database, orderKey(prefixOf(KIND.open, queue), order))
      const finished = prefixOf(KIND.finished, queue)
      writer.put(database, orderKey(finished, nextOf(writer, finished)), encodeOrder(order))
    },
    forgetFinished(writer, queue, keptCount) {
      const prefix = prefixOf(KIND.finished, queue)
      const finished = [...writer.entries(database, prefix, lastKey(prefix))]
      for (const { key, value } of finished.slice(0, Math.max(0, finished.length - keptCount))) {
        const place = { queue, order: orderAtEnd(value) }
        const job = get(writer, place)
        if (job === null) throw damaged(whereOf(place), 'It is listed as finished and is not there.')
        writer.remove(database, key)
        writer.remove(database, idKey(queue, job.id))
        writer.remove(database, orderKey(prefixOf(KIND.job, queue), place.order))
      }
    },
  }
}

function prefixOf(kind: number, queue: string): Buffer {
  const bytes = Buffer.from(queue)
  if (bytes.length > QUEUE_SIZE_MAX_BYTES) throw new Error(`The queue ${queue} has ${bytes.length} bytes, at most ${QUEUE_SIZE_MAX_BYTES}.`)
  return Buffer.concat([Buffer.of(kind, bytes.length), bytes])
}

function idKey(queue: string, id: string): Buffer {
  const bytes = Buffer.from(id)
  if (bytes.length > ID_SIZE_MAX_BYTES) throw new Error(`The job ${id} has an id of ${bytes.length} bytes, at most ${ID_SIZE_MAX_BYTES}.`)
  return Buffer.concat([prefixOf(KIND.id, queue), bytes])
}

function orderKey(prefix: Buffer, order: number): Buffer {
  return Buffer.concat([prefix, encodeOrder(order)])
}

/** Greater than any key of an order. */
function lastKey(prefix: Buffer): Buffer {
  return Buffer.concat([prefix, Buffer.alloc(ORDER_BYTES, 0xff)])
}

function encodeOrder(order: number): Buffer {
  const bytes = Buffer.alloc(ORDER_BYTES)
  bytes.writeBigUInt64BE(BigInt(order))
  return bytes
}

function orderAtEnd(bytes: Uint8Array): number {
  return Number(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).readBigUInt64BE(bytes.length - ORDER_BYTES))
}

function encodeJob(job: JobRecord): Uint8Array {
  return Buffer.from(JSON.stringify({ formatVersion: FORMAT_VERSION, ...job }))
}

function decodeJob(value: Uint8Array, where: string): JobRecord {
  const { formatVersion, ...job } = JSON.parse(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString()) as JobRecord & { formatVersion: number }
  if (formatVersion !== FORMAT_VERSION) throw tooNew(where, formatVersion, FORMAT_VERSION)
  return job
}
