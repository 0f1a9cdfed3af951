// What every part of a processor works with.

import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import type { Tracer } from '@tidemark/observability/tracing'
import type { Clock } from '@tidemark/ports/clock'
import type { EventLog, LogExtent } from '@tidemark/ports/event-log'
import type { ObjectStore } from '@tidemark/ports/object-store'
import type { RecordSchemas } from '@tidemark/ports/record-formats'
import type { RegisterStore } from '@tidemark/ports/register-store'
import type { NewRevision } from '@tidemark/ports/revision'
import type { SpeedViewStore } from '@tidemark/ports/speed-view-store'
import type { Alarm, OnAlarm } from '../alarm.ts'
import type { PartitionPosition } from '../log/partition-position.ts'
import type { CompareMoment, IngestRules } from './ingest-rules.ts'
import type { IngestLimits } from './ingest-limits.ts'
import { placeInLog } from './log-place.ts'

/** What a processor is given of the outside. */
export interface ProcessorPorts {
  readonly source: SourceDefinition
  readonly log: EventLog
  readonly registers: RegisterStore
  /** Has the archive's manifests: a view whose floor has a cut starts after it. */
  readonly objects: ObjectStore
  readonly store: SpeedViewStore
  /** Of the source's records, where they are not JSON. */
  readonly schemas?: RecordSchemas | undefined
  readonly clock: Clock
  readonly newRevision: NewRevision
  readonly onAlarm: OnAlarm
  /** A poll with events that are sampled is a part of the first one's trace. Default: none is recorded. */
  readonly tracer?: Tracer | undefined
  /** Hears the append times of events, in no order, once answers have them. What it is given is used again: it keeps nothing of it. */
  readonly onFolded?: ((appendTimesMs: readonly number[], nowMs: number) => void) | undefined
}

export interface IngestContext extends ProcessorPorts {
  readonly topic: string
  readonly rules: IngestRules
  readonly limits: IngestLimits
}

/** Whether the log is no more what it was when a position was there. */
export async function isReplaced({ log, topic, rules }: IngestContext, partition: number, position: PartitionPosition, moment: CompareMoment, extent: LogExtent | null = null): Promise<boolean> {
  return rules.isReplaced(position, await placeInLog(log, topic, partition, position, extent), moment)
}

export function partitionWhere({ source }: IngestContext, partition: number): string {
  return `source ${source.name}, partition ${partition}`
}

export function replacedAlarm(context: IngestContext, partition: number, next: number): Alarm {
  return {
    code: 'LOG_REPLACED',
    message: `The log is not the one that was read up to offset ${next}: its topic was made anew, or it was cut short. The partition stands still; give the new topic another name, or rebuild the views from the archive.`,
    where: partitionWhere(context, partition),
  }
}

export function goneAlarm(context: IngestContext, partition: number, view: string, next: number, start: number): Alarm {
  return {
    code: 'LOG_OFFSET_GONE',
    message: `The view goes on from offset ${next}, and retention has removed what is before ${start}. It stands still in this partition; remove its speed state, so that it starts after its newest floor, and lengthen the topic's retention.`,
    where: `${partitionWhere(context, partition)}, view ${view}`,
  }
}
