// Brings the flights to the log as JSON records, each at its time of arrival.
import type { DuckDbSession } from '@tidemark/adapter-duckdb/duckdb-session'
import type { EmbeddedEventLog, TimedAppend } from '@tidemark/adapter-embedded/embedded-event-log'
import { readArrivals, type ArrivalChunk } from '../arrival-reader.ts'

/** What it takes of a log. */
export type FeedLog = Pick<EmbeddedEventLog, 'appendAt'>

export class FlightFeed {
  private readonly log: FeedLog
  private readonly topic: string
  private readonly chunks: AsyncGenerator<ArrivalChunk>
  private chunk: ArrivalChunk | null = null
  private at = 0

  /** The topic has one partition. */
  constructor(session: DuckDbSession, log: FeedLog, topic: string) {
    this.log = log
    this.topic = topic
    this.chunks = readArrivals(session)
  }

  /** Appends what arrives before a time; `onArrival` hears the time of each part of it first, which no record is later than. How many there were. */
  async appendBefore(untilMs: number, onArrival: (arrivalMs: number) => void): Promise<number> {
    let count = 0
    for (let chunk = await this.current(); chunk !== null; chunk = await this.current()) {
      const from = this.at
      const appends = this.takeBefore(chunk, untilMs)
      if (this.at === from) break
      onArrival(chunk.arrivalsMs[this.at - 1]!)
      await this.log.appendAt(appends)
      count += this.at - from
    }
    return count
  }

  /** Of what was read: records that arrive at the same time are one append. */
  private takeBefore({ arrivalsMs, textAt }: ArrivalChunk, untilMs: number): TimedAppend[] {
    const appends: (TimedAppend & { readonly records: { readonly key: null; readonly value: Uint8Array }[] })[] = []
    for (; this.at < arrivalsMs.length && arrivalsMs[this.at]! < untilMs; this.at++) {
      const appendTimeMs = arrivalsMs[this.at]!
      if (appends.at(-1)?.appendTimeMs !== appendTimeMs) appends.push({ topic: this.topic, partition: 0, appendTimeMs, records: [] })
      appends.at(-1)!.records.push({ key: null, value: Buffer.from(textAt(this.at)) })
    }
    return appends
  }

  /** null: all of them were brought. */
  private async current(): Promise<ArrivalChunk | null> {
    if (this.chunk !== null && this.at < this.chunk.arrivalsMs.length) return this.chunk
    const { done, value } = await this.chunks.next()
    this.at = 0
    return (this.chunk = done === true ? null : value)
  }
}
