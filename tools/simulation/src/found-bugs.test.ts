// What random histories once found, each as the shortest schedule that shows it.
import { describe, expect, it } from '@jest/globals'
import { seededRandom } from '@tidemark/aggregation/testing/random'
import { Scheduler, type Actor } from '@tidemark/conformance/scheduler'
import { archive, ask, processLog, serverOf } from './actors.ts'
import { World, type Sent } from './world.ts'

function createWorld(): { readonly world: World; readonly scheduler: Scheduler } {
  const random = seededRandom(1)
  return { scheduler: new Scheduler(random), world: new World({ random, epochLengthMs: 3_600_000, views: ['totals'] }) }
}

function click(world: World, amount = 1): Sent {
  return { user: 'ada', at: world.nowMs - 1_000, amount, tag: null }
}

async function runWhileBusy(scheduler: Scheduler, actor: Actor): Promise<void> {
  while (actor.waiting.some(({ isReady }) => isReady?.() !== false)) await scheduler.runUntil(actor, () => false)
}

describe('the archiver', () => {
  it('stops where an offset that nobody saw was lost, and has a record after it', async () => {
    const { world, scheduler } = createWorld()
    await world.addPartitions(1)
    await world.append(0, click(world))
    world.appendMarker(0)
    const actor = await scheduler.start({ name: 'archiver' }, (self) => archive({ world, actor: self, name: 'archiver', onAlarm: (alarm) => world.alarms.push(alarm) }))
    await runWhileBusy(scheduler, actor)
    world.truncate(0, 1)
    await world.append(0, click(world))
    await world.append(0, click(world))
    await runWhileBusy(scheduler, actor)
    expect(world.alarms.map(({ code }) => code)).toEqual(['LOG_REPLACED'])
  })
})

describe('an answer that is explained', () => {
  it('names the fences of partitions that were opened while it was read', async () => {
    const { world, scheduler } = createWorld()
    await world.addPartitions(1)
    const reader = await scheduler.start({ name: 'reader' }, async (self) => {
      const answer = await ask(serverOf({ world, actor: self, name: 'reader' }, 1), { plan: world.plans[0]!, users: ['ada'] })
      const [{ explanation, values }] = answer.entities as [typeof answer.entities[number]]
      expect(explanation![0]!.fences).toEqual([expect.objectContaining({ partition: 0, nextOffset: 1 })])
      expect(values[0]).toMatchObject({ status: 'PRESENT', value: 1 })
    })
    // The register is read first, and says of no partition that it is open.
    await scheduler.step()
    await world.append(0, click(world))
    const processor = await scheduler.start({ name: 'processor' }, (self) => processLog({
      world, actor: self, name: 'processor', onAlarm: (alarm) => world.alarms.push(alarm), assigned: () => [0], checkEveryMs: 1_000, fetchCountMax: 10,
    }))
    await runWhileBusy(scheduler, processor)
    await runWhileBusy(scheduler, reader)
    expect([reader.fate, reader.error]).toEqual(['ended', null])
  })
})
