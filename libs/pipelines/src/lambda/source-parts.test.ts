// A layer's parts follow the sources that definitions have: begun, told, ended, and none outlives the layer.
import { expect, it } from '@jest/globals'
import { planView, type ViewPlan } from '@tidemark/aggregation/view-plan'
import { count } from '@tidemark/feature-schema/aggregations'
import { eventSource, featureView, string, timestamp } from '@tidemark/feature-schema/dsl'
import type { WaitingClock } from '@tidemark/ports/clock'
import type { EventSource } from './event-sources.ts'
import { SourceParts } from './source-parts.ts'

const clock: WaitingClock = { nowMs: () => 0, steadyMs: () => 0, wait: () => Promise.resolve() }
const planOf = (name: string, view = 1, relayFrom?: string): ViewPlan => {
  const source = eventSource(name, { eventTime: 'at', fields: { at: timestamp(), key: string() }, ...(relayFrom !== undefined && { relayFrom }) })
  return planView(featureView(`of_${name}`, { version: view, source, entity: { key: 'key' }, features: { events: count().over('1h') } }).definition, source.definition)
}
const sourceOf = (...plans: readonly ViewPlan[]): EventSource => ({ source: plans[0]!.source, plans })

/** Parts that say what becomes of them. */
function spokenParts(onRun: (name: string) => void = () => undefined): { readonly parts: SourceParts; readonly said: string[] } {
  const said: string[] = []
  const parts = new SourceParts({
    clock, onAlarm: () => undefined,
    begin: async ({ source: { name } }) => {
      said.push(`begin ${name}`)
      return {
        loops: [async (signal) => {
          said.push(`run ${name}`)
          onRun(name)
          await new Promise<void>((resolve) => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve())))
          said.push(`drained ${name}`)
        }],
        setViews: (plans) => void said.push(`views of ${name}: ${plans.map(({ view }) => view.version).join()}`),
        [Symbol.asyncDispose]: async () => void said.push(`disposed ${name}`),
      }
    },
  })
  return { parts, said }
}

it('begins, tells and ends them as sources come, change and go', async () => {
  const { parts, said } = spokenParts()
  await parts.take([sourceOf(planOf('a'))])
  const ending = new AbortController()
  const running = parts.loop(ending.signal)
  await parts.take([sourceOf(planOf('a'), planOf('a', 2)), sourceOf(planOf('b'))])
  expect(said.splice(0)).toEqual(['begin a', 'run a', 'views of a: 1,2', 'begin b', 'run b'])
  const b = planOf('b', 2)
  for (let times = 0; times < 2; times++) await parts.take([sourceOf(b)])
  expect(said.splice(0)).toEqual(['drained a', 'disposed a', 'views of b: 2'])
  // Another topic to relay from is another part.
  await parts.take([sourceOf(planOf('b', 1, 'elsewhere'))])
  expect(said.splice(0)).toEqual(['drained b', 'disposed b', 'begin b', 'run b'])
  ending.abort()
  await running
  await parts[Symbol.asyncDispose]()
  expect(said).toEqual(['drained b', 'disposed b'])
})

it('ends all where one fails for good, and throws that', async () => {
  const { parts, said } = spokenParts((name) => {
    if (name === 'b') throw new Error('a bug')
  })
  await parts.take([sourceOf(planOf('a'))])
  const running = parts.loop(new AbortController().signal)
  await parts.take([sourceOf(planOf('a')), sourceOf(planOf('b'))])
  await expect(running).rejects.toThrow('a bug')
  expect(said).toContain('drained a')
})
