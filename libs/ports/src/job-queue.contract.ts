import { describe, expect, it } from '@jest/globals'
import type { JobQueue, TakenJob } from './job-queue.ts'
import { forSeeds, race } from './testing/store-cases.ts'

export interface JobQueueHarness extends AsyncDisposable {
  readonly queue: JobQueue
  /** Another client of the same jobs. */
  readonly other: JobQueue
  /** Moves the clock that the jobs' times are told by. */
  advance(durationMs: number): void
  nowMs(): number
}

const job = (id: string, data: unknown = null, queue = 'batch') => ({ queue, id, data })
const idsOf = async (queue: JobQueue, name = 'batch'): Promise<string[]> => (await queue.list(name)).map(({ id, state }) => `${id} ${state}`)
const LEASE_MS = 1_000

/** What every JobQueue promises. */
export function jobQueueContract(name: string, createHarness: () => Promise<JobQueueHarness>): void {
  describe(`JobQueue: ${name}`, () => {
    it('gives out what was added, oldest first, each once', async () => {
      await using harness = await createHarness()
      const { queue, other } = harness
      const data = { view: 'a@1', list: [1, null, 'é'], inner: { x: true } }
      for (const id of ['z', 'a', 'm']) expect(await queue.add(job(id, data))).toBe(true)
      const taken: TakenJob[] = []
      for (let i = 0; i < 3; i++) taken.push((await other.take('batch', LEASE_MS))!)
      expect(taken.map(({ id }) => id)).toEqual(['z', 'a', 'm'])
      expect(taken[0]).toMatchObject({ queue: 'batch', id: 'z', data, attempt: 1 })
      expect(await queue.take('batch', LEASE_MS)).toBeNull()
      expect(await idsOf(queue)).toEqual(['z active', 'a active', 'm active'])
    })

    it('says how many jobs wait, and how many are taken', async () => {
      await using harness = await createHarness()
      const { queue, other, advance, nowMs } = harness
      expect(await queue.depth('batch')).toEqual({ waitingCount: 0, activeCount: 0 })
      for (const id of ['a', 'b', 'c', 'd']) await queue.add(job(id))
      await queue.add(job('later'), nowMs() + LEASE_MS)
      await queue.add(job('a', null, 'batch-2'))
      const [first, second, third] = [await queue.take('batch', LEASE_MS), await queue.take('batch', LEASE_MS), await other.take('batch', LEASE_MS)]
      expect(await other.depth('batch')).toEqual({ waitingCount: 2, activeCount: 3 })
      await first!.complete(null)
      await second!.fail('It is away.', nowMs() + LEASE_MS)
      expect(await queue.depth('batch')).toEqual({ waitingCount: 3, activeCount: 1 })
      await third!.fail('It is wrong.', null)
      await queue.take('batch', LEASE_MS)
      advance(2 * LEASE_MS)
      expect(await other.depth('batch')).toEqual({ waitingCount: 2, activeCount: 1 })
    })

    it('keeps queues apart', async () => {
      await using harness = await createHarness()
      const { queue } = harness
      expect(await queue.add(job('x', 1, 'a'))).toBe(true)
      expect(await queue.add(job('x', 2, 'ab'))).toBe(true)
      expect(await queue.take('b', LEASE_MS)).toBeNull()
      expect(await queue.take('ab', LEASE_MS)).toMatchObject({ queue: 'ab', data: 2 })
      expect(await queue.status('a', 'x')).toEqual({ queue: 'a', id: 'x', data: 1, state: 'waiting', attempt: 0, result: null, reason: null })
      expect(await queue.status('b', 'x')).toBeNull()
      expect(await idsOf(queue, 'a')).toEqual(['x waiting'])
    })

    it('adds an id once, as long as the job is kept, whatever has become of it', async () => {
      await using harness = await createHarness()
      const { queue, other } = harness
      await queue.add(job('x', 'first'))
      expect(await other.add(job('x', 'second'))).toBe(false)
      const taken = await queue.take('batch', LEASE_MS)
      expect(await other.add(job('x'))).toBe(false)
      await taken!.complete('done')
      expect(await other.add(job('x'))).toBe(false)
      expect(await queue.status('batch', 'x')).toEqual({ ...job('x', 'first'), state: 'completed', attempt: 1, result: 'done', reason: null })
      await queue.trim('batch', 0)
      expect(await queue.status('batch', 'x')).toBeNull()
      expect(await other.add(job('x', 'third'))).toBe(true)
      expect(await queue.take('batch', LEASE_MS)).toMatchObject({ data: 'third', attempt: 1 })
    })

    it('adds once, and gives out once, to many who race', async () => {
      await using harness = await createHarness()
      const { queue, other } = harness
      const added = await race(20, (i) => (i % 2 ? queue : other).add(job('x', i)))
      expect(added.filter(Boolean)).toHaveLength(1)
      const taken = await race(20, (i) => (i % 2 ? queue : other).take('batch', LEASE_MS))
      expect(taken.filter((each) => each !== null).map(({ data }) => data)).toEqual([added.indexOf(true)])
    })

    it('keeps its own copy of the data', async () => {
      await using harness = await createHarness()
      const data = { list: [1] }
      await harness.queue.add(job('x', data))
      data.list.push(2)
      const taken = await harness.queue.take('batch', LEASE_MS)
      expect(taken!.data).toEqual({ list: [1] })
      ;(taken!.data as typeof data).list.push(3)
      expect((await harness.queue.status('batch', 'x'))!.data).toEqual({ list: [1] })
    })

    it('does not give out a job before its time, nor let it hold up others', async () => {
      await using harness = await createHarness()
      const { queue } = harness
      await queue.add(job('later'), harness.nowMs() + 500)
      await queue.add(job('now'))
      expect((await queue.take('batch', LEASE_MS))!.id).toBe('now')
      harness.advance(499)
      expect(await queue.take('batch', LEASE_MS)).toBeNull()
      harness.advance(1)
      expect((await queue.take('batch', LEASE_MS))!.id).toBe('later')
    })

    it('holds a job for a lease, and gives it to somebody else after it', async () => {
      await using harness = await createHarness()
      const { queue, other } = harness
      await queue.add(job('x'))
      const first = (await queue.take('batch', LEASE_MS))!
      harness.advance(LEASE_MS - 1)
      expect(await other.take('batch', LEASE_MS)).toBeNull()
      harness.advance(1)
      const second = (await other.take('batch', LEASE_MS))!
      expect(second.attempt).toBe(2)
      expect(await first.renew()).toBe(false)
      expect(await first.complete('stale')).toBe(false)
      expect(await first.fail('stale', null)).toBe(false)
      expect(await queue.status('batch', 'x')).toMatchObject({ state: 'active', attempt: 2, result: null, reason: null })
      expect(await second.complete('fresh')).toBe(true)
      expect(await first.complete('stale')).toBe(false)
      expect(await first.fail('stale', harness.nowMs())).toBe(false)
      expect(await first.renew()).toBe(false)
      expect(await queue.status('batch', 'x')).toMatchObject({ state: 'completed', attempt: 2, result: 'fresh' })
      expect(await queue.take('batch', LEASE_MS)).toBeNull()
    })

    it('holds a job for as long as its lease is renewed', async () => {
      await using harness = await createHarness()
      const { queue, other } = harness
      await queue.add(job('x'))
      const taken = (await queue.take('batch', LEASE_MS))!
      for (let i = 0; i < 5; i++) {
        harness.advance(LEASE_MS - 1)
        expect(await taken.renew()).toBe(true)
        expect(await other.take('batch', LEASE_MS)).toBeNull()
      }
      harness.advance(LEASE_MS)
      expect(await other.take('batch', LEASE_MS)).toMatchObject({ id: 'x', attempt: 2 })
    })

    it('lets a worker finish after its lease, where nobody else was given the job', async () => {
      await using harness = await createHarness()
      const { queue, other } = harness
      await queue.add(job('x'))
      await queue.add(job('y'))
      const [x, y] = [(await queue.take('batch', LEASE_MS))!, (await queue.take('batch', LEASE_MS))!]
      harness.advance(5 * LEASE_MS)
      expect(await x.complete(1)).toBe(true)
      expect(await y.renew()).toBe(true)
      expect(await other.take('batch', LEASE_MS)).toBeNull()
    })

    it('gives out no more at once than asked for, of one queue, counting leases that hold', async () => {
      await using harness = await createHarness()
      const { queue, other } = harness
      for (const id of ['x', 'y', 'z']) await queue.add(job(id))
      await queue.add(job('elsewhere', null, 'other'))
      const first = (await queue.take('batch', LEASE_MS, 1))!
      expect(first.id).toBe('x')
      expect(await other.take('batch', LEASE_MS, 1)).toBeNull()
      expect((await other.take('other', LEASE_MS, 1))!.id).toBe('elsewhere')
      expect((await other.take('batch', LEASE_MS, 2))!.id).toBe('y')
      expect(await first.complete(null)).toBe(true)
      expect(await other.take('batch', LEASE_MS, 1)).toBeNull()
      harness.advance(LEASE_MS)
      const again = (await other.take('batch', LEASE_MS, 1))!
      expect(again).toMatchObject({ id: 'y', attempt: 2 })
      expect(await again.fail('no', harness.nowMs() + 100)).toBe(true)
      const raced = await race(10, (i) => (i % 2 ? queue : other).take('batch', LEASE_MS, 1))
      expect(raced.filter((each) => each !== null).map(({ id }) => id)).toEqual(['z'])
    })

    it('does not bring back to life what is finished', async () => {
      await using harness = await createHarness()
      const { queue } = harness
      for (const id of ['x', 'y']) await queue.add(job(id))
      const [x, y] = [(await queue.take('batch', LEASE_MS))!, (await queue.take('batch', LEASE_MS))!]
      await x.complete('done')
      await y.fail('broken', null)
      for (const each of [x, y]) {
        expect(await each.renew()).toBe(false)
        expect(await each.fail('again', harness.nowMs())).toBe(false)
        expect(await each.complete('again')).toBe(false)
      }
      harness.advance(10 * LEASE_MS)
      expect(await queue.take('batch', LEASE_MS)).toBeNull()
      expect(await queue.status('batch', 'x')).toMatchObject({ state: 'completed', result: 'done' })
      expect(await queue.status('batch', 'y')).toMatchObject({ state: 'failed', reason: 'broken', result: null })
    })

    it('gives a failed job out again at its time, with the reason kept', async () => {
      await using harness = await createHarness()
      const { queue, other } = harness
      await queue.add(job('x'))
      const first = (await queue.take('batch', LEASE_MS))!
      expect(await first.fail('no room', harness.nowMs() + 100)).toBe(true)
      expect(await queue.status('batch', 'x')).toMatchObject({ state: 'waiting', attempt: 1, reason: 'no room' })
      expect(await first.renew()).toBe(false)
      harness.advance(99)
      expect(await other.take('batch', LEASE_MS)).toBeNull()
      harness.advance(1)
      const second = (await other.take('batch', LEASE_MS))!
      expect(second.attempt).toBe(2)
      expect(await first.complete('stale')).toBe(false)
      expect(await second.fail('never', null)).toBe(true)
      harness.advance(100 * LEASE_MS)
      expect(await queue.take('batch', LEASE_MS)).toBeNull()
      expect(await queue.status('batch', 'x')).toMatchObject({ state: 'failed', attempt: 2, reason: 'never' })
    })

    it('keeps a job that is tried again in its place', async () => {
      await using harness = await createHarness()
      const { queue } = harness
      for (const id of ['old', 'young']) await queue.add(job(id))
      await (await queue.take('batch', LEASE_MS))!.fail('once', harness.nowMs())
      expect((await queue.take('batch', LEASE_MS))!.id).toBe('old')
    })

    it('forgets what is finished, all but what finished last', async () => {
      await using harness = await createHarness()
      const { queue, other } = harness
      for (let i = 0; i < 6; i++) await queue.add(job(`j${i}`))
      await queue.add(job('waits'), harness.nowMs() + 1_000_000)
      await queue.add(job('elsewhere', null, 'other'))
      await (await queue.take('other', LEASE_MS))!.complete(null)
      const taken = [...(await race(5, () => queue.take('batch', LEASE_MS)))]
      for (const id of ['j3', 'j0', 'j2', 'j1']) {
        const each = taken.find((one) => one!.id === id)!
        expect(id === 'j2' ? await each.fail('no', null) : await each.complete(id)).toBe(true)
      }
      await other.trim('batch', 9)
      expect(await idsOf(queue)).toEqual(['j0 completed', 'j1 completed', 'j2 failed', 'j3 completed', 'j4 active', 'j5 waiting', 'waits waiting'])
      await other.trim('batch', 2)
      expect(await idsOf(queue)).toEqual(['j1 completed', 'j2 failed', 'j4 active', 'j5 waiting', 'waits waiting'])
      await other.trim('batch', 0)
      expect(await idsOf(queue)).toEqual(['j4 active', 'j5 waiting', 'waits waiting'])
      expect(await idsOf(queue, 'other')).toEqual(['elsewhere completed'])
      expect(await taken.find((one) => one!.id === 'j0')!.renew()).toBe(false)
    })

    it('does not let a worker finish another job of the same id', async () => {
      await using harness = await createHarness()
      const { queue, other } = harness
      await queue.add(job('x', 1))
      const stale = (await queue.take('batch', LEASE_MS))!
      harness.advance(LEASE_MS)
      await (await other.take('batch', LEASE_MS))!.complete(null)
      await queue.trim('batch', 0)
      await queue.add(job('x', 2))
      expect(await stale.complete('stale')).toBe(false)
      const fresh = (await other.take('batch', LEASE_MS))!
      expect(await stale.renew()).toBe(false)
      expect(await stale.fail('stale', null)).toBe(false)
      expect(await fresh.complete('fresh')).toBe(true)
    })

    it('keeps results that are JSON, and none as null', async () => {
      await using harness = await createHarness()
      const { queue } = harness
      for (const [id, result] of [['a', { rows: [1] }], ['b', undefined], ['c', false]] as const) {
        await queue.add(job(id))
        await (await queue.take('batch', LEASE_MS))!.complete(result)
        expect((await queue.status('batch', id))!.result).toEqual(result ?? null)
      }
    })

    it('never has two workers on a job whose lease holds, over random histories', async () => {
      await forSeeds(6, async (chance) => {
        await using harness = await createHarness()
        const below = (n: number): number => Math.floor(chance() * n)
        const held: { taken: TakenJob; untilMs: number }[] = []
        const finished = new Set<string>()
        for (let step = 0; step < 150; step++) {
          const queue = below(2) ? harness.queue : harness.other
          const dice = below(10)
          if (dice < 2) await queue.add(job(`j${below(6)}`), harness.nowMs() + below(300))
          else if (dice < 5) {
            const taken = await queue.take('batch', LEASE_MS)
            if (taken === null) continue
            expect(finished.has(taken.id)).toBe(false)
            const holder = held.findLast((each) => each.taken.id === taken.id)
            if (holder !== undefined) expect(holder.untilMs).toBeLessThanOrEqual(harness.nowMs())
            held.push({ taken, untilMs: harness.nowMs() + LEASE_MS })
          } else if (dice < 7) harness.advance(below(LEASE_MS))
          else if (held.length > 0) {
            const holder = held[below(held.length)]!
            const isNewest = holder === held.findLast((each) => each.taken.id === holder.taken.id)
            const isDone = finished.has(holder.taken.id)
            const retryAtMs = below(2) ? harness.nowMs() + below(300) : null
            if (dice === 7) {
              const isKept = await holder.taken.renew()
              if (isKept) holder.untilMs = harness.nowMs() + LEASE_MS
              if (isKept) expect(isNewest && !isDone).toBe(true)
            } else if (dice === 8) {
              const isMine = await holder.taken.complete(step)
              if (isMine) expect(isNewest && !isDone).toBe(true)
              if (isMine) finished.add(holder.taken.id)
            } else if (await holder.taken.fail('no', retryAtMs)) {
              expect(isNewest && !isDone).toBe(true)
              holder.untilMs = harness.nowMs()
              if (retryAtMs === null) finished.add(holder.taken.id)
            }
          }
        }
      })
    })
  })
}
