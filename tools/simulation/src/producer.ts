// The producers and the brokers of a history: events that are late, malformed, without a key, at the same time as others; markers that nobody
// sees; transactions that take long; append times that step back, break the declared skew, or are mad; and logs that lose their ends.

import { decodeFence } from '@tidemark/pipelines/log/fence'
import { readSealRegister } from '@tidemark/pipelines/log/change-seal-register'
import { viewId } from '@tidemark/pipelines/names'
import { BUCKET_COUNT, USERS } from './definitions.ts'
import type { History } from './history.ts'
import type { Sent } from './world.ts'

/** A broker's clock is behind by less than this, unless it breaks the declared skew: with a machine's own step it stays within it. */
const BEHIND_MAX_MS = 15_000
const MAD_MS = 20 * 365 * 86_400_000

export interface MadRecord {
  readonly partition: number
  readonly offset: number
}

export class Producer {
  /** A broker's clock was behind by more than is declared. */
  hasBrokenSkew = false
  /** Records that somebody may have read are gone from the log. */
  hasBrokenLog = false
  /** A record was stamped far ahead. */
  hasMadTime = false
  /** Stamped far ahead, and not yet declared otherwise. */
  madRecords: MadRecord[] = []
  private readonly history: History
  private readonly behindMs: number[] = []
  private sentCount = 0

  constructor(history: History) {
    this.history = history
  }

  async produce(): Promise<void> {
    const { random, world, plot } = this.history
    const partition = random.below(world.records.length)
    if (random.chance(0.12)) return world.appendMarker(partition)
    if (random.chance(0.02)) this.behindMs[partition] = random.between(-5_000, BEHIND_MAX_MS)
    for (let i = random.pick([1, 1, 1, 2, 5]); i > 0; i--) {
      if (random.chance(plot.madShare)) for (let run = random.pick([1, 1, 3]); run > 0; run--) await this.appendMad(partition)
      else await world.append(partition, this.draw(), this.drawBehind(partition))
    }
  }

  /** A transaction begins, or is decided. */
  transact(): void {
    const { transactionRandom, world, scheduler } = this.history
    const partition = transactionRandom.below(world.records.length)
    const isHeld = world.isHeld(partition)
    scheduler.note('log', `${isHeld ? 'decides' : 'has'} a transaction in partition ${partition}`)
    if (isHeld) world.release(partition)
    else world.hold(partition)
  }

  decideTransactions(): void {
    const { world } = this.history
    for (const partition of world.records.keys()) if (world.isHeld(partition)) world.release(partition)
  }

  /** A partition that is new is on a broker whose clock is slow. */
  slowDown(partition: number): void {
    this.behindMs[partition] = BEHIND_MAX_MS - 1_000
  }

  /** Once: a partition loses its end, with records that somebody has read, or the topic is made anew. */
  async breakLog(): Promise<void> {
    const { random, world, scheduler } = this.history
    if (this.hasBrokenLog) return
    const partition = random.below(world.records.length)
    const end = await this.drawEnd(partition)
    if (end === null) return
    this.hasBrokenLog = true
    const lengths = world.records.map((records) => records.length)
    if (random.chance(0.2)) {
      scheduler.note('log', 'is made anew')
      world.makeTopicAnew()
      for (const [at, lost] of lengths.entries()) await this.growAgain(at, lost)
      return
    }
    scheduler.note('log', `is cut at ${end} of partition ${partition}`)
    world.truncate(partition, end)
    this.madRecords = this.madRecords.filter((one) => one.partition !== partition || one.offset < end)
    await this.growAgain(partition, lengths[partition]! - end)
  }

  /** Where a log is cut: below what a view has of it, or right at the record that proved the last seal; null: nobody has read any of it. */
  private async drawEnd(partition: number): Promise<number | null> {
    const { random, world } = this.history
    const { register } = await readSealRegister(world.registers, world.source)
    const proof = register.lastSeal?.partitions.find((sealed) => sealed.partition === partition)?.proof ?? null
    if (proof !== null && random.chance(0.3)) return Math.min(proof.offset, world.records[partition]!.length)
    const buckets = Array.from({ length: BUCKET_COUNT }, (_, bucket) => ({ view: viewId(world.plans[0]!.view), bucket, entities: [], partitions: [partition] }))
    const read = (await world.speedViews.read(buckets)).map(({ fences }) => (fences[0] instanceof Uint8Array ? decodeFence(fences[0], 'fence').next : 0))
    const known = Math.min(Math.max(...read), world.records[partition]!.length)
    return known === 0 ? null : Math.max(0, known - random.pick([1, 1, 2, random.between(1, known)]))
  }

  /** What is lost is often replaced before anybody looks. */
  private async growAgain(partition: number, lostCount: number): Promise<void> {
    const { random, world } = this.history
    if (random.chance(0.25)) return
    for (let i = lostCount + random.below(3); i > 0; i--) await world.append(partition, this.draw(), this.drawBehind(partition))
  }

  private drawBehind(partition: number): number {
    const { random, plot } = this.history
    if (random.chance(plot.skewShare)) {
      this.hasBrokenSkew = true
      return 30_000 + random.below(2 * plot.epochLengthMs)
    }
    return random.chance(0.1) ? random.below(BEHIND_MAX_MS) : (this.behindMs[partition] ??= random.below(BEHIND_MAX_MS))
  }

  private async appendMad(partition: number): Promise<void> {
    const { world } = this.history
    this.hasMadTime = true
    this.madRecords.push({ partition, offset: world.records[partition]!.length })
    await world.append(partition, this.draw(), -MAD_MS)
  }

  private draw(): Sent {
    const { random, world } = this.history
    const n = ++this.sentCount
    if (random.chance(0.04)) return { malformed: random.pick([`{"user": ${n}`, `not JSON ${n}`, JSON.stringify({ user: 'ada', at: world.nowMs, amount: `${n} apples` })]) }
    const lateMs = random.pick([0, 0, 0, random.below(60_000), random.below(5_400_000), random.below(40 * 3_600_000), -random.below(100_000)])
    // Whole minutes often: events at the same time are ordered by their places.
    const at = random.chance(0.5) ? Math.floor((world.nowMs - lateMs) / 60_000) * 60_000 : world.nowMs - lateMs
    const user = random.chance(0.04) ? null : USERS[Math.min(random.below(USERS.length), random.below(USERS.length))]!
    return { user, at, amount: random.chance(0.05) ? null : random.between(-3, 40), tag: random.chance(0.05) ? null : `t${n}` }
  }
}
