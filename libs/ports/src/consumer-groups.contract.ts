import { describe, expect, it } from '@jest/globals'
import type { ConsumerGroups, EventLog, Membership } from './event-log.ts'
import { code } from './testing/log-cases.ts'

export interface ConsumerGroupsHarness extends AsyncDisposable {
  readonly groups: ConsumerGroups
  /** Another client of the same groups. */
  readonly other: ConsumerGroups
  readonly log: EventLog
  readonly sessionTimeoutMs: number
  /** Sets the clock forward or back; or lets so much time pass, where the clock is the servers' own. */
  step(byMs: number): void | Promise<void>
  /** The clock is the servers', which nobody sets. */
  readonly hasServerClock?: boolean
  /** How long a change of the group may take to show with every member. Default: it shows at once. */
  readonly settleMaxMs?: number
}

/** What every ConsumerGroups promises. */
export function consumerGroupsContract(name: string, createHarness: () => Promise<ConsumerGroupsHarness>): void {
  describe(`ConsumerGroups: ${name}`, () => {
    it('gives a lone member every partition, of its topic alone', async () => {
      await using harness = await createHarness()
      const { groups, log } = harness
      await log.ensureTopic('t', 3)
      await log.ensureTopic('u', 1)
      await using member = await groups.join('g', 't', 'a')
      await using elsewhere = await groups.join('g', 'u', 'b')
      await using another = await groups.join('h', 't', 'c')
      await settled(harness, [member, elsewhere, another], (assigned) => expect(assigned).toEqual([[0, 1, 2], [0], [0, 1, 2]]))
      await expect(groups.join('g', 'nowhere', 'a')).rejects.toThrow(code('UNKNOWN_NAME'))
    })

    it('shares every partition among all members, evenly, and each to one', async () => {
      await using harness = await createHarness()
      const { groups, other, log } = harness
      await log.ensureTopic('t', 7)
      const members: Membership[] = []
      for (let count = 1; count <= 9; count++) {
        members.push(await (count % 2 ? groups : other).join('g', 't', `member ${count}`))
        await settled(harness, members, (assigned) => {
          expect(assigned.flat().sort()).toEqual([0, 1, 2, 3, 4, 5, 6])
          const sizes = assigned.map(({ length }) => length)
          expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1)
        })
      }
      for (const member of members) await member[Symbol.asyncDispose]()
    })

    it('finds partitions that were added', async () => {
      await using harness = await createHarness()
      const { groups, other, log } = harness
      await log.ensureTopic('t', 1)
      await using a = await groups.join('g', 't', 'a')
      await using b = await other.join('g', 't', 'b')
      await settled(harness, [a, b], (assigned) => expect(assigned.flat()).toEqual([0]))
      await log.ensureTopic('t', 4)
      await settled(harness, [a, b], (assigned) => expect(assigned.flat().sort()).toEqual([0, 1, 2, 3]))
    })

    it('hands over at once what a leaving member had', async () => {
      await using harness = await createHarness()
      const { groups, other, log } = harness
      await log.ensureTopic('t', 2)
      const a = await groups.join('g', 't', 'a')
      await using b = await other.join('g', 't', 'b')
      await settled(harness, [a, b], oneEach)
      await a[Symbol.asyncDispose]()
      await settled(harness, [b], (assigned) => expect(assigned).toEqual([[0, 1]]))
      expect(await a.assigned()).toEqual([])
      expect(await b.assigned()).toEqual([0, 1])
      await a[Symbol.asyncDispose]()
    })

    it('gives up a member that is silent for longer than the time-out, and takes it back', async () => {
      await using harness = await createHarness()
      const { groups, other, log, step, sessionTimeoutMs } = harness
      await log.ensureTopic('t', 2)
      await using silent = await groups.join('g', 't', 'silent')
      await using living = await other.join('g', 't', 'living')
      await settled(harness, [silent, living], oneEach)
      for (let sinceMs = 0; sinceMs < sessionTimeoutMs; sinceMs += sessionTimeoutMs / 10) {
        expect(await living.assigned()).toHaveLength(1)
        await step(sessionTimeoutMs / 10)
      }
      await step(1)
      await settled(harness, [living], (assigned) => expect(assigned).toEqual([[0, 1]]))
      await settled(harness, [silent, living], (assigned) => {
        expect(assigned.flat().sort()).toEqual([0, 1])
        oneEach(assigned)
      })
    })

    it('keeps who asks often enough, however long', async () => {
      await using harness = await createHarness()
      const { groups, other, log, step, sessionTimeoutMs } = harness
      await log.ensureTopic('t', 2)
      await using a = await groups.join('g', 't', 'a')
      await using b = await other.join('g', 't', 'b')
      await settled(harness, [a, b], oneEach)
      for (let i = 0; i < 30; i++) {
        await step(Math.floor(sessionTimeoutMs * 0.6))
        oneEach(await assignments([a, b]))
      }
    })

    it('does not keep a dead member alive because the clock was set back', async () => {
      await using harness = await createHarness()
      const { groups, other, log, step, sessionTimeoutMs, hasServerClock } = harness
      if (hasServerClock) return
      await log.ensureTopic('t', 2)
      await using dead = await groups.join('g', 't', 'dead')
      await step(-10 * sessionTimeoutMs)
      await using living = await other.join('g', 't', 'living')
      expect(await living.assigned()).toEqual([0, 1])
      await step(sessionTimeoutMs)
      expect(await living.assigned()).toEqual([0, 1])
      expect(await dead.assigned()).toHaveLength(1)
    })

    it('lets a member that comes again under its name take its own place', async () => {
      await using harness = await createHarness()
      const { groups, other, log } = harness
      await log.ensureTopic('t', 3)
      const before = await groups.join('g', 't', 'a')
      await using after = await other.join('g', 't', 'a')
      await settled(harness, [after, before], (assigned) => expect(assigned).toEqual([[0, 1, 2], []]))
      await before[Symbol.asyncDispose]()
      expect(await after.assigned()).toEqual([0, 1, 2])
    })
  })
}

type Assignments = readonly (readonly number[])[]

function oneEach(assigned: Assignments): void {
  expect(assigned.map(({ length }) => length)).toEqual(assigned.map(() => 1))
}

async function assignments(members: readonly Membership[]): Promise<Assignments> {
  const all: (readonly number[])[] = []
  for (const member of members) all.push(await member.assigned())
  return all
}

const SETTLE_STEP_MS = 20

/** Asks the members again and again, until what they say holds, or a change should long have shown. */
async function settled({ step, settleMaxMs = 0 }: ConsumerGroupsHarness, members: readonly Membership[], check: (assigned: Assignments) => void): Promise<void> {
  for (let waitedMs = 0; waitedMs < settleMaxMs; waitedMs += SETTLE_STEP_MS) {
    try {
      return check(await assignments(members))
    } catch {
      await step(SETTLE_STEP_MS)
    }
  }
  check(await assignments(members))
}
