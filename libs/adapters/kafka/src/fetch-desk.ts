// Fetches of several partitions that one broker leads, as few requests. A broker answers the requests of a connection one after the
// other, so that one that waits for records would hold up whatever comes after it: asks that come together go as one request, which
// is answered as soon as one of them has something, and each request on its way has a connection of its own. Asks that wait are not
// mixed with those that do not. An ask that nobody waits for any longer keeps its connection busy for at most a step.

import { createAPI, fetchV13, NetworkError, ProtocolError, type Connection, type ConnectionPool, type Reader } from '@platformatic/kafka'
import type { AbortedTransaction } from './record-batches.ts'

/** Longest that a request waits at the broker; whoever wants to wait longer asks again. */
export const WAIT_STEP_MAX_MS = 500
/** Requests on their way to one broker, each on a connection of its own. */
const LINE_COUNT_MAX = 8
const ANSWER_SIZE_MAX_BYTES = 32 * 1_048_576
const READ_COMMITTED = 1
/** No session: each request says all. */
const SESSIONLESS_EPOCH = -1

export interface FetchAsk {
  readonly topicId: string
  readonly partition: number
  readonly from: number
  readonly sizeMaxBytes: number
  /** At most a step; 0: not at all. */
  readonly waitMs: number
  /** Its answer is no longer wanted. */
  readonly signal: AbortSignal
}

export interface FetchAnswer {
  /** 0: none. */
  readonly errorCode: number
  /** What is before it can be read. */
  readonly lastStableOffset: number
  /** What is before it was appended. */
  readonly highWatermark: number
  readonly aborted: readonly AbortedTransaction[]
  readonly bytes: Buffer
}

interface Waiting {
  readonly ask: FetchAsk
  resolve(answer: FetchAnswer): void
  reject(error: unknown): void
}

export interface FetchLines {
  /** Whose connections one request at a time uses. */
  open(): ConnectionPool
  connect(line: ConnectionPool): Promise<Connection>
}

export class FetchDesk {
  private readonly lines: FetchLines
  private readonly free: ConnectionPool[] = []
  private lineCount = 0
  private waiting: Waiting[] = []
  private isScheduled = false

  constructor(lines: FetchLines) {
    this.lines = lines
  }

  ask(ask: FetchAsk): Promise<FetchAnswer> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ ask, resolve, reject })
      this.schedule()
    })
  }

  private schedule(): void {
    if (this.isScheduled) return
    this.isScheduled = true
    // All that is asked for in this turn goes together.
    setImmediate(() => {
      this.isScheduled = false
      this.sendWaiting()
    })
  }

  private sendWaiting(): void {
    for (const { ask, reject } of this.waiting) if (ask.signal.aborted) reject(ask.signal.reason)
    this.waiting = this.waiting.filter(({ ask }) => !ask.signal.aborted)
    while (this.waiting.length > 0) {
      const line = this.free.pop() ?? (this.lineCount < LINE_COUNT_MAX ? this.openLine() : undefined)
      if (line === undefined) return
      void this.send(line, this.takeTogether())
    }
  }

  private openLine(): ConnectionPool {
    this.lineCount++
    return this.lines.open()
  }

  /** A request names a partition once. */
  private takeTogether(): Waiting[] {
    const mayWait = this.waiting[0]!.ask.waitMs > 0
    const taken = new Map<string, Waiting>()
    this.waiting = this.waiting.filter((one) => {
      const { topicId, partition, waitMs } = one.ask
      const key = `${topicId} ${partition}`
      if (waitMs > 0 !== mayWait || taken.has(key)) return true
      taken.set(key, one)
      return false
    })
    return [...taken.values()]
  }

  private async send(line: ConnectionPool, together: readonly Waiting[]): Promise<void> {
    try {
      const answers = await this.fetch(await this.lines.connect(line), together.map(({ ask }) => ask))
      for (const [i, { resolve }] of together.entries()) resolve(answers[i]!)
    } catch (error) {
      for (const { reject } of together) reject(error)
    } finally {
      this.free.push(line)
      if (this.waiting.length > 0) this.schedule()
    }
  }

  private async fetch(connection: Connection, asks: readonly FetchAsk[]): Promise<FetchAnswer[]> {
    const byTopic = Map.groupBy(asks, ({ topicId }) => topicId)
    const topics = [...byTopic].map(([topicId, ofTopic]) => ({
      topicId,
      partitions: ofTopic.map(({ partition, from, sizeMaxBytes }) => ({ partition, currentLeaderEpoch: -1, fetchOffset: BigInt(from), lastFetchedEpoch: -1, partitionMaxBytes: sizeMaxBytes })),
    }))
    const waitMs = Math.min(...asks.map((ask) => ask.waitMs))
    const answers = await fetchApi.async(connection, Math.ceil(waitMs), 1, ANSWER_SIZE_MAX_BYTES, READ_COMMITTED, 0, SESSIONLESS_EPOCH, topics, [], '')
    const found = new Map(answers.map(({ topicId, partition, answer }) => [`${topicId} ${partition}`, answer]))
    return asks.map(({ topicId, partition }) => {
      const answer = found.get(`${topicId} ${partition}`)
      if (answer === undefined) throw new NetworkError('A broker leaves a partition out of its answer.')
      return answer
    })
  }
}

const NO_BYTES = Buffer.alloc(0)

interface PlacedAnswer {
  readonly topicId: string
  readonly partition: number
  readonly answer: FetchAnswer
}

const fetchApi = createAPI<Parameters<typeof fetchV13.createRequest>, PlacedAnswer[]>(fetchV13.api.key, fetchV13.api.version, fetchV13.createRequest, parseAnswers)

/** Fetch response, version 13, with the records as bytes, and an error for each partition of its own. */
function parseAnswers(_correlationId: number, _apiKey: number, _apiVersion: number, reader: Reader): PlacedAnswer[] {
  reader.readInt32()
  const errorCode = reader.readInt16()
  if (errorCode !== 0) throw new ProtocolError(errorCode)
  reader.readInt32()
  const topics = reader.readArray((r) => {
    const topicId = r.readUUID()
    return r.readArray((p): PlacedAnswer => {
      const partition = p.readInt32()
      const ownErrorCode = p.readInt16()
      const highWatermark = Number(p.readInt64())
      const lastStableOffset = Number(p.readInt64())
      p.readInt64()
      const aborted = p.readNullableArray((a) => ({ producerId: a.readInt64(), firstOffset: a.readInt64() })) ?? []
      p.readInt32()
      const sizeBytes = Math.max(0, p.readUnsignedVarInt() - 1)
      const bytes = sizeBytes === 0 ? NO_BYTES : p.buffer.slice(p.position, p.position + sizeBytes)
      p.skip(sizeBytes)
      return { topicId, partition, answer: { errorCode: ownErrorCode, lastStableOffset, highWatermark, aborted, bytes } }
    })
  })
  return topics.flat()
}
