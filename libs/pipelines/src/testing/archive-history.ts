// Histories of one source: producers whose brokers' clocks step back, partitions that are added late, two archivers of which one may be
// a zombie, and processors that only say which epoch each record has for them. Every port call is a turn of its own. At the end all
// that was said is compared with a recomputation from the log and the register.

import { seededRandom, type Random } from '@tidemark/aggregation/testing/random'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import type { Alarm } from '../alarm.ts'
import { createArchiver, type ArchiveStep } from '../archive/archiver.ts'
import { ARCHIVE_RULES, type ArchiveRules } from '../archive/archive-rules.ts'
import { readManifests } from '../archive/manifest-store.ts'
import { openPartitions, readSealRegister, replaceSealRegister } from '../log/change-seal-register.ts'
import { isExpected, isOpen, withUnexpected, type SealRegister } from '../log/seal-register.ts'
import { PartitionReader } from '../log/partition-position.ts'
import { positionAfter } from '../archive/position-after.ts'
import { createPlainObjects, createPlainRegisters, plainFormat } from './plain-stores.ts'
import { createScriptedLog, type ScriptedLog } from './scripted-log.ts'
import { Turns } from './turns.ts'

export const EPOCH_MS = 1_000
export const SKEW_MS = 200

export const ticks: SourceDefinition = {
  kind: 'event', name: 'ticks', version: 1, eventTime: 'at', epochLengthMs: EPOCH_MS, skewMaxMs: SKEW_MS, delayMs: 0,
  fields: [{ name: 'at', type: 'timestamp', nullable: false }, { name: 'n', type: 'int64', nullable: true }],
}

export interface HistoryOptions {
  readonly seed: number
  readonly rules?: ArchiveRules
  /** Whether brokers' clocks may be behind by more than the declared skew. */
  readonly isSkewBroken: boolean
}

const STEPS = 250
const PARTITIONS_MAX = 4
const CALM_STEPS = 4_000
/** Far behind every epoch of a history. */
const OLD_MS = 5 * EPOCH_MS

/** What is wrong at the end of a history, or null. */
export async function runHistory(options: HistoryOptions): Promise<string | null> {
  const history = new History(options)
  return (await history.run()) ?? (await history.judge())
}

interface Actor {
  readonly turns: Turns
  step(): Promise<unknown>
}

class History {
  private readonly random: Random
  private readonly options: HistoryOptions
  private readonly log: ScriptedLog
  private readonly registers = createPlainRegisters()
  private readonly objects = createPlainObjects()
  private readonly alarms: Alarm[] = []
  /** Partition and offset -> the epoch that a processor has folded it under. */
  private readonly folded = new Map<string, number>()
  private readonly behindMs: number[] = []
  private wrong: string | null = null
  private nowMs = 20 * EPOCH_MS

  constructor(options: HistoryOptions) {
    this.options = options
    this.random = seededRandom(options.seed)
    this.log = createScriptedLog(2)
    this.behindMs.push(this.clockBehind(), this.clockBehind())
  }

  async run(): Promise<string | null> {
    const { random } = this
    const archivers = [this.newArchiver(), this.newArchiver()]
    const processors = [this.newProcessor(), this.newProcessor()]
    const rest = random.pick([0.02, 0.1])
    for (let i = 0; i < STEPS && this.wrong === null; i++) {
      if (random.chance(0.35)) this.produce()
      if (random.chance(rest)) this.nowMs += random.below(2 * EPOCH_MS + SKEW_MS)
      if (random.chance(0.02) && this.log.partitions.length < PARTITIONS_MAX) this.addPartition()
      const actors = random.chance(0.5) ? archivers : processors
      const index = random.below(actors.length)
      // Killed at any port call; or left there, to go on as a zombie much later.
      if (random.chance(0.01)) actors[index] = actors === archivers ? this.newArchiver() : this.newProcessor()
      for (let turn = random.below(12); turn >= 0; turn--) await actors[index]!.turns.advance(() => actors[index]!.step())
    }
    return this.wrong ?? this.calm(archivers, processors)
  }

