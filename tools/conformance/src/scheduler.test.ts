// The scheduler: calls wait, a seed replays their order, and who is killed, asleep or cut off behaves so.
import { describe, expect, it } from '@jest/globals'
import { seededRandom } from '@tidemark/aggregation/testing/random'
import { Scheduler, type Actor } from './scheduler.ts'

/** A port that writes down who was here. */
function createBook(): { readonly visits: string[]; visit(name: string): Promise<number>; scan(): AsyncIterable<string>; list(): Promise<string[]> } {
  const visits: string[] = []
  return {
    visits,
    visit: async (name) => visits.push(name),
    async *scan() {
      yield* visits
    },
    list: async () => [...visits],
  }
}

async function visitThrice(actor: Actor, book: ReturnType<typeof createBook>): Promise<void> {
  const guarded = actor.guard(book)
  for (let i = 0; i < 3; i++) await guarded.visit(actor.name)
}

async function orderOf(seed: number): Promise<string> {
  const [scheduler, book] = [new Scheduler(seededRandom(seed)), createBook()]
  for (const name of ['a', 'b', 'c']) await scheduler.start({ name }, (actor) => visitThrice(actor, book))
  while (await scheduler.step());
  return book.visits.join('')
}

describe('the scheduler', () => {
  it('draws the order of the calls from the seed alone', async () => {
    const orders = await Promise.all(Array.from({ length: 20 }, (_, seed) => orderOf(seed)))
    expect(new Set(orders).size).toBeGreaterThan(10)
    for (const [seed, order] of orders.entries()) {
      expect([...order].sort().join('')).toBe('aaabbbccc')
      expect(await orderOf(seed)).toBe(order)
    }
  })

  it('lets nothing through to a port before its turn, and everything that follows from a turn at once', async () => {
    const [scheduler, book] = [new Scheduler(seededRandom(1)), createBook()]
    const actor = await scheduler.start({ name: 'a' }, async (self) => {
      await Promise.all([self.guard(book).visit('one'), self.guard(book).visit('two')])
      await self.guard(book).visit('three')
    })
    expect([book.visits.length, actor.waiting.length]).toEqual([0, 2])
    await scheduler.step()
    await scheduler.step()
    expect([book.visits.length, actor.waiting.length]).toEqual([2, 1])
    await scheduler.step()
    expect([book.visits.length, actor.fate, await scheduler.step()]).toEqual([3, 'ended', false])
  })

  it('never returns to an actor that was killed, and wakes one that sleeps', async () => {
    const [scheduler, book] = [new Scheduler(seededRandom(1)), createBook()]
    const killed = await scheduler.start({ name: 'killed' }, (actor) => visitThrice(actor, book))
    const asleep = await scheduler.start({ name: 'asleep' }, (actor) => visitThrice(actor, book))
    await scheduler.start({ name: 'awake' }, (actor) => visitThrice(actor, book))
    killed.kill()
    asleep.asleepUntilTurn = 3
    while (await scheduler.step());
    expect(book.visits).toEqual(['awake', 'awake', 'awake', 'asleep', 'asleep', 'asleep'])
    expect(scheduler.takeEnded().map(({ name }) => name).sort()).toEqual(['asleep', 'awake'])
  })

  it('loses calls on either way', async () => {
    const [scheduler, book] = [new Scheduler(seededRandom(3)), createBook()]
    const errors: string[] = []
    await scheduler.start({ name: 'a', lostShare: 0.5 }, async (actor) => {
      for (let i = 0; i < 100; i++) await actor.guard(book).visit('a').catch((error: Error) => errors.push(error.message))
    })
    while (await scheduler.step());
    expect(errors.length).toBeGreaterThan(30)
    // Some were heard of though the caller never knew.
    expect(book.visits.length).toBeGreaterThan(100 - errors.length)
    expect(book.visits.length).toBeLessThan(100)
  })

  it('guards ports that list and ports that iterate', async () => {
    const [scheduler, book] = [new Scheduler(seededRandom(1)), createBook()]
    const found: string[] = []
    await scheduler.start({ name: 'a' }, async (actor) => {
      const guarded = actor.guard(book, ['visit'])
      await guarded.visit('at once')
      for await (const visit of guarded.scan()) found.push(visit)
      found.push(...(await guarded.list()))
    })
    expect([book.visits, found]).toEqual([['at once'], []])
    while (await scheduler.step());
    expect(found).toEqual(['at once', 'at once'])
  })
})
