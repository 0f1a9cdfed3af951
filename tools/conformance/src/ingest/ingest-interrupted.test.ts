// Law 6: whatever call of whatever port is the last one, or fails, the state that the next owner or the next step leaves is right, and each
// dead letter is there once.

import { describe, expect, it } from '@jest/globals'
import { listDeadLetters } from '@tidemark/pipelines/ingest/dead-letters'
import type { Processor } from '@tidemark/pipelines/ingest/processor'
import { CLICKS, HERE, THERE, totals, USERS } from './ingest-definitions.ts'
import { judgeAll } from './ingest-judge.ts'
import { click, drain } from './ingest-schedules.ts'
import { IngestWorld } from './ingest-world.ts'

type How = 'crash' | 'throw'

/** Counts the calls of ports; the n-th one never comes back, or throws. */
class Interruption {
  private left: number
  private readonly how: How

  constructor(n: number, how: How) {
    this.left = n
    this.how = how
  }

  get isOver(): boolean {
    return this.left > 0
  }

  end(): void {
    this.left = Infinity
  }

  between<Port extends object>(port: Port): Port {
    return new Proxy(port, {
      get: (target, name) => {
        const found: unknown = Reflect.get(target, name)
        if (typeof found !== 'function') return found
        return (...args: unknown[]): unknown => {
          if (--this.left !== 0) return Reflect.apply(found, target, args)
          return this.how === 'crash' ? new Promise(() => undefined) : Promise.reject(new Error('interrupted'))
        }
      },
    })
  }
}

const BUCKETS = [0, 1].map((bucket) => ({ view: 'totals@1', bucket }))

async function runRounds(world: IngestWorld, processor: Processor): Promise<void> {
  for (let round = 0; round < 2; round++, world.nowMs += 1_000) {
    await world.append(0, click(world, HERE[0], round), 'no JSON', click(world, THERE[0], 10 * round))
    await world.append(1, click(world, HERE[0], 20 * round), '{"user":1}')
    for (let i = 0; i < 8; i++) {
      await processor.step().catch(passInterruption)
      if (i % 3 === 2) await processor.foldHeld([BUCKETS[round]!]).catch(passInterruption)
    }
  }
}

function passInterruption(error: Error): void {
  if (error.message !== 'interrupted') throw error
}

/** null: the call was never made. */
async function interruptedAt(n: number, how: How, heldCountMax: number): Promise<{ readonly wrong: string | null } | null> {
  const world = await IngestWorld.create({ source: CLICKS, views: [totals], partitionCount: 2, limits: { writeKeysMax: 16, heldCountMax } })
  const interruption = new Interruption(n, how)
  const processor = world.processor([0, 1], ({ log, store, registers, ...others }) => (
    { ...others, log: interruption.between(log), store: interruption.between(store), registers: interruption.between(registers) }
  ))
  const running = runRounds(world, processor)
  // Nothing in memory waits for longer than the promises that are due.
  await Promise.race([running, new Promise((resolve) => setImmediate(resolve))])
  if (interruption.isOver) return null
  interruption.end()
  const survivor = how === 'crash' ? world.processor([0, 1]) : processor
  for (let round = 0; round < 2; round++) {
    world.nowMs += 1_000
    await drain(survivor)
  }
  const letters = await Array.fromAsync(listDeadLetters(world.log, world.source), ({ partition, offset }) => `${partition} ${offset}`)
  const rejected = world.records.flatMap((records, partition) => records.filter(({ value }) => !value!.toString().includes('"at"')).map(({ offset }) => `${partition} ${offset}`))
  return { wrong: letters.join() === rejected.join() ? await judgeAll(world, USERS) : `dead letters ${letters.join()}, not ${rejected.join()}` }
}

describe('law 6: at any call of a port', () => {
  it.each<[How, number]>([['crash', 0], ['throw', 0], ['crash', 6], ['throw', 6]])('a %s changes nothing, with up to %s records held back', async (how, heldCountMax) => {
    let n = 1
    for (let ended = await interruptedAt(n, how, heldCountMax); ended !== null; ended = await interruptedAt(++n, how, heldCountMax)) {
      if (ended.wrong !== null) throw new Error(`interrupted at call ${n}: ${ended.wrong}`)
    }
    expect(n).toBeGreaterThan(60)
  }, 60_000)
})
