// Deliberate bugs of the archiver, each one broken rule with a schedule that shows it: what is wrong, or null.

import type { ArchiveRules } from '../archive/archive-rules.ts'
import { changeSealRegister, openPartitions, readSealRegister } from '../log/change-seal-register.ts'
import { decodeSealRegister, isExpected, withUnexpected } from '../log/seal-register.ts'
import { ticks } from './archive-history.ts'
import { ArchiveWorld } from './archive-world.ts'

export interface ArchiveBug {
  readonly name: string
  readonly rule: Partial<ArchiveRules>
  readonly schedule: (rules: ArchiveRules) => Promise<string | null>
}

export const ARCHIVE_BUGS: readonly ArchiveBug[] = [
  { name: 'barrier-early', rule: { marginEpoch: (nowMs, lengthMs) => Math.ceil(nowMs / lengthMs) - 2 }, schedule: recordWithinTheMargin },
  { name: 'closing-not-written', rule: { withClosing: (register) => register }, schedule: recordBeforeTheSeal },
  { name: 'undecided-not-waited-for', rule: { endOf: ({ end }) => end }, schedule: recordInTransaction },
  { name: 'partitions-listed-early', rule: { isSealable: (planned, current) => planned.register.sealedThrough === current.register.sealedThrough }, schedule: partitionBeforeTheSeal },
  { name: 'no-opening-epoch', rule: { openingEpoch: () => null }, schedule: latePartition },
  { name: 'epoch-not-running-max', rule: { epochOf: (_, appendTimeMs, lengthMs) => Math.floor(appendTimeMs / lengthMs) }, schedule: clockStepsBack },
  { name: 'proof-not-kept', rule: { proofOf: () => null }, schedule: proofIsLost },
  { name: 'reset-unnoticed', rule: { isReplaced: () => false }, schedule: topicMadeAnew },
  { name: 'reset-checked-once', rule: { isCompared: (isFirst) => isFirst }, schedule: topicMadeAnewMeanwhile },
  { name: 'ahead-unnoticed', rule: { isAhead: () => false }, schedule: madStamp },
]

/** A broker's clock is as far behind as is allowed. */
async function recordWithinTheMargin(rules: ArchiveRules): Promise<string | null> {
  const world = new ArchiveWorld(2, 11_150)
  const archiver = world.archiver({ rules })
  world.append(0, 10_500, 11_100)
  await world.settle(archiver)
  world.append(1, 10_950)
  await world.settle(archiver, 11_201)
  return archivedIn(world, { '0 0': 10, '1 0': 10 })
}

/** A record comes once the ends were read, and a processor folds it before the seal is written. */
async function recordBeforeTheSeal(rules: ArchiveRules): Promise<string | null> {
  const world = new ArchiveWorld(2, 11_500)
  let folded: number | null = null
  const foldLateRecord = async (): Promise<void> => {
    world.append(1, 10_900)
    folded = await epochForProcessor(world, 1, 0, 10)
  }
  const archiver = world.archiver({ rules, registers: beforeSeal(world, foldLateRecord) })
  world.append(0, 10_500, 11_400)
  await world.settle(archiver)
  const archived = (await world.archived())['1 0']
  return folded !== null && archived === folded ? null : `1 0 is archived in ${archived}, folded in ${folded}`
}

/** A record is appended in a transaction that is decided only long after its epoch's end. */
async function recordInTransaction(rules: ArchiveRules): Promise<string | null> {
  const world = new ArchiveWorld(2, 11_500)
  const archiver = world.archiver({ rules })
  world.append(0, 10_500, 11_100)
  world.log.hold(1, true)
  world.append(1, 10_900)
  await world.settle(archiver)
  await world.settle(archiver, 14_500)
  world.log.hold(1, false)
  await world.settle(archiver)
  return archivedIn(world, { '0 0': 10, '0 1': 11, '1 0': 10 })
}

/** A partition is opened, and a record of it folded, between the plan of a seal and the seal. */
async function partitionBeforeTheSeal(rules: ArchiveRules): Promise<string | null> {
  const world = new ArchiveWorld(1, 11_500)
  let folded: number | null = null
  const { create } = world.objects
  world.objects.create = async (key, bytes) => {
    if (folded === null) {
      world.log.addPartition()
      world.append(1, 10_900)
      await openPartitions(world.registers, ticks, [{ partition: 1, offset: 0 }])
      folded = await epochForProcessor(world, 1, 0, 10)
    }
    return create(key, bytes)
  }
  world.append(0, 10_500)
  const archiver = world.archiver({ rules })
  await world.settle(archiver)
  await world.settle(archiver, 14_000)
  const archived = (await world.archived())['1 0']
  return folded !== null && archived === folded ? null : `1 0 is archived in ${archived}, folded in ${folded}`
}

