// Brings the flights to the log as JSON records, each at its time of arrival.
import type { DuckDbSession, ResultChunk } from '@tidemark/adapter-duckdb/duckdb-session'
import type { EmbeddedEventLog, TimedAppend } from '@tidemark/adapter-embedded/embedded-event-log'
import { arrivalsTable } from './arrivals.ts'

/** What it takes of a log. */
export type FeedLog = Pick<EmbeddedEventLog, 'appendAt'>

export class FlightFeed {
  private readonly log: FeedLog
  private readonly topic: string
  private readonly chunks: AsyncGenerator<ResultChunk>
  private arrivalsMs: readonly number[] = []
  /** The columns ms, delay, distance, origin and destination of what was read. */
  private columns: readonly (readonly unknown[])[] = []
  private at = 0

  /** The topic has one partition. */
  constructor(session: DuckDbSession, log: FeedLog, topic: string) {
    this.log = log
    this.topic = topic
    this.chunks = session.chunks(`SELECT arrival_ms::DOUBLE, ms::DOUBLE, delay, distance, origin, destination FROM ${arrivalsTable(session)}`)
  }

  /** Appends what arrives before a time; `onArrival` hears the time of each part of it first, which no record is later than. How many there were. */
  async appendBefore(untilMs: number, onArrival: (arrivalMs: number) => void): Promise<number> {
    let count = 0
    while (this.at < this.arrivalsMs.length || (await this.read())) {
      const from = this.at
      const appends = this.takeBefore(untilMs)
      if (this.at === from) break
      onArrival(this.arrivalsMs[this.at - 1]!)
      await this.log.appendAt(appends)
      count += this.at - from
    }
    return count
  }

  /** Of what was read: records that arrive at the same time are one append. */
  private takeBefore(untilMs: number): TimedAppend[] {
    const appends: (TimedAppend & { readonly records: { readonly key: null; readonly value: Uint8Array }[] })[] = []
    for (; this.at < this.arrivalsMs.length && this.arrivalsMs[this.at]! < untilMs; this.at++) {
      const appendTimeMs = this.arrivalsMs[this.at]!
      if (appends.at(-1)?.appendTimeMs !== appendTimeMs) appends.push({ topic: this.topic, partition: 0, appendTimeMs, records: [] })
      appends.at(-1)!.records.push({ key: null, value: Buffer.from(this.textAt(this.at)) })
    }
    return appends
  }

  private textAt(i: number): string {
    const [ms, delay, distance, origin, destination] = this.columns
    return `{"date":${ms![i]},"delay":${delay![i]},"distance":${distance![i]},"origin":"${origin![i]}","destination":"${destination![i]}"}`
  }

  private async read(): Promise<boolean> {
    const { done, value } = await this.chunks.next()
    if (done === true) return false
    this.arrivalsMs = value.chunk.getColumnValues(0) as number[]
    this.columns = Array.from({ length: 5 }, (_, column) => value.chunk.getColumnValues(1 + column))
    this.at = 0
    return true
  }
}