  /** Nothing comes any more: everything is archived, sealed and folded after a while. */
  private async calm(archivers: readonly Actor[], processors: readonly Actor[]): Promise<string | null> {
    for (const { turns } of [...archivers, ...processors]) await turns.finish()
    this.nowMs += 3 * EPOCH_MS + SKEW_MS
    const archiver = this.newArchiver()
    const processor = this.newProcessor()
    let did: ArchiveStep['did'] | null = null
    for (let i = 0; i < CALM_STEPS && did !== 'idle' && did !== 'stopped'; i++) {
      await archiver.turns.advance(async () => {
        did = ((await archiver.step()) as ArchiveStep).did
      })
      await archiver.turns.finish()
    }
    for (let i = 0; i < 100; i++) {
      await processor.turns.advance(() => processor.step())
      await processor.turns.finish()
    }
    return did === 'idle' ? this.wrong : `not idle at the end, but ${did}: ${JSON.stringify(this.alarms)}`
  }

  private clockBehind(): number {
    return this.options.isSkewBroken && this.random.chance(0.4) ? this.random.below(4 * EPOCH_MS) : this.random.below(SKEW_MS)
  }

  private produce(): void {
    const { random, log } = this
    this.nowMs += random.below(60)
    const partition = random.pick([0, random.below(log.partitions.length)])
    const behindMs = random.chance(0.2) ? this.clockBehind() : this.behindMs[partition]!
    log.write(partition, this.nowMs - behindMs, random.chance(0.1) ? null : random.chance(0.1) ? 'nonsense' : `{"at":${this.nowMs},"n":${random.below(9)}}`)
  }

  /** A partition whose broker's clock was far behind while it took its first records, before anybody opened it. */
  private addPartition(): void {
    const partition = this.log.partitions.length
    this.log.addPartition()
    this.behindMs.push(this.clockBehind())
    for (let i = this.random.below(3); i > 0; i--) this.log.write(partition, this.nowMs - this.random.below(OLD_MS), '{"at":1}')
  }

  private newArchiver(): Actor {
    const turns = new Turns()
    const archiver = createArchiver({
      source: ticks, log: turns.gated(this.log), registers: turns.gated(this.registers), objects: turns.gated(this.objects), format: plainFormat,
      clock: { nowMs: () => this.nowMs, steadyMs: () => this.nowMs }, onAlarm: (alarm) => void this.alarms.push(alarm), rules: this.options.rules ?? ARCHIVE_RULES,
      limits: { fetchCountMax: this.random.between(1, 6), segmentCountMax: 3, sealSegmentsMax: 6, compareEveryMs: 50 },
    })
    return { turns, step: () => archiver.step() }
  }

  /** Reads from the start or from a seal's end, and folds some turns after it has asked the register. */
  private newProcessor(): Actor {
    const turns = new Turns()
    const [log, registers, objects] = [turns.gated(this.log), turns.gated(this.registers), turns.gated(this.objects)]
    const readers = new Map<number, PartitionReader>()
    const startsAtSeal = this.random.chance(0.5)
    const step = async (): Promise<void> => {
      const partition = this.random.below(await log.partitionCount('ticks'))
      let read = await readSealRegister(registers, ticks)
      if (!isOpen(read.register, partition)) read = await openPartitions(registers, ticks, [{ partition, offset: (await log.extent('ticks', partition)).start }], (this.options.rules ?? ARCHIVE_RULES).openingEpoch)
      let reader = readers.get(partition)
      if (reader === undefined) {
        const cut = startsAtSeal ? read.register.sealedThrough : null
        const manifest = cut === null ? null : (await readManifests(objects, registers, ticks, read.register.lastSeal!.after, cut))[0]!
        reader = new PartitionReader(partition, positionAfter(manifest, read.register, partition), read.register)
        readers.set(partition, reader)
      }
      const { next, records } = await log.fetch('ticks', partition, reader.next, { countMax: 4, sizeMaxBytes: 1, waitMaxMs: 0 })
      read = await readSealRegister(registers, ticks, read)
      reader.follow(read.register)
      for (const record of records) {
        for (let epoch = reader.epochOf(record); !isExpected(read.register, partition, record.offset, epoch); epoch = reader.epochOf(record)) {
          const replaced = await replaceSealRegister(registers, read.revision, withUnexpected(read.register, partition, record.offset, epoch))
          read = replaced ?? (await readSealRegister(registers, ticks, read))
          reader.follow(read.register)
        }
        reader.take(record)
        this.fold(`${partition} ${record.offset}`, reader.epoch)
      }
      reader.skipTo(next)
    }
    return { turns, step }
  }

