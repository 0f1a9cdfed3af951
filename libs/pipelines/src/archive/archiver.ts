// The archiver of a source: from its log to create-only objects, epoch by epoch (law 3). What it knows beside the register and the objects is
// thrown away when anything goes wrong, and read again; so it may be killed anywhere, and several may work at once: objects are created, never
// replaced, and the register changes by compare-and-set only.
//
// One step does one of these: publishes the manifest of the last seal, opens partitions, seals what can be sealed, or archives
// some records of one partition.

import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import { beginOf, inSpan, NO_TRACES, type Tracer } from '@tidemark/observability/tracing'
import type { ArchiveFormat } from '@tidemark/ports/archive-format'
import type { Clock } from '@tidemark/ports/clock'
import type { EventLog, LogExtent, LogRecord } from '@tidemark/ports/event-log'
import type { ObjectStore } from '@tidemark/ports/object-store'
import type { RecordSchemas } from '@tidemark/ports/record-formats'
import type { RegisterStore } from '@tidemark/ports/register-store'
import type { Alarm, OnAlarm } from '../alarm.ts'
import { openPartitions, readSealRegister, replaceSealRegister, type PartitionStart, type ReadSealRegister } from '../log/change-seal-register.ts'
import type { DecodeLogRecord } from '../log/decoded-record.ts'
import { logDecoder, type PrepareDecoder } from '../log/log-decoder.ts'
import { isLogReplaced } from '../log/log-mark.ts'
import { isExpected, isOpen, withUnexpected } from '../log/seal-register.ts'
import { topicOf } from '../names.ts'
import { ARCHIVE_LIMITS, type ArchiveLimits } from './archive-limits.ts'
import { ARCHIVE_RULES, type ArchiveRules } from './archive-rules.ts'
import { ensureManifest } from './manifest-store.ts'
import { PartitionArchive } from './partition-archive.ts'
import { planSeal, seal } from './seal.ts'
import { segmentWriter, type BeginSegment } from './segment-writer.ts'

export interface ArchiverOptions {
  readonly source: SourceDefinition
  readonly log: EventLog
  readonly registers: RegisterStore
  readonly objects: ObjectStore
  readonly format: ArchiveFormat
  /** Of the source's records, where they are not JSON. */
  readonly schemas?: RecordSchemas | undefined
  readonly clock: Clock
  /** Called once when a partition comes to a stand, and for each record that broke the declared skew. */
  readonly onAlarm: OnAlarm
  /** A fetch with events that are sampled is a part of the first one's trace. Default: none is recorded. */
  readonly tracer?: Tracer | undefined
  readonly limits?: Partial<ArchiveLimits>
  readonly rules?: ArchiveRules
}

/** What a step did. */
export type ArchiveStep =
  | { readonly did: 'opened'; readonly partitions: readonly number[] }
  | { readonly did: 'archived'; readonly partition: number; readonly recordCount: number }
  | { readonly did: 'sealed'; readonly through: number }
  /** Somebody else changed the register, or new records came in between; the next step sees to it. */
  | { readonly did: 'overtaken' }
  /** Nothing is there to do. */
  | { readonly did: 'idle' }
  /** Nothing is there to do, but some partitions stand still, and nothing is sealed until they go on. */
  | { readonly did: 'stopped'; readonly alarms: readonly Alarm[] }

export interface Archiver {
  /** Does one bounded piece of work; not to be called again before it is done. Throws what the ports throw, and may be called again then. */
  step(signal?: AbortSignal): Promise<ArchiveStep>
  /** Where it stands; none where it works in a thread of its own. */
  status?(): ArchiverStatus
}

export interface ArchiverStatus {
  /** As it was read last; null: nothing is sealed, or it was not read yet. */
  readonly sealedThrough: number | null
  /** Records that were taken since it was made, those that were read again included. */
  readonly takenCount: number
  /** Of the segments that it sealed. */
  readonly sealedSizeBytes: number
  /** Positions that are not read, of each partition whose end was looked at. */
  readonly behind: readonly { readonly partition: number; readonly count: number }[]
}

