// Law 4: who may declare an append time, when. Nothing is declared that is itself ahead of now, nor in place of a stamp that a reader may take meanwhile.

import { describe, expect, it } from '@jest/globals'
import type { RegisterStore } from '@tidemark/ports/register-store'
import { SKEW_MS, ticks } from '../testing/archive-history.ts'
import { ArchiveWorld } from '../testing/archive-world.ts'
import { changeSealRegister, openPartitions } from './change-seal-register.ts'
import { declareAppendTime, type DeclarePorts } from './declare-append-time.ts'
import { withoutAnnouncement } from './seal-register.ts'

const NOW_MS = 11_500

async function worldWithStamp(...stampedMs: number[]): Promise<ArchiveWorld> {
  const world = new ArchiveWorld(1, NOW_MS)
  await openPartitions(world.registers, ticks, [{ partition: 0, offset: 0 }])
  world.append(0, ...stampedMs)
  return world
}

function portsOf({ log, clock, speedViews, readViews }: ArchiveWorld, registers: RegisterStore): DeclarePorts {
  return { registers, log, clock, speedViews, readViews }
}

/** The code and what it says, or the overrides that there are afterwards. */
async function declared(world: ArchiveWorld, appendTimeMs: number | 'stamped', offset = 0): Promise<unknown> {
  try {
    await declareAppendTime(world, ticks, { partition: 0, offset, appendTimeMs })
  } catch (error) {
    const { code, problems } = error as { code: string; problems: { message: string }[] }
    return `${code}: ${problems[0]!.message}`
  }
  return (await world.register()).overrides
}

describe('law 4: a declared append time', () => {
  it('is at most ahead of now by what is believed of a stamp', async () => {
    const world = await worldWithStamp(99_000)
    expect(await declared(world, NOW_MS + SKEW_MS + 1)).toMatch('USAGE: The declared time is itself later than now.')
    expect((await world.register()).overrides).toEqual([])
    expect(await declared(world, NOW_MS + SKEW_MS)).toEqual([{ partition: 0, offset: 0, through: 0, appendTimeMs: NOW_MS + SKEW_MS }])
  })

  it('stands in for a stamp that no reader takes, however far its clock may be from this one', async () => {
    const soon = await worldWithStamp(NOW_MS + 2 * SKEW_MS)
    expect(await declared(soon, NOW_MS)).toMatch(`USAGE: The record was appended at ${NOW_MS + 2 * SKEW_MS}, which is not ahead of now any more`)
    expect((await soon.register()).overrides).toEqual([])
    const ahead = await worldWithStamp(NOW_MS + 2 * SKEW_MS + 1)
    expect(await declared(ahead, NOW_MS)).toEqual([{ partition: 0, offset: 0, through: 0, appendTimeMs: NOW_MS }])
  })

  it('is of a record that the log has', async () => {
    const world = await worldWithStamp(99_000)
    world.append(0, 99_000)
    world.log.retain(0, 1)
    for (const offset of [0, 2]) expect(await declared(world, NOW_MS, offset)).toBe('USAGE: The log has no record there.')
    expect((await world.register()).overrides).toEqual([])
  })

  it('is that of the whole run that is stamped ahead, through its last record', async () => {
    const ahead = NOW_MS + 2 * SKEW_MS + 1
    const world = await worldWithStamp(ahead + 5_000, ahead, 99_000, ahead - 1, 99_000)
    const declare = (offset: number, appendTimeMs = NOW_MS): Promise<number> => declareAppendTime(world, ticks, { partition: 0, offset, appendTimeMs })
    expect(await declare(0)).toBe(2)
    expect((await world.register()).overrides).toEqual([{ partition: 0, offset: 0, through: 2, appendTimeMs: NOW_MS }])
    // Twice is once, by any of them; and to the log's end as it was then.
    expect([await declare(0), await declare(2)]).toEqual([2, 2])
    expect(await declare(4, NOW_MS - 1)).toBe(4)
    world.append(0, 99_000)
    expect(await declare(4, NOW_MS - 1)).toBe(4)
    expect(await declare(5)).toBe(5)
    await expect(declare(1, NOW_MS - 1)).rejects.toMatchObject({ code: 'USAGE' })
  })

  it('is of a shorter run where the clock comes up to a stamp while it is announced', async () => {
    const ahead = NOW_MS + 2 * SKEW_MS + 1
    const world = await worldWithStamp(99_000, ahead, 99_000)
    const registers = { ...world.registers, compareAndSet: (...given: Parameters<typeof world.registers.compareAndSet>) => {
      world.nowMs = NOW_MS + 1
      return world.registers.compareAndSet(...given)
    } }
    expect(await declareAppendTime(portsOf(world, registers), ticks, { partition: 0, offset: 0, appendTimeMs: NOW_MS })).toBe(0)
    expect((await world.register()).overrides).toEqual([{ partition: 0, offset: 0, through: 0, appendTimeMs: NOW_MS }])
  })

  it('is announced anew where somebody took the announcement back: a reader may have taken the record', async () => {
    const world = await worldWithStamp(99_000)
    let changeCount = 0
    const registers = { ...world.registers, async compareAndSet(...given: Parameters<typeof world.registers.compareAndSet>) {
      const revision = await world.registers.compareAndSet(...given)
      if (++changeCount === 1) await changeSealRegister(world.registers, ticks, (register) => withoutAnnouncement(register, 0, 0))
      return revision
    } }
    expect(await declareAppendTime(portsOf(world, registers), ticks, { partition: 0, offset: 0, appendTimeMs: NOW_MS })).toBe(0)
    expect(changeCount).toBe(4)
  })

  it('is the stamp of each, where that is accepted, also of what the archive has; then no other', async () => {
    const world = await worldWithStamp(99_000, 98_000, NOW_MS, 99_000)
    expect(await declared(world, 'stamped', 4)).toBe('USAGE: The log has no record there.')
    expect(await declared(world, 'stamped', 2)).toMatch(`USAGE: The record was appended at ${NOW_MS}, which is not ahead of now.`)
    const accepted = [{ partition: 0, offset: 0, through: 1, appendTimeMs: 'stamped' }]
    expect(await declared(world, 'stamped')).toEqual(accepted)
    expect(await declared(world, 'stamped', 1)).toEqual(accepted)
    expect(await declared(world, NOW_MS)).toBe('USAGE: Its append time was declared already, as what it is stamped.')
    expect(await declared(world, 'stamped', 3)).toEqual([...accepted, { partition: 0, offset: 3, through: 3, appendTimeMs: 'stamped' }])
  })
})
