// What the contract suites of a log and its consumer groups share: the harness, records as texts, and waiting by a stepped clock.
import { expect } from '@jest/globals'
import type { AppendedAt, EventLog, FetchLimits, LogAppend, LogBatch, LogRecord } from '../event-log.ts'
import { bytesOf, textOf } from './store-cases.ts'

export interface EventLogHarness extends AsyncDisposable {
  readonly log: EventLog
  /** Another client of the same log. */
  readonly other: EventLog
  nowMs(): number
  /** Sets the log's clock forward or back, and wakes who waits by it; or lets so much time pass, where the clock is the servers' own. */
  step(byMs: number): void | Promise<void>
  /** The clock is the servers', which nobody sets. */
  readonly hasServerClock?: boolean
  /** Offsets that the end of a transaction takes in each of its partitions. Default 0. An append to one partition may be none. */
  readonly markerCount?: number
  /** Names of topics are letters of ASCII, digits and a few signs. */
  readonly hasAsciiNames?: boolean
  /** Largest record that the log takes. */
  readonly recordSizeMaxBytes: number
  /** Retention: the partition starts at that offset. */
  moveStart(topic: string, partition: number, start: number): Promise<void>
  /** Appends offsets that no reader sees; absent where the log has none. */
  appendInvisible?(topic: string, partition: number, count: number): Promise<void>
}

export type Append = LogAppend['records'][number]

export const NO_LIMITS: FetchLimits = { countMax: 1_000_000, sizeMaxBytes: 1_000_000_000, waitMaxMs: 0 }

export function recordOf(value: string | null, key: string | null = null): Append {
  return { key: key === null ? null : bytesOf(key), value: value === null ? null : bytesOf(value) }
}

export function appendOf(topic: string, partition: number, ...values: string[]): LogAppend {
  return { topic, partition, records: values.map((value) => recordOf(value)) }
}

export async function appendTexts(log: EventLog, topic: string, partition: number, ...values: string[]): Promise<AppendedAt> {
  const [appended] = await log.append([appendOf(topic, partition, ...values)])
  return appended!
}

/** The values of a partition from an offset on, read to its end in fetches of at most so many records. */
export async function readTexts(log: EventLog, topic: string, partition: number, from = 0, countMax = 1_000_000): Promise<string[]> {
  const texts: string[] = []
  for (let batch = await log.fetch(topic, partition, from, { ...NO_LIMITS, countMax }); batch.next > batch.from; batch = await log.fetch(topic, partition, batch.next, { ...NO_LIMITS, countMax })) {
    texts.push(...textsOf(batch))
  }
  return texts
}

export function textsOf({ records }: LogBatch): string[] {
  return records.map(({ value }) => textOf(value!))
}

export function offsetsOf({ records }: LogBatch): number[] {
  return records.map(({ offset }) => offset)
}

/** A record as plain arrays, which compare by value whatever kind of bytes an adapter gives. */
export function plain({ offset, appendTimeMs, key, value, headers }: LogRecord): unknown {
  const bytes = (each: Uint8Array | null): number[] | null => each && [...each]
  return { offset, appendTimeMs, key: bytes(key), value: bytes(value), headers: Object.entries(headers).map(([name, each]) => [name, [...each]]).sort() }
}

export function code(expected: string): unknown {
  return expect.objectContaining({ code: expected })
}

const STEPS_MAX = 200

/** Steps the clock, a little each time, until something is settled; what it took by that clock. Fails after so many steps. */
export async function stepUntil<T>({ step, nowMs }: Pick<EventLogHarness, 'step' | 'nowMs'>, byMs: number, promise: Promise<T>): Promise<{ result: T; steppedMs: number }> {
  let isSettled = false
  const settled = (): void => void (isSettled = true)
  promise.then(settled, settled)
  const fromMs = nowMs()
  let steps = 0
  for (; !isSettled && steps < STEPS_MAX; steps++) {
    await turn()
    if (isSettled) break
    await step(byMs)
    await turn()
  }
  if (!isSettled) throw new Error(`Nothing happened in ${steps} steps of ${byMs} ms.`)
  return { result: await promise, steppedMs: nowMs() - fromMs }
}

/** A turn of the event loop, in which I/O may happen. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