export function createArchiver(options: ArchiverOptions): Archiver {
  const work = new ArchiveWork(options)
  return {
    async step(signal) {
      signal?.throwIfAborted()
      try {
        return await work.step(signal)
      } catch (error) {
        work.forget()
        throw error
      }
    },
    status: () => work.status(),
  }
}

/** The archiver's memory; every field of it can be made again from the log and the register. */
export class ArchiveWork {
  readonly options: Omit<ArchiverOptions, 'limits' | 'rules'> & { readonly rules: ArchiveRules }
  readonly limits: ArchiveLimits
  readonly topic: string
  readonly partitions = new Map<number, PartitionArchive>()
  private readonly prepareDecoder: PrepareDecoder
  private readonly beginSegment: BeginSegment
  private read: ReadSealRegister | null = null
  private published: number | null = null
  private partitionCount = 0
  private turn = 0
  private sealedThrough: number | null = null
  private takenCount = 0
  private sealedSizeBytes = 0

  constructor({ limits, rules = ARCHIVE_RULES, ...options }: ArchiverOptions) {
    this.options = { rules, ...options }
    this.limits = { ...ARCHIVE_LIMITS, ...limits }
    this.topic = topicOf(options.source)
    this.beginSegment = segmentWriter(options.source, options.objects, options.format)
    this.prepareDecoder = logDecoder(options)
  }

  status(): ArchiverStatus {
    const { sealedThrough, takenCount, sealedSizeBytes } = this
    const behind = [...this.partitions.values()].flatMap(({ partition, end, reader }) => (end === null ? [] : [{ partition, count: Math.max(0, end - reader.next) }]))
    return { sealedThrough, takenCount, sealedSizeBytes, behind }
  }

  forget(): void {
    this.partitions.clear()
    this.read = null
    this.published = null
  }

  async step(signal?: AbortSignal): Promise<ArchiveStep> {
    const read = await this.readRegister()
    await this.publish(read)
    const opened = await this.open(read)
    if (opened !== null) return opened
    const proven = planSeal(this, read)
    if (proven !== null) return this.seal(read, proven)
    const turns = [...this.partitions.values()]
    const extents = await Promise.all(turns.map(({ partition }) => this.extentOf(partition)))
    for (let i = 0; i < turns.length; i++) {
      signal?.throwIfAborted()
      const turn = this.turn++ % turns.length
      const archived = await this.archive(read, turns[turn]!, extents[turn]!, signal)
      if (archived !== null) return archived
    }
    const idle = planSeal(this, read)
    if (idle !== null) return this.seal(read, idle)
    const alarms = turns.flatMap(({ alarm }) => (alarm === null ? [] : [alarm]))
    return alarms.length > 0 ? { did: 'stopped', alarms } : { did: 'idle' }
  }

  /** The register as it is, and the partitions as it says. Where it contradicts what was read, that is read again. */
  private async readRegister(): Promise<ReadSealRegister> {
    const { source, registers, rules } = this.options
    const read = await readSealRegister(registers, source, this.read)
    // Sealed by somebody else: what is held may have been cut otherwise.
    if (read.register.sealedThrough !== (this.read?.register.sealedThrough ?? null)) this.partitions.clear()
    if (read !== this.read) this.take(read)
    for (const { partition } of read.register.openings) {
      if (!this.partitions.has(partition)) this.partitions.set(partition, new PartitionArchive(read.register, partition, rules.epochOf))
    }
    return read
  }

  /** Goes on with a register that this archiver wrote or read; partitions that were read under another one are forgotten. */
  private take(read: ReadSealRegister): void {
    this.read = read
    this.sealedThrough = read.register.sealedThrough
    for (const [number, partition] of this.partitions) if (!partition.follow(read.register)) this.partitions.delete(number)
  }

  /** RULE seal: nothing is sealed before the manifest of the last seal is there for readers. */
  private async publish({ register: { lastSeal } }: ReadSealRegister): Promise<void> {
    if (lastSeal === null || lastSeal.through === this.published) return
    await ensureManifest(this.options.objects, lastSeal)
    this.published = lastSeal.through
  }

