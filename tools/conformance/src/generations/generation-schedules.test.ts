// Each rule of law 5, kept and broken, in a schedule of its own.

import { describe, expect, it } from '@jest/globals'
import { GENERATION_BUGS } from './generation-bugs.ts'
import { SCHEDULES } from './schedules.ts'

describe('a schedule for each rule of generations', () => {
  it('has one for each', () => {
    expect(Object.keys(SCHEDULES).sort()).toEqual(Object.keys(GENERATION_BUGS).sort())
  })

  it.each(Object.entries(SCHEDULES))('%s: nothing is wrong as long as the rule holds, and something is without it', async (bug, schedule) => {
    expect(await schedule({})).toBeNull()
    const wrong = await schedule(GENERATION_BUGS[bug]!).catch((error: unknown) => `it throws ${(error as Error).message}`)
    expect(wrong).not.toBeNull()
    console.log(`${bug}: ${wrong!.split('\n')[0]!}`)
  })
})
