// Law 4: who may declare an append time, when. Nothing is declared that is itself ahead of now, nor in place of a stamp that a reader may take meanwhile.

import { describe, expect, it } from '@jest/globals'
import { SKEW_MS, ticks } from '../testing/archive-history.ts'
import { ArchiveWorld } from '../testing/archive-world.ts'
import { openPartitions } from './change-seal-register.ts'
import { declareAppendTime } from './declare-append-time.ts'

const NOW_MS = 11_500

async function worldWithStamp(stampedMs: number): Promise<ArchiveWorld> {
  const world = new ArchiveWorld(1, NOW_MS)
  await openPartitions(world.registers, ticks, [{ partition: 0, offset: 0 }])
  world.append(0, stampedMs)
  return world
}

/** The code and what it says, or the overrides that there are afterwards. */
async function declared(world: ArchiveWorld, appendTimeMs: number, offset = 0): Promise<unknown> {
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
    expect(await declared(world, NOW_MS + SKEW_MS)).toEqual([{ partition: 0, offset: 0, appendTimeMs: NOW_MS + SKEW_MS }])
  })

  it('stands in for a stamp that no reader takes, however far its clock may be from this one', async () => {
    const soon = await worldWithStamp(NOW_MS + 2 * SKEW_MS)
    expect(await declared(soon, NOW_MS)).toMatch(`USAGE: The record was appended at ${NOW_MS + 2 * SKEW_MS}, which is not ahead of now any more`)
    expect((await soon.register()).overrides).toEqual([])
    const ahead = await worldWithStamp(NOW_MS + 2 * SKEW_MS + 1)
    expect(await declared(ahead, NOW_MS)).toEqual([{ partition: 0, offset: 0, appendTimeMs: NOW_MS }])
  })

  it('is of a record that the log has', async () => {
    const world = await worldWithStamp(99_000)
    world.append(0, 99_000)
    world.log.retain(0, 1)
    for (const offset of [0, 2]) expect(await declared(world, NOW_MS, offset)).toBe('USAGE: The log has no record there.')
    expect((await world.register()).overrides).toEqual([])
  })
})