  /** RULE opening: partitions are opened before anything of them is archived. */
  private async open({ register }: ReadSealRegister): Promise<ArchiveStep | null> {
    const { source, log, registers, rules } = this.options
    this.partitionCount = await log.partitionCount(this.topic)
    const unopened = Array.from({ length: this.partitionCount }, (_, partition) => partition).filter((partition) => !isOpen(register, partition))
    if (unopened.length === 0) return null
    const starts: PartitionStart[] = []
    for (const partition of unopened) starts.push({ partition, offset: (await log.extent(this.topic, partition)).start })
    await openPartitions(registers, source, starts, rules.openingEpoch)
    return { did: 'opened', partitions: unopened }
  }

  private async seal(read: ReadSealRegister, through: number): Promise<ArchiveStep> {
    const sealed = await seal(this, read, through)
    if (sealed === null) return { did: 'overtaken' }
    for (const partition of this.partitions.values()) partition.drop(through)
    this.take(sealed)
    for (const { segments } of sealed.register.lastSeal!.partitions) for (const { sizeBytes } of segments) this.sealedSizeBytes += sizeBytes
    await this.publish(sealed)
    return { did: 'sealed', through }
  }

  /** A topic that was made anew may have fewer partitions. */
  private async extentOf(partition: number): Promise<LogExtent> {
    return partition < this.partitionCount ? this.options.log.extent(this.topic, partition) : { start: 0, end: 0, appendedEnd: 0 }
  }

  /** Archives what comes next of a partition; null: there is nothing, or it stands still. */
  private async archive(read: ReadSealRegister, partition: PartitionArchive, extent: LogExtent, signal?: AbortSignal): Promise<ArchiveStep | null> {
    const { log, rules } = this.options
    const { next } = partition.reader
    partition.end = rules.endOf(extent)
    if (next < extent.start || next > extent.end) return this.stand(partition, lostAlarm(next, extent))
    const { fetchCountMax: countMax, fetchSizeMaxBytes: sizeMaxBytes } = this.limits
    const batch = next === extent.end ? null : await log.fetch(this.topic, partition.partition, next, { countMax, sizeMaxBytes, waitMaxMs: 0 }, signal)
    const decode = await this.prepareDecoder(batch === null ? [] : [batch.records])
    // Compared after the fetch: what was fetched then follows what was read.
    if (await this.isReplaced(partition, batch !== null)) return this.stand(partition, replacedAlarm(next))
    if (batch === null) return this.goOn(partition)
    const { tracer = NO_TRACES, source } = this.options
    const span = beginOf(tracer, 'archive', batch.records, { attributes: { source: source.name, partition: partition.partition } })
    const { recordCount, refusal } = await inSpan(tracer, span, () => this.takeRecords(read, partition, batch.records, decode))
    if (refusal === null) {
      partition.reader.skipTo(batch.next)
      this.goOn(partition)
    }
    if (refusal === null || recordCount > 0) return { did: 'archived', partition: partition.partition, recordCount }
    return refusal === 'ahead' ? null : { did: 'overtaken' }
  }

  /** Takes records as far as they may be taken; one segment is written while those of the next are taken. */
  private async takeRecords(
    read: ReadSealRegister, partition: PartitionArchive, records: readonly LogRecord[], decode: DecodeLogRecord,
  ): Promise<{ readonly recordCount: number; readonly refusal: Refusal | null }> {
    let recordCount = 0
    try {
      for (const record of records) {
        const epoch = partition.reader.epochOf(record)
        const refusal = this.refusalOf(read, partition, record, epoch)
        if (refusal !== null) {
          await partition.written()
          if (refusal === 'ahead') this.standAhead(partition, record)
          else await this.giveEpoch(read, partition, record, epoch)
          return { recordCount, refusal }
        }
        if (partition.isDue(epoch, this.limits)) await partition.beginWriting()
        partition.take(record, decode, this.beginSegment)
        recordCount++
        this.takenCount++
      }
      return { recordCount, refusal: null }
    } finally {
      // A step leaves nothing behind that is still at work.
      await partition.written()
    }
  }