/** A partition is added on a broker whose clock was far behind while it took its first records. */
async function latePartition(rules: ArchiveRules): Promise<string | null> {
  const world = new ArchiveWorld(1, 11_500)
  const archiver = world.archiver({ rules })
  world.append(0, 10_500)
  await world.settle(archiver)
  world.log.addPartition()
  world.append(1, 3_000)
  await world.settle(archiver)
  await world.settle(archiver, 12_500)
  return archivedIn(world, { '0 0': 10, '1 0': 11 })
}

async function clockStepsBack(rules: ArchiveRules): Promise<string | null> {
  const world = new ArchiveWorld(1, 11_500)
  world.append(0, 10_500, 11_050, 10_950)
  const archiver = world.archiver({ rules })
  await world.settle(archiver)
  await world.settle(archiver, 12_500)
  return archivedIn(world, { '0 0': 10, '0 1': 11, '0 2': 11 })
}

/** The log loses just the record that proved a seal, and an older one takes its place. */
async function proofIsLost(rules: ArchiveRules): Promise<string | null> {
  const world = new ArchiveWorld(1, 11_150)
  world.append(0, 10_500, 11_100)
  await world.settle(world.archiver({ rules }))
  world.log.cut(0, 1)
  world.append(0, 11_140)
  return stoppedAs(world, await world.settle(world.archiver({ rules })))
}

async function topicMadeAnew(rules: ArchiveRules): Promise<string | null> {
  const world = new ArchiveWorld(1, 11_500)
  world.append(0, 10_500)
  await world.settle(world.archiver({ rules }))
  world.log.cut(0, 0)
  world.append(0, 11_300, 11_400)
  return stoppedAs(world, await world.settle(world.archiver({ rules })))
}

/** The same, under an archiver that has been at work. */
async function topicMadeAnewMeanwhile(rules: ArchiveRules): Promise<string | null> {
  const world = new ArchiveWorld(1, 11_500)
  const archiver = world.archiver({ rules })
  world.append(0, 10_500)
  await world.settle(archiver)
  world.log.cut(0, 0)
  world.append(0, 11_300, 11_400)
  return stoppedAs(world, await world.settle(archiver, 14_000))
}

async function madStamp(rules: ArchiveRules): Promise<string | null> {
  const world = new ArchiveWorld(1, 11_500)
  world.append(0, 10_500, 99_000, 11_400)
  const did = await world.settle(world.archiver({ rules }), 13_000)
  return did === 'stopped' && world.codes().join() === 'APPEND_TIME_AHEAD' ? null : `it went on: ${did}, ${world.codes().join()}`
}

async function archivedIn(world: ArchiveWorld, epochs: Readonly<Record<string, number>>): Promise<string | null> {
  const archived = await world.archived()
  if (world.alarms.length > 0) return `alarms: ${JSON.stringify(world.alarms)}`
  return JSON.stringify(archived) === JSON.stringify(epochs) ? null : `archived: ${JSON.stringify(archived)}`
}

function stoppedAs(world: ArchiveWorld, did: string): string | null {
  return did === 'stopped' && world.codes().join() === 'LOG_REPLACED' ? null : `it went on: ${did}, ${world.codes().join()}`
}

/** What a processor makes of a record whose own epoch is `epoch`: it asks the register, and changes it where it must. */
async function epochForProcessor(world: ArchiveWorld, partition: number, offset: number, epoch: number): Promise<number> {
  const { register } = await readSealRegister(world.registers, ticks)
  if (isExpected(register, partition, offset, epoch)) return epoch
  const changed = await changeSealRegister(world.registers, ticks, (current) => withUnexpected(current, partition, offset, epoch))
  return changed.register.openings.reduce((newest, opening) => (opening.partition === partition ? Math.max(newest, opening.epoch ?? epoch) : newest), epoch)
}

/** The registers, where something happens once before a seal is written. */
function beforeSeal({ registers }: ArchiveWorld, happen: () => Promise<void>): ArchiveWorld['registers'] {
  let isDone = false
  return {
    ...registers,
    async compareAndSet(name, expected, bytes) {
      if (!isDone && decodeSealRegister(bytes, name).sealedThrough !== null) {
        isDone = true
        await happen()
      }
      return registers.compareAndSet(name, expected, bytes)
    },
  }
}
