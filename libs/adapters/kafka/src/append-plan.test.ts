import { describe, expect, it } from '@jest/globals'
import { createRecordsBatch, type MessageRecord } from '@platformatic/kafka'
import type { AppendedAt, LogAppend } from '@tidemark/ports/event-log'
import { forSeeds } from '@tidemark/ports/testing/store-cases'
import { appendedAt, planAppends, type AppendPlan } from './append-plan.ts'

const LIMITS = { recordSizeMaxBytes: 1_000, batchSizeMaxBytes: 2_000 }
const recordOf = (sizeBytes: number): LogAppend['records'][number] => ({ key: null, value: new Uint8Array(sizeBytes) })
const appendOf = (topic: string, partition: number, ...sizesBytes: number[]): LogAppend => ({ topic, partition, records: sizesBytes.map(recordOf) })

function planned(appends: readonly LogAppend[]): AppendPlan {
  return planAppends(appends, () => LIMITS) as AppendPlan
}

describe('planAppends', () => {
  it('puts appends to one partition into one batch, and says where each begins', () => {
    const plan = planned([appendOf('t', 0, 1, 2), appendOf('u', 0, 3), appendOf('t', 0), appendOf('t', 0, 4), appendOf('t', 1)])
    expect(plan.parts.map(({ topic, partition, batches }) => [topic, partition, batches.map((batch) => batch.map(({ value }) => value!.length))])).toEqual([
      ['t', 0, [[1, 2, 4]]], ['u', 0, [[3]]], ['t', 1, []],
    ])
    const at = (firstOffset: number): AppendedAt => ({ firstOffset, appendTimeMs: firstOffset + 1_000 })
    const offsets = appendedAt(plan, [[at(10)], [at(20)], []], [null, null, at(30)])
    expect(offsets).toEqual([at(10), at(20), { firstOffset: 12, appendTimeMs: 1_010 }, { firstOffset: 12, appendTimeMs: 1_010 }, at(30)])
  })

  it('says what is too large: for the log, or framed for a batch of the topic', () => {
    expect(planAppends([appendOf('t', 3, 1_001)], () => LIMITS)).toEqual({ topic: 't', partition: 3, sizeBytes: 1_001, limitBytes: 1_000 })
    expect(planAppends([appendOf('t', 3, 1_000)], () => ({ ...LIMITS, batchSizeMaxBytes: 1_000 }))).toMatchObject({ limitBytes: 1_000 })
    const withHeader = { key: null, value: new Uint8Array(990), headers: { name: new Uint8Array(7) } }
    expect(planAppends([{ topic: 't', partition: 0, records: [withHeader] }], () => LIMITS)).toMatchObject({ sizeBytes: 1_001 })
  })

  it('keeps every record once and in order, in batches that the encoder makes no larger than the limit', async () => {
    await forSeeds(50, async (chance) => {
      const below = (limit: number): number => Math.floor(chance() * limit)
      let count = 0
      const appends = Array.from({ length: 1 + below(8) }, (): LogAppend => ({
        topic: 't',
        partition: below(2),
        records: Array.from({ length: below(30) }, () => ({
          key: below(2) ? null : Buffer.from(`${count++}`),
          value: Buffer.alloc(below(600)),
          headers: Object.fromEntries(Array.from({ length: below(4) }, (_, i) => [`h${i}`, Buffer.alloc(below(20))])),
        })),
      }))
      const { parts, beginnings } = planned(appends)
      for (const { partition, batches } of parts) {
        expect(batches.flat()).toEqual(appends.filter((append) => append.partition === partition).flatMap(({ records }) => records))
        for (const batch of batches) {
          const messages = batch.map(({ key, value, headers }) => ({ topic: 't', key, value, headers: new Map(Object.entries(headers!).map(([name, bytes]) => [Buffer.from(name), bytes])) }))
          expect(createRecordsBatch(messages as unknown as MessageRecord[]).buffer.length).toBeLessThanOrEqual(LIMITS.batchSizeMaxBytes)
        }
      }
      for (const [i, { part, batch, index }] of beginnings.entries()) {
        const [first] = appends[i]!.records
        if (first !== undefined) expect(parts[part]!.batches[batch]![index]).toBe(first)
      }
    })
  })
})
