// A relay whose producers have not made their topic: it is told once, and looked for until it is there; one that they delete is looked for again.

import { describe, expect, it } from '@jest/globals'
import { createMemoryConsumerGroups } from '@tidemark/adapter-memory/memory-consumer-groups'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import { RelayPart, TOPIC_LOOK_MS } from '@tidemark/pipelines/lambda/relay-part'
import type { EventLog } from '@tidemark/ports/event-log'
import { FROM, RelayWorld, SOURCE, TO } from './relay-world.ts'

interface Waited {
  readonly waitsMs: number[]
  /** What happens at a wait, by which it is. */
  readonly at: Map<number, () => Promise<unknown>>
}

/** Never waits for a record; says of the producers' topic that it is not there while it is not. */
function logOf(world: RelayWorld, isThere: () => boolean = () => true): EventLog {
  return Object.create(world.log, { fetch: { value: async (...[topic, partition, from, limits, signal]: Parameters<EventLog['fetch']>) => {
    if (topic !== FROM || isThere()) return world.log.fetch(topic, partition, from, { ...limits, waitMaxMs: 0 }, signal)
    throw new TidemarkError([{ code: 'UNKNOWN_NAME', message: 'There is no such topic.', where: 'log', action: 'Make it.' }])
  } } }) as EventLog
}

/** Runs the part until nothing more is to happen, by a clock whose waits are over at once. */
async function runPart(world: RelayWorld, log: EventLog, { waitsMs, at }: Waited): Promise<void> {
  const ended = new AbortController()
  const clock = {
    nowMs: () => world.clock.nowMs(),
    steadyMs: () => world.clock.steadyMs(),
    async wait(durationMs: number) {
      waitsMs.push(durationMs)
      await at.get(waitsMs.length)?.()
      if (waitsMs.length >= Math.max(...at.keys())) ended.abort()
      await new Promise((resolve) => setImmediate(resolve))
    },
  }
  await using part = new RelayPart({ source: SOURCE, ports: { log, groups: createMemoryConsumerGroups({ log, clock }), clock }, member: 'one', onAlarm: (alarm) => void world.alarms.push(alarm), onLag: () => undefined })
  await part.loops[0]!(ended.signal)
}

describe('the relay of a topic that is not there', () => {
  it('tells of it once, looks again, and relays once it is made', async () => {
    const world = new RelayWorld()
    await world.log.ensureTopic(TO, 1)
    const waitsMs: number[] = []
    const make = async (): Promise<void> => {
      await world.log.ensureTopic(FROM, 1)
      await world.send(0, 3)
    }
    await runPart(world, logOf(world), { waitsMs, at: new Map([[2, make], [4, async () => undefined]]) })
    expect(waitsMs.slice(0, 2)).toEqual([TOPIC_LOOK_MS, TOPIC_LOOK_MS])
    expect(world.alarms).toEqual([{ code: 'UNKNOWN_NAME', message: expect.stringContaining('orders is not there'), where: 'source orders' }])
    expect(await world.contents(TO)).toEqual(await world.contents(FROM))
  })

  it('looks for one that was deleted meanwhile, and tells of it again', async () => {
    const world = await RelayWorld.create(1)
    await world.log.ensureTopic(TO, 1)
    await world.send(0, 2)
    let isThere = true
    const set = (is: boolean) => async (): Promise<void> => void (isThere = is)
    await runPart(world, logOf(world, () => isThere), { waitsMs: [], at: new Map([[1, set(false)], [4, set(true)], [6, set(false)], [9, set(true)]]) })
    expect(world.alarms.map(({ code }) => code)).toEqual(['UNKNOWN_NAME', 'UNKNOWN_NAME'])
    expect(await world.contents(TO)).toEqual(await world.contents(FROM))
  })
})
