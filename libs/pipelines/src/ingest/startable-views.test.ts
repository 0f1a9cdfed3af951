// Which view versions are folded: one whose epochs are sealed already waits for its first generation, which has them.
import { beforeEach, expect, it } from '@jest/globals'
import { planView, type ViewPlan } from '@tidemark/aggregation/view-plan'
import { count } from '@tidemark/feature-schema/aggregations'
import { eventSource, featureView, string, timestamp } from '@tidemark/feature-schema/dsl'
import type { RegisterStore } from '@tidemark/ports/register-store'
import { emptySealRegister, encodeSealRegister, sealRegisterName } from '../log/seal-register.ts'
import { emptyPointer, encodePointer, pointerName } from '../pointer.ts'
import { encodeWhole, WHOLE_VERSION } from '../serve/whole-views.ts'
import { createPlainRegisters } from '../testing/plain-stores.ts'
import { StartableViews } from './startable-views.ts'

const source = eventSource('clicks', { eventTime: 'at', epochLength: '1h', fields: { at: timestamp(), user: string() } })
const planOf = (version: number): ViewPlan => planView(featureView('totals', { version, source, entity: { user: 'user' }, features: { clicks: count().over('1h') } }).definition, source.definition)
const [first, second] = [planOf(1), planOf(2)]

let registers: RegisterStore
beforeEach(() => {
  registers = createPlainRegisters()
})

const seal = (): Promise<unknown> => registers.compareAndSet(sealRegisterName('clicks'), null, encodeSealRegister({ ...emptySealRegister('clicks', 3_600_000), sealedThrough: 0 }))
const publish = (view: string): Promise<unknown> => registers.compareAndSet(pointerName(view), null, encodePointer({ ...emptyPointer(view), n: 1, floor: 1, next: 2, published: [{ n: 1, base: 0, cut: 0, publishedAtMs: 0 }] }))

it('is every version while nothing is sealed, and it goes on then', async () => {
  const views = new StartableViews(registers)
  expect(await views.of([first])).toEqual([first])
  await seal()
  expect(await views.of([first, second])).toEqual([first])
})

it('is one that is made of the archive once its first generation is published, whoever asks', async () => {
  await seal()
  const views = new StartableViews(registers)
  expect(await views.of([first, second])).toEqual([])
  await publish('totals@2')
  for (const each of [views, new StartableViews(registers)]) expect(await each.of([first, second])).toEqual([second])
})

it('is one that was found to be whole before anything was sealed', async () => {
  await registers.compareAndSet('whole/totals@1', null, encodeWhole({ formatVersion: WHOLE_VERSION, view: 'totals@1', wholeAtMs: 0, generation: 0 }))
  await seal()
  expect(await new StartableViews(registers).of([first, second])).toEqual([first])
})
