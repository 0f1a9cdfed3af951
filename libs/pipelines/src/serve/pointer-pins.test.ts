// Law 5: a pin is as old as the question that it answers, and who knows that his is too old gets one that was asked for afterwards.

import { expect, it } from '@jest/globals'
import type { Clock } from '@tidemark/ports/clock'
import type { RegisterStore } from '@tidemark/ports/register-store'
import type { Revision } from '@tidemark/ports/revision'
import { emptyPointer, encodePointer } from '../pointer.ts'
import { PIN_SHARED_MAX_MS, PointerPins } from './pointer-pins.ts'

const VIEW = 'totals@1'

/** A register that answers when it is told to, with generation n as of when it was asked. */
function slowRegister(): { registers: RegisterStore; clock: Clock; world: { nowMs: number; steadyMs: number; n: number }; answers: (() => void)[] } {
  const world = { nowMs: 1_000, steadyMs: 0, n: 1 }
  const answers: (() => void)[] = []
  const read: RegisterStore['read'] = () => {
    const bytes = encodePointer({ ...emptyPointer(VIEW), n: world.n, next: 9, published: [{ n: world.n, base: 0, cut: 10 * world.n, publishedAtMs: 0 }] })
    return new Promise((resolve) => answers.push(() => resolve({ bytes, revision: 1 as Revision })))
  }
  return { registers: { read } as RegisterStore, clock: { nowMs: () => world.nowMs, steadyMs: () => world.steadyMs }, world, answers }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

it('dates a pin from before the pointer was read', async () => {
  const { registers, clock, world, answers } = slowRegister()
  const pins = new PointerPins(registers, clock)
  const pin = pins.pin(VIEW)
  world.nowMs += PIN_SHARED_MAX_MS
  answers.shift()!()
  expect(await pin).toEqual({ n: 1, cut: 10, since: { nowMs: 1_000, steadyMs: 0 } })
  // It is not young any more when it comes.
  world.n = 2
  const next = pins.pin(VIEW)
  answers.shift()!()
  expect(await next).toEqual({ n: 2, cut: 20, since: { nowMs: 1_000 + PIN_SHARED_MAX_MS, steadyMs: 0 } })
  world.nowMs += PIN_SHARED_MAX_MS - 1
  expect(pins.pin(VIEW)).toEqual(await next)
})

it('renews a pin by a reading that began afterwards, which others share', async () => {
  const { registers, clock, world, answers } = slowRegister()
  const pins = new PointerPins(registers, clock)
  const before = pins.pin(VIEW)
  world.n = 2
  const renewed = [pins.renew(VIEW), pins.renew(VIEW)]
  answers.shift()!()
  expect(await before).toMatchObject({ n: 1 })
  await settled()
  expect(answers).toHaveLength(1)
  answers.shift()!()
  expect(await Promise.all(renewed)).toMatchObject([{ n: 2 }, { n: 2 }])
})

it('is no younger for a clock that was set back', async () => {
  const { registers, clock, world, answers } = slowRegister()
  const pins = new PointerPins(registers, clock)
  const pin = pins.pin(VIEW)
  answers.shift()!()
  await pin
  world.nowMs -= 3_600_000
  world.steadyMs += PIN_SHARED_MAX_MS - 1
  expect(pins.pin(VIEW)).toEqual(await pin)
  world.steadyMs += 1
  world.n = 2
  const next = pins.pin(VIEW)
  answers.shift()!()
  expect(await next).toMatchObject({ n: 2 })
})

it('waits for no reading that hangs, and goes back to nothing older when that comes at last', async () => {
  const { registers, clock, world, answers } = slowRegister()
  const pins = new PointerPins(registers, clock)
  const hanging = pins.pin(VIEW)
  world.steadyMs += PIN_SHARED_MAX_MS
  world.n = 2
  const next = pins.pin(VIEW)
  world.steadyMs += PIN_SHARED_MAX_MS
  world.n = 3
  const last = pins.pin(VIEW)
  expect(answers).toHaveLength(3)
  answers[1]!()
  expect(await next).toMatchObject({ n: 2 })
  answers[0]!()
  expect(await hanging).toMatchObject({ n: 1 })
  expect(pins.last(VIEW)).toMatchObject({ n: 2 })
  // The one that is under way is shared still.
  const shared = pins.pin(VIEW)
  expect(answers).toHaveLength(3)
  answers[2]!()
  expect([await last, await shared]).toMatchObject([{ n: 3 }, { n: 3 }])
})
