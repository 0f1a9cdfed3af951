// Brings the flights to the log in the order of their arrival, each to the partition of its origin, and keeps account of where each is and when the
// log took it. A broker that dies may have taken what it did not acknowledge: that is looked up before anything else is sent.
import type { DuckDbSession } from '@tidemark/adapter-duckdb/duckdb-session'
import type { TidemarkError } from '@tidemark/feature-schema/errors'
import { hashKey } from '@tidemark/feature-schema/key-hash'
import type { EventLog, LogRecord } from '@tidemark/ports/event-log'
import { readArrivals, type ArrivalChunk } from '../arrival-reader.ts'
import { LogAccount } from './log-account.ts'
import { isAway, pause, RETRY_AFTER_MS } from './until-answered.ts'

export interface LogFeedOptions {
  readonly session: DuckDbSession
  readonly log: Pick<EventLog, 'append' | 'extent' | 'fetch'>
  readonly topic: string
  readonly partitionCount: number
  readonly signal: AbortSignal
  /** Told of what did not work and is tried again. */
  readonly onTrouble: (error: TidemarkError) => void
  /** Default: half a second. */
  readonly retryAfterMs?: number
}

/** Flights on their way to one partition. */
interface Sending {
  readonly rows: number[]
  readonly records: { readonly key: null; readonly value: Buffer }[]
}

const FETCHED = { countMax: 10_000, sizeMaxBytes: 8 * 1_048_576, waitMaxMs: 1_000 }

export class LogFeed {
  readonly account: LogAccount
  private readonly options: LogFeedOptions
  private readonly chunks: AsyncGenerator<ArrivalChunk>
  private readonly partitionOf = new Map<string, number>()
  /** By partition: what the log may have taken, or may still take, though it did not say so. */
  private readonly doubtful: ReadonlyMap<number, Set<Sending>>
  private chunk: ArrivalChunk | null = null
  private at = 0

  /** The topic is there, and empty. */
  constructor(options: LogFeedOptions) {
    this.options = options
    this.account = new LogAccount(options.partitionCount)
    this.doubtful = new Map(Array.from({ length: options.partitionCount }, (_, partition) => [partition, new Set()]))
    this.chunks = readArrivals(options.session)
  }

  /** Appends the next flights, up to so many, and resolves once the log has all of them. How many there were. */
  async append(countMax: number): Promise<number> {
    const sendings = Array.from({ length: this.options.partitionCount }, (): Sending => ({ rows: [], records: [] }))
    let count = 0
    for (let chunk = await this.current(); chunk !== null && count < countMax; chunk = await this.current()) {
      for (; this.at < chunk.rows.length && count < countMax; this.at++, count++) {
        const { rows, records } = sendings[this.partition(chunk.origins[this.at]!)]!
        rows.push(chunk.rows[this.at]!)
        records.push({ key: null, value: Buffer.from(chunk.textAt(this.at)) })
      }
    }
    const outcomes = await Promise.allSettled(sendings.map((sending, partition) => this.send(partition, sending)))
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
    return count
  }

  private partition(origin: string): number {
    const known = this.partitionOf.get(origin) ?? Number(hashKey(origin) % BigInt(this.options.partitionCount))
    this.partitionOf.set(origin, known)
    return known
  }

  /** Resolves once the log has all of these flights, and it is known where. */
  private async send(partition: number, sending: Sending): Promise<void> {
    const { log, topic, signal, onTrouble } = this.options
    const doneAt = this.account.end(partition) + sending.rows.length
    while (this.account.end(partition) < doneAt) {
      signal.throwIfAborted()
      try {
        const [appended] = await log.append([{ topic, partition, records: sending.records }])
        await this.catchUp(partition, appended!.firstOffset)
        this.account.add(partition, { ...appended!, rows: sending.rows })
      } catch (error) {
        if (!isAway(error)) throw error
        onTrouble(error)
        this.doubtful.get(partition)!.add(sending)
        await this.lookAtEnd(partition)
      }
    }
  }

  /** Accounts for attempts that were given up and that the log took all the same, once nothing is sent any more. */
  async settle(): Promise<void> {
    for (const partition of this.doubtful.keys()) await this.lookAtEnd(partition)
  }

  /** Asks the log until it answers how far it is, and accounts for what it has. */
  private async lookAtEnd(partition: number): Promise<void> {
    const { log, topic, signal, onTrouble, retryAfterMs = RETRY_AFTER_MS } = this.options
    for (;; await pause(retryAfterMs, signal)) {
      try {
        return await this.catchUp(partition, (await log.extent(topic, partition)).end)
      } catch (error) {
        if (!isAway(error)) throw error
        onTrouble(error)
      }
    }
  }

  /** Nobody else appends: what is there and is not known are attempts of which nobody knew what became of them, each whole. */
  private async catchUp(partition: number, end: number): Promise<void> {
    for (let from = this.account.end(partition); from < end; from = this.account.end(partition)) {
      const found = await this.read(partition, from, end)
      const attempt = [...this.doubtful.get(partition)!].find(({ records }) => records.every(({ value }, i) => found[i]?.value?.equals(value) === true))
      if (attempt === undefined) throw new Error(`Partition ${partition} has records from offset ${from} on that were not sent there.`)
      this.account.add(partition, { firstOffset: from, appendTimeMs: found[0]!.appendTimeMs, rows: attempt.rows })
    }
  }

  private async read(partition: number, from: number, end: number): Promise<(Omit<LogRecord, 'value'> & { readonly value: Buffer | null })[]> {
    const { log, topic, signal } = this.options
    const found: LogRecord[] = []
    for (let next = from; next < end; ) {
      signal.throwIfAborted()
      const batch = await log.fetch(topic, partition, next, FETCHED, signal)
      found.push(...batch.records)
      next = batch.next
    }
    return found.map((record) => ({ ...record, value: record.value && Buffer.from(record.value) }))
  }

  /** null: all of them were brought. */
  private async current(): Promise<ArrivalChunk | null> {
    if (this.chunk !== null && this.at < this.chunk.rows.length) return this.chunk
    const { done, value } = await this.chunks.next()
    this.at = 0
    return (this.chunk = done === true ? null : value)
  }
}
