// The members of the processors' group: which partitions each believes to be its own. Nothing keeps two from believing in the same one, for as
// long as it is drawn; there is always somebody for each.

import type { Actor } from '@tidemark/conformance/scheduler'
import type { History } from './history.ts'

interface Member {
  readonly actor: Actor
  partitions: readonly number[]
}

const MEMBERS_MAX = 3

export class Members {
  private readonly history: History
  private members: Member[] = []

  constructor(history: History) {
    this.history = history
  }

  /** A new member with these partitions. */
  async join(partitions: readonly number[]): Promise<void> {
    const own: { partitions: readonly number[] } = { partitions }
    const member = (): Member => this.members.find(({ actor }) => actor === started)!
    let started: Actor | null = null
    started = await this.history.startProcessor(() => (started === null ? own.partitions : (this.members.includes(member()) ? member().partitions : [])))
    this.members.push({ actor: started, partitions })
  }

  /** A partition that is new goes to somebody. */
  assign(partition: number): void {
    const member = this.history.random.pick(this.living())
    member.partitions = [...member.partitions, partition]
  }

  /** Somebody else does the work of a member, who may not know it yet. */
  async replace(actor: Actor): Promise<void> {
    const found = this.members.find((member) => member.actor === actor)
    if (found === undefined) return
    const { partitions } = found
    if (actor.fate !== 'alive' || this.history.random.chance(0.5)) this.members.splice(this.members.indexOf(found), 1)
    await this.join(partitions)
  }

  /** Some partitions go to a new member, or a member leaves; the old owners may go on with them for a while. */
  async rebalance(): Promise<void> {
    const { random, world, scheduler } = this.history
    const living = this.living()
    if (living.length >= MEMBERS_MAX) {
      const leaver = random.pick(living)
      this.members = living.filter((member) => member !== leaver)
      scheduler.note(leaver.actor.name, 'leaves')
      if (random.chance(0.5)) leaver.actor.kill()
      else this.members.push({ ...leaver, partitions: [] })
      for (const partition of this.unowned()) this.assign(partition)
      world.changeCount++
      return
    }
    const taken = random.some([...world.records.keys()], 0.6)
    if (random.chance(0.6)) for (const member of living) member.partitions = member.partitions.filter((partition) => !taken.includes(partition))
    scheduler.note('group', `gives ${taken.join(', ')} to a new member`)
    await this.join(taken)
    world.changeCount++
  }

  /** At the end there is somebody for each partition. */
  async settle(): Promise<void> {
    const { random } = this.history
    if (random.chance(0.5)) {
      for (const { actor } of this.members) actor.kill()
      this.members = []
    }
    const unowned = this.unowned()
    if (unowned.length > 0) await this.join(unowned)
  }

  private living(): Member[] {
    return (this.members = this.members.filter(({ actor }) => actor.fate === 'alive'))
  }

  private unowned(): number[] {
    const owned = new Set(this.living().flatMap(({ partitions }) => partitions))
    return [...this.history.world.records.keys()].filter((partition) => !owned.has(partition))
  }
}
