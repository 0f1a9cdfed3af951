// What is read ahead is of use for a moment only: a log that was cut short, or made anew, has other records at its offsets.

import { createRecordsBatch, crc32c } from '@platformatic/kafka'
import { afterEach, expect, it, jest } from '@jest/globals'
import type { KafkaTopics } from './kafka-topics.ts'
import { PartitionReader } from './partition-reader.ts'
import { API, scriptedCluster, TOPIC_ID } from './testing/scripted-cluster.ts'

const LONG_MS = 2_001
const ONE = { countMax: 1, sizeMaxBytes: 1_000_000, waitMaxMs: 0 }

/** Records from offset 0 on, as a broker keeps them: stamped, the checksum made again. */
function batchOf(...values: readonly string[]): Buffer {
  const bytes = Buffer.from(createRecordsBatch(values.map((value) => ({ topic: 't', key: Buffer.alloc(0), value: Buffer.from(value) }))).buffer)
  bytes.writeBigInt64BE(0n, 0)
  bytes.writeInt16BE(8, 21)
  bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17)
  return bytes
}

afterEach(() => void jest.restoreAllMocks())

it('gives what it has read ahead, and reads again what is too old', async () => {
  let nowMs = 1_000
  jest.spyOn(performance, 'now').mockImplementation(() => nowMs)
  let log = batchOf('a', 'b', 'c')
  let askedCount = 0
  await using cluster = scriptedCluster((api) => {
    if (api !== API.fetch) throw new Error(`Nobody asks for ${api} here.`)
    askedCount++
    return [{ topicId: TOPIC_ID, partition: 0, answer: { errorCode: 0, lastStableOffset: 3, highWatermark: 3, aborted: [], bytes: log } }]
  }, { callTimeoutMs: 10_000 })
  await using reader = new PartitionReader(cluster, { settingsOf: async () => ({}) } as unknown as KafkaTopics)
  const textAt = async (from: number): Promise<string> => Buffer.from((await reader.fetch('t', 0, from, ONE)).records[0]!.value!).toString()
  expect(await textAt(0)).toBe('a')
  log = batchOf('x', 'y', 'z')
  expect([await textAt(1), askedCount]).toEqual(['b', 1])
  nowMs += LONG_MS
  expect([await textAt(2), askedCount]).toEqual(['z', 2])
})
