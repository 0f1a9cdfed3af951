// What the log has by now, as its producer knows it: which flight is at each offset of each partition, and when the log took it. Without a gap: what
// is not known to be there is looked for before anything is added after it.
import type { DuckDbSession } from '@tidemark/adapter-duckdb/duckdb-session'
import { openAppender } from '@tidemark/adapter-duckdb/append-rows'

interface PartitionAccount {
  /** Of the raw file, by offset. */
  readonly rows: number[]
  readonly appendTimesMs: number[]
}

export class LogAccount {
  private readonly partitions: readonly PartitionAccount[]
  /** Of all partitions. */
  recordCount = 0
  lastAppendTimeMs = -Infinity

  constructor(partitionCount: number) {
    this.partitions = Array.from({ length: partitionCount }, () => ({ rows: [], appendTimesMs: [] }))
  }

  get partitionCount(): number {
    return this.partitions.length
  }

  /** The offset after the last record that is known. */
  end(partition: number): number {
    return this.partitions[partition]!.rows.length
  }

  ends(): readonly number[] {
    return this.partitions.map(({ rows }) => rows.length)
  }

  /** Adds records that the log took together. */
  add(partition: number, { firstOffset, appendTimeMs, rows }: { readonly firstOffset: number; readonly appendTimeMs: number; readonly rows: readonly number[] }): void {
    const account = this.partitions[partition]!
    if (firstOffset !== account.rows.length) throw new Error(`Partition ${partition} is known up to ${account.rows.length}, and records are added at ${firstOffset}.`)
    for (const row of rows) {
      account.rows.push(row)
      account.appendTimesMs.push(appendTimeMs)
    }
    this.recordCount += rows.length
    this.lastAppendTimeMs = Math.max(this.lastAppendTimeMs, appendTimeMs)
  }

  /** Into a table of integers: (partition, offset, append_ms, row). */
  async load(session: DuckDbSession, table: string): Promise<void> {
    await session.run(`CREATE TABLE ${session.schema}.${table} ("partition" BIGINT, "offset" BIGINT, append_ms BIGINT, row BIGINT)`)
    using appender = await openAppender(session, table, ['int64', 'int64', 'timestamp', 'int64'])
    for (const [partition, { rows, appendTimesMs }] of this.partitions.entries()) {
      for (let from = 0; from < rows.length; from += LOADED_AT_ONCE) {
        const some = rows.slice(from, from + LOADED_AT_ONCE)
        appender.append([some.map(() => partition), some.map((_, i) => from + i), appendTimesMs.slice(from, from + LOADED_AT_ONCE), some], some.length)
      }
    }
  }
}

const LOADED_AT_ONCE = 100_000
