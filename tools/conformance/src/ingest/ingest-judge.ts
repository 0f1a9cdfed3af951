// Whether a speed state is what it should be, by brute force: batch up to a cut and the speed state beside it, merged, are the oracle's
// values over the records that the cut's seal or the bucket's fences have, each once.

import { presentChunks } from '@tidemark/aggregation/entity-state'
import { verifyChunk } from '@tidemark/aggregation/chunk-verify'
import { AT_LOG_TIME, viewOf } from '@tidemark/aggregation/chunk-format'
import { mergeAtCut } from '@tidemark/aggregation/merge'
import { disagreements } from '@tidemark/aggregation/testing/agreement'
import { CORE } from '@tidemark/aggregation/testing/core'
import { eventsOfEntity, newestAppendTime } from '@tidemark/aggregation/testing/event-panes'
import { oracleValues, type OracleEvent } from '@tidemark/aggregation/testing/oracle'
import { seededRandom } from '@tidemark/aggregation/testing/random'
import { batchBlob } from '@tidemark/aggregation/testing/two-sides'
import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import { bucketOf, encodeEntityKey, entityHash, type KeyType } from '@tidemark/feature-schema/entity-key'
import type { Value } from '@tidemark/feature-schema/value'
import { decodeBucketRecord } from '@tidemark/pipelines/log/bucket-record'
import { decodeFence } from '@tidemark/pipelines/log/fence'
import { compileJsonDecoder } from '@tidemark/pipelines/log/log-decoder'
import { PartitionReader } from '@tidemark/pipelines/log/partition-position'
import { viewId } from '@tidemark/pipelines/names'
import { cutOf, readPointer, type Pointer } from '@tidemark/pipelines/pointer'
import type { IngestWorld } from './ingest-world.ts'

/** Every record that could be decoded, with its epoch by the register as it is. */
export async function eventsOfWorld(world: IngestWorld): Promise<OracleEvent[]> {
  const register = await world.register()
  const decode = compileJsonDecoder(world.source)
  return world.records.flatMap((records, partition) => {
    const reader = new PartitionReader(partition, { next: 0, epoch: -Infinity, knownTimeMs: -Infinity, mark: null }, register)
    return records.flatMap((record): OracleEvent[] => {
      reader.take(record)
      const { row, eventTimeMs } = decode(record)
      return row === null ? [] : [{ fields: row, eventTimeMs, appendTimeMs: reader.appendTimeMs(record), partition, offset: record.offset, epoch: reader.epoch }]
    })
  })
}

/** null: right; else what is wrong. `pinned`: the pointer that the reader has; as it is where nothing is given. */
export async function judgeEntity(world: IngestWorld, plan: ViewPlan, entity: readonly Value[], pinned?: Pointer): Promise<string | null> {
  const id = viewId(plan.view)
  const pointer = pinned ?? (await readPointer(world.registers, id)).pointer
  const cut = cutOf(pointer, pointer.n)
  const key = encodeEntityKey(entity, plan.keys.map(({ type }) => type as KeyType))
  const bucket = bucketOf(entityHash(key), plan.view.bucketCount)
  const partitions = world.records.map((_, partition) => partition)
  const [state] = await world.store.read([{ view: id, bucket, partitions, entities: [key] }])
  const where = `view ${id}, entity ${JSON.stringify(entity)}, cut ${cut}`
  if (state!.record === null) return state!.fences.every((fence) => fence === null) ? null : `${where}: fences without a bucket record`
  const startsAfter = decodeBucketRecord(state!.record, where).startsAfterEpoch
  if (startsAfter > cut) return pinned === undefined ? `${where}: the bucket starts after ${startsAfter}` : null
  const fences = new Map(state!.fences.map((bytes, partition) => [partition, bytes === null ? 0 : decodeFence(bytes, where).next]))
  const ends = cut === -Infinity ? new Map<number, number>() : world.ends.get(cut)!
  const isInBatch = ({ partition, offset }: OracleEvent): boolean => offset < (ends.get(partition) ?? 0)
  const has = (event: OracleEvent): boolean => isInBatch(event) || event.offset < fences.get(event.partition)!
  const events = await eventsOfWorld(world)
  const own = eventsOfEntity(plan, events, entity)
  const batch = batchBlob(CORE, plan, own.filter(isInBatch).map((event) => ({ ...event, epoch: Math.min(event.epoch, cut) })), cut, seededRandom(1))
  const [open, closed, settled] = state!.entities[0]!.map((chunk) => chunk?.bytes ?? null)
  const chunks = presentChunks({ open: open!, closed: closed!, settled: settled! })
  for (const chunk of chunks) verifyChunk(plan, chunk)
  const logTimeMs = Math.max(newestAppendTime(own.filter(has)), world.nowMs - 1, ...chunks.map((chunk) => viewOf(chunk).getFloat64(AT_LOG_TIME, true)))
  const merged = mergeAtCut(plan, batch, chunks, { cut, t: logTimeMs + 1 })
  if (merged.needsNewerPin) return pinned === undefined ? `${where}: sections that the pointer needs are dropped` : null
  const expected = oracleValues(plan.view, plan.source, events, { entity, atMs: logTimeMs + 1, has })
  const wrong = disagreements(expected, merged.values)
  return wrong === null ? null : `${where}, fences ${JSON.stringify([...fences])}: ${wrong}`
}

/** Whether everything that the log has is folded in every bucket of every view, and every answer is right. */
export async function judgeAll(world: IngestWorld, entities: readonly (readonly Value[])[]): Promise<string | null> {
  for (const plan of world.views) {
    for (const entity of entities) {
      const wrong = await judgeEntity(world, plan, entity)
      if (wrong !== null) return wrong
    }
  }
  return judgeLag(world)
}

/** What is not folded yet, in words; events that nobody counts are passed over with the next fence that is written. */
export async function judgeLag(world: IngestWorld): Promise<string | null> {
  const partitions = world.records.map((_, partition) => partition)
  const events = await eventsOfWorld(world)
  for (const plan of world.views) {
    const id = viewId(plan.view)
    const register = await world.register()
    for (const { partition, offset, fields, eventTimeMs } of events) {
      if (!register.openings.some((opening) => opening.partition === partition)) return `partition ${partition} is not open`
      const row = [...fields]
      for (const { evaluate } of plan.derived) row.push(evaluate(row))
      const values = plan.keys.map(({ index }) => row[index] ?? null)
      if (values.includes(null) || (plan.where !== null && plan.where.evaluate(row) !== true)) continue
      const key = encodeEntityKey(values, plan.keys.map(({ type }) => type as KeyType))
      const [state] = await world.store.read([{ view: id, bucket: bucketOf(entityHash(key), plan.view.bucketCount), partitions, entities: [] }])
      const fence = state!.fences[partition]
      if (!fence || decodeFence(fence, '').next <= offset) return `view ${id}: offset ${offset} of partition ${partition}, of ${eventTimeMs}, is not folded`
    }
  }
  return null
}