  private fold(place: string, epoch: number): void {
    const before = this.folded.get(place)
    if (before !== undefined && before !== epoch) this.wrong = `${place} was folded under ${before} and ${epoch}`
    this.folded.set(place, epoch)
  }

  /** RULE epoch, by brute force: the running maximum of append time, from the openings that the register has. */
  private epochsOf(register: SealRegister, partition: number): Map<number, number> {
    const epochs = new Map<number, number>()
    let running = -Infinity
    for (const [offset, record] of this.log.partitions[partition]!.entries()) {
      for (const opening of register.openings) if (opening.partition === partition && opening.offset <= offset) running = Math.max(running, opening.epoch ?? -Infinity)
      if (record === null) continue
      running = Math.max(running, Math.floor(record.appendTimeMs / EPOCH_MS))
      epochs.set(offset, running)
    }
    return epochs
  }

  async judge(): Promise<string | null> {
    const { register } = await readSealRegister(this.registers, ticks)
    const { sealedThrough: through } = register
    if (!this.options.isSkewBroken && (this.alarms.length > 0 || register.openings.some(({ reason }) => reason === 'skew'))) return `skew broken: ${JSON.stringify(this.alarms)}`
    const manifests = through === null ? [] : await readManifests(this.objects, this.registers, ticks, null, through)
    const archived = new Map<string, number>()
    for (const { partitions, after, through: to } of manifests) for (const { partition, segments } of partitions) for (const segment of segments) {
      if (segment.epoch <= (after ?? -Infinity) || segment.epoch > to) return `${segment.key} is in the seal (${after}, ${to}]`
      const records = await plainFormat.read(this.objects.objects.get(segment.key)!.bytes, ticks, segment.key)
      if (records.length !== segment.rowCount) return `${segment.key} has ${records.length} records`
      for (const { record, row } of records) {
        const original = this.log.partitions[partition]![record.offset]
        if (original === undefined || original === null || Buffer.compare(original.value!, record.value!) !== 0) return `${segment.key} has other bytes at ${record.offset}`
        if ((row === null) !== (Buffer.from(record.value!).toString() === 'nonsense')) return `${segment.key} decodes ${record.offset} otherwise`
        if (archived.has(`${partition} ${record.offset}`)) return `${partition} ${record.offset} is archived twice`
        archived.set(`${partition} ${record.offset}`, segment.epoch)
      }
    }
    return this.compare(register, archived)
  }

  private compare(register: SealRegister, archived: ReadonlyMap<string, number>): string | null {
    for (const partition of this.log.partitions.keys()) for (const [offset, epoch] of this.epochsOf(register, partition)) {
      const place = `${partition} ${offset}`
      if (archived.get(place) !== epoch) return `${place} is in epoch ${epoch}, archived in ${archived.get(place)}, sealed through ${register.sealedThrough}`
      if (this.folded.has(place) && this.folded.get(place) !== epoch) return `${place} is in epoch ${epoch}, folded in ${this.folded.get(place)}`
    }
    return null
  }
}
