// The extents of several partitions of one topic that one broker leads, as few requests: those that are asked for together go together. The protocol
// names a partition once in a request, and what is asked of it, start, end or all that was appended, is one request each.

import { listOffsetsV7, ListOffsetTimestamps, NetworkError, ProtocolError, type Connection } from '@platformatic/kafka'
import type { LogExtent } from '@tidemark/ports/event-log'
import { responseOf } from './kafka-errors.ts'

const CONSUMER = -1
const READ_UNCOMMITTED = 0
const READ_COMMITTED = 1
const NO_LEADER_EPOCH = -1

interface ExtentLine {
  /** The cluster's name of the topic. */
  readonly topicName: string
  connect(): Promise<Connection>
}

interface Waiting {
  readonly partition: number
  resolve(extent: LogExtent): void
  reject(error: unknown): void
}

type OffsetByPartition = ReadonlyMap<number, { readonly errorCode: number; readonly offset: bigint }>

export class ExtentDesk {
  private readonly line: ExtentLine
  private waiting: Waiting[] = []

  constructor(line: ExtentLine) {
    this.line = line
  }

  /** Read after the call. The end is the last stable offset, what was appended the high watermark. */
  ask(partition: number): Promise<LogExtent> {
    return new Promise((resolve, reject) => {
      // All that is asked for in this turn goes together.
      if (this.waiting.push({ partition, resolve, reject }) === 1) setImmediate(() => void this.send())
    })
  }

  private async send(): Promise<void> {
    const together = this.waiting
    this.waiting = []
    try {
      const connection = await this.line.connect()
      const partitions = [...new Set(together.map(({ partition }) => partition))]
      const [starts, committedEnds, appendedEnds] = await Promise.all([
        this.read(connection, partitions, ListOffsetTimestamps.EARLIEST, READ_COMMITTED),
        this.read(connection, partitions, ListOffsetTimestamps.LATEST, READ_COMMITTED),
        this.read(connection, partitions, ListOffsetTimestamps.LATEST, READ_UNCOMMITTED),
      ])
      for (const { partition, resolve, reject } of together) {
        try {
          const start = offsetOf(starts, partition)
          const end = Math.max(start, offsetOf(committedEnds, partition))
          resolve({ start, end, appendedEnd: Math.max(end, offsetOf(appendedEnds, partition)) })
        } catch (error) {
          reject(error)
        }
      }
    } catch (error) {
      for (const { reject } of together) reject(error)
    }
  }

  private async read(connection: Connection, partitions: readonly number[], timestamp: bigint, isolationLevel: number): Promise<OffsetByPartition> {
    const asked = partitions.map((partitionIndex) => ({ partitionIndex, currentLeaderEpoch: NO_LEADER_EPOCH, timestamp }))
    const { topics } = await listOffsetsV7.api.async(connection, CONSUMER, isolationLevel, [{ name: this.line.topicName, partitions: asked }]).catch(responseOf<listOffsetsV7.ListOffsetsResponse>)
    return new Map(topics.flatMap(({ partitions: found }) => found.map((one) => [one.partitionIndex, one])))
  }
}

function offsetOf(offsets: OffsetByPartition, partition: number): number {
  const found = offsets.get(partition)
  if (found === undefined) throw new NetworkError('A broker leaves a partition out of its answer.')
  if (found.errorCode !== 0) throw new ProtocolError(found.errorCode)
  return Number(found.offset)
}
