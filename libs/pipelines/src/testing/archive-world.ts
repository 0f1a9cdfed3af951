// One source, its log and its stores under a clock that a test moves, and archivers on them: for schedules that are written down.

import type { Alarm } from '../alarm.ts'
import { createArchiver, type Archiver, type ArchiverOptions } from '../archive/archiver.ts'
import { readManifests } from '../archive/manifest-store.ts'
import { readSealRegister } from '../log/change-seal-register.ts'
import type { SealRegister } from '../log/seal-register.ts'
import { ticks } from './archive-history.ts'
import { createPlainObjects, createPlainRegisters, plainFormat, type PlainObjects } from './plain-stores.ts'
import { createScriptedLog, type ScriptedLog } from './scripted-log.ts'

const STEPS_MAX = 100

export class ArchiveWorld {
  readonly log: ScriptedLog
  readonly registers = createPlainRegisters()
  readonly objects: PlainObjects = createPlainObjects()
  readonly alarms: Alarm[] = []
  nowMs: number

  readonly clock = { nowMs: (): number => this.nowMs, steadyMs: (): number => this.nowMs }

  /** There are no views. */
  readonly speedViews = { read: () => [], write: () => Promise.resolve(false) }
  readonly readViews = (): Promise<[]> => Promise.resolve([])

  constructor(partitionCount: number, nowMs: number) {
    this.log = createScriptedLog(partitionCount)
    this.nowMs = nowMs
  }

  archiver(options: Partial<ArchiverOptions> = {}): Archiver {
    const { log, registers, objects, clock } = this
    return createArchiver({
      source: ticks, log, registers, objects, format: plainFormat, clock, onAlarm: (alarm) => void this.alarms.push(alarm), ...options,
    })
  }

  /** Appends records of the partition at those times, now. */
  append(partition: number, ...timesMs: readonly number[]): void {
    for (const timeMs of timesMs) this.log.write(partition, timeMs, `{"at":${timeMs}}`)
  }

  /** Steps until there is nothing to do. What the last step did. */
  async settle(archiver: Archiver, nowMs = this.nowMs): Promise<'idle' | 'stopped' | 'restless'> {
    this.nowMs = nowMs
    for (let i = 0; i < STEPS_MAX; i++) {
      const { did } = await archiver.step()
      if (did === 'idle' || did === 'stopped') return did
    }
    return 'restless'
  }

  async register(): Promise<SealRegister> {
    return (await readSealRegister(this.registers, ticks)).register
  }

  codes(): string[] {
    return this.alarms.map(({ code }) => code)
  }

  /** Of each sealed record, `partition offset` -> epoch. */
  async archived(): Promise<Record<string, number>> {
    const { sealedThrough } = await this.register()
    const manifests = sealedThrough === null ? [] : await readManifests(this.objects, this.registers, ticks, null, sealedThrough)
    const found: Record<string, number> = {}
    for (const { partition, segments } of manifests.flatMap(({ partitions }) => partitions)) for (const { key, epoch } of segments) {
      for (const { record } of await plainFormat.read(this.objects.objects.get(key)!.bytes, ticks, key)) found[`${partition} ${record.offset}`] = epoch
    }
    return found
  }
}