  /** Why a record may not be taken as it is; null: it may. */
  private refusalOf({ register }: ReadSealRegister, { reader, partition }: PartitionArchive, record: LogRecord, epoch: number): Refusal | null {
    const { source, clock, rules } = this.options
    if (rules.isAhead(reader.appendTimeMs(record), clock.nowMs(), source.skewMaxMs) && !reader.isAccepted(record)) return 'ahead'
    return isExpected(register, partition, record.offset, epoch) ? null : 'unexpected'
  }

  /** One that is stamped ahead of the clock stops the partition. */
  private standAhead(partition: PartitionArchive, record: LogRecord): void {
    const { skewMaxMs } = this.options.source
    const message = `It was appended at ${partition.reader.appendTimeMs(record)}, more than ${skewMaxMs} ms from now. Mend the broker's clock; to go on, declare an append time for this offset, and with it for what follows and is stamped ahead too.`
    this.stand(partition, { code: 'APPEND_TIME_AHEAD', message, offset: record.offset })
  }

  /** A record of an epoch that is sealed, or closing, without it is given its place in the register; the next step goes on from there. */
  private async giveEpoch(read: ReadSealRegister, { partition }: PartitionArchive, { offset }: LogRecord, epoch: number): Promise<void> {
    const { source, registers, onAlarm } = this.options
    const next = withUnexpected(read.register, partition, offset, epoch)
    const replaced = await replaceSealRegister(registers, read.revision, next)
    if (replaced === null || next.openings === read.register.openings) return
    const message = `It came for epoch ${epoch}, which is sealed: a broker's clock is behind by more than ${source.skewMaxMs} ms. It counts in the next epoch.`
    onAlarm({ code: 'SEAM_BROKEN', message, where: this.place(partition, offset) })
  }

  /** RULE reset: the archive's position is compared with the log. */
  private async isReplaced(partition: PartitionArchive, hasMore: boolean): Promise<boolean> {
    const { log, clock, rules } = this.options
    const nowMs = clock.nowMs()
    const isFirst = partition.comparedAtMs === null
    const isRecent = !isFirst && nowMs - partition.comparedAtMs! < this.limits.compareEveryMs && nowMs >= partition.comparedAtMs!
    // It is what it was found to be until it is compared again.
    if (isRecent && !hasMore) return partition.alarm?.code === 'LOG_REPLACED'
    partition.comparedAtMs = nowMs
    if (!rules.isCompared(isFirst)) return false
    for (const place of partition.places()) if (await isLogReplaced(log, this.topic, partition.partition, place, rules.isReplaced)) return true
    return false
  }

  /** RULE reset, once more: whether every partition is still the one that was read, just before its epochs are sealed. */
  async isAnyReplaced(): Promise<boolean> {
    for (const partition of this.partitions.values()) {
      if (!(await this.isReplaced(partition, true))) continue
      this.stand(partition, replacedAlarm(partition.reader.next))
      return true
    }
    return false
  }

  private stand(partition: PartitionArchive, { code, message, offset }: PartitionAlarm): null {
    const where = this.place(partition.partition, offset)
    if (partition.alarm?.code === code && partition.alarm.where === where) return null
    partition.alarm = { code, message, where }
    this.options.onAlarm(partition.alarm)
    return null
  }

  private goOn(partition: PartitionArchive): null {
    partition.alarm = null
    return null
  }

  private place(partition: number, offset: number): string {
    return `source ${this.options.source.name}, partition ${partition}, offset ${offset}`
  }
}

/** Stamped ahead of the clock; or of an epoch that is sealed, or closing, without it. */
type Refusal = 'ahead' | 'unexpected'

interface PartitionAlarm extends Pick<Alarm, 'code' | 'message'> {
  readonly offset: number
}

function lostAlarm(next: number, { start, end }: LogExtent): PartitionAlarm {
  if (next > end) return { code: 'LOG_REPLACED', message: `It ends at ${end}, before what was archived: the topic was made anew, or it was cut short.`, offset: next }
  return { code: 'LOG_OFFSET_GONE', message: `It starts at ${start}: retention removed records before they were archived. They are lost; lengthen the topic's retention.`, offset: next }
}

function replacedAlarm(next: number): PartitionAlarm {
  return { code: 'LOG_REPLACED', message: 'It has other records than were archived: the topic was made anew, or it was cut short.', offset: next }
}
