// A log for histories of archive and ingest: the history says what is appended when, and what the log loses.

import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { EventLog, LogRecord } from '@tidemark/ports/event-log'

/** null: an offset that nobody sees, such as a transaction's marker. */
export type ScriptedRecord = LogRecord | null

export interface ScriptedLog extends EventLog {
  readonly partitions: ScriptedRecord[][]
  addPartition(): void
  /** value null: a marker. */
  write(partition: number, appendTimeMs: number, value: string | null): void
  /** Loses what is at or after the offset. */
  cut(partition: number, end: number): void
  /** What is written from here on cannot be read, as behind a transaction that is not decided, until this is called without `isHeld`. */
  hold(partition: number, isHeld: boolean): void
  /** What retention leaves. */
  retain(partition: number, start: number): void
}

export function createScriptedLog(partitionCount: number): ScriptedLog {
  const partitions: ScriptedRecord[][] = Array.from({ length: partitionCount }, () => [])
  const starts = new Map<number, number>()
  const heldFrom = new Map<number, number>()
  const endOf = (partition: number): number => Math.min(partitions[partition]!.length, heldFrom.get(partition) ?? Infinity)
  const refuse = (): never => {
    throw new Error('A scripted log is written by its script.')
  }
  return {
    partitions,
    addPartition: () => void partitions.push([]),
    write(partition, appendTimeMs, value) {
      const offset = partitions[partition]!.length
      partitions[partition]!.push(value === null ? null : { offset, appendTimeMs, key: null, value: Buffer.from(value), headers: {} })
    },
    cut: (partition, end) => void partitions[partition]!.splice(end),
    hold: (partition, isHeld) => void (isHeld ? heldFrom.set(partition, partitions[partition]!.length) : heldFrom.delete(partition)),
    retain: (partition, start) => void starts.set(partition, start),
    ensureTopic: refuse,
    partitionCount: async () => partitions.length,
    topics: refuse,
    append: refuse,
    appendAndCommit: refuse,
    async fetch(_topic, partition, from, { countMax }) {
      const records = partitions[partition]!.slice(0, endOf(partition))
      if (from > records.length || from < (starts.get(partition) ?? 0)) {
        throw new TidemarkError([{ code: 'LOG_OFFSET_GONE', message: 'It is not there.', where: `partition ${partition}, offset ${from}`, action: 'None.' }])
      }
      let next = from
      const visible: LogRecord[] = []
      for (; next < records.length && visible.length < countMax; next++) visible.push(...[records[next]!].filter((record) => record !== null))
      return { from, next, records: visible, isAtEnd: next === partitions[partition]!.length }
    },
    extent: async (_topic, partition) => ({ start: starts.get(partition) ?? 0, end: endOf(partition), appendedEnd: partitions[partition]!.length }),
    commit: refuse,
    committed: refuse,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}
