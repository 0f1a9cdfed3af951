// The scheduler: one run for each view and cut, under a lease, taken up by another worker where one ended, with what is told of it.

import { describe, expect, it } from '@jest/globals'
import { createMemoryJobQueue } from '@tidemark/adapter-memory/memory-job-queue'
import { TidemarkError, type ErrorCode } from '@tidemark/feature-schema/errors'
import { Metrics } from '@tidemark/observability/metrics'
import { BatchMetrics } from '@tidemark/pipelines/batch/batch-metrics'
import { jobQueueOf, runDue, type DueEvent, type RunDueOptions } from '@tidemark/pipelines/batch/run-due'
import type { WaitingClock } from '@tidemark/ports/clock'
import type { JobQueue } from '@tidemark/ports/job-queue'
import { LEASE_MS, Stage } from './schedules.ts'

/** A queue whose jobs are somebody else's once they are to be renewed, or completed. */
function givenToOthers(queue: JobQueue, at: 'renew' | 'complete'): JobQueue {
  return { ...queue, async take(...asked) {
    const job = await queue.take(...asked)
    return job && { ...job, [at]: () => Promise.resolve(false) }
  } }
}

describe('runDue', () => {
  /** A clock whose waits end at once, so that leases are renewed all the time. */
  function optionsOf(stage: Stage, more: Partial<RunDueOptions> = {}): RunDueOptions {
    const { stores, plan, clock } = stage.world
    const waiting: WaitingClock = {
      ...clock,
      async wait(durationMs, signal) {
        for (let i = 0; i < 100 && signal?.aborted !== true; i++) await Promise.resolve()
        if (signal?.aborted !== true) clock.step(durationMs)
      },
    }
    return { stores, queue: createMemoryJobQueue({ clock }), clock: waiting, plans: [plan], run: { leaseMs: LEASE_MS }, leaseMs: 60_000, ...more }
  }

  it('runs each view once for each cut', async () => {
    const stage = new Stage()
    const options = optionsOf(stage)
    expect(await runDue(options)).toEqual([])
    await stage.world.seal()
    await stage.world.seal()
    expect(await runDue(options)).toMatchObject([{ view: 'touch@1', attempt: 1, kind: 'done', result: { kind: 'published', n: 1, cut: 1 } }])
    expect(await runDue(options)).toEqual([])
    expect(await options.queue.list(jobQueueOf('touch@1'))).toMatchObject([{ id: 'touch@1/1', state: 'completed', result: { kind: 'published', n: 1 } }])
  })

  it('does not make again for the same cut what its gate has blocked', async () => {
    const stage = new Stage()
    let isClosed = true
    const options = optionsOf(stage, { run: { gate: { check: () => (isClosed ? [{ rule: 'mine', message: 'No.' }] : []) } } })
    await stage.world.seal()
    expect(await runDue(options)).toMatchObject([{ kind: 'failed', error: { code: 'GATE_CLOSED' }, retryAtMs: null }])
    isClosed = false
    expect(await runDue(options)).toEqual([])
    await stage.world.seal()
    expect(await runDue(options)).toMatchObject([{ kind: 'done', result: { n: 2, base: 0, cut: 1 } }])
  })

  it('tries again what lost, a little later, and takes over from a worker that is silent', async () => {
    const stage = new Stage()
    const { clock } = stage.world
    const options = optionsOf(stage)
    const { queue } = options
    await stage.world.seal()
    // A worker takes the job, records its write-set, and is never heard of again.
    await queue.add({ queue: jobQueueOf('touch@1'), id: 'touch@1/0', data: null })
    await queue.take(jobQueueOf('touch@1'), 60_000)
    await stage.through(stage.run(), 'record')
    const told: DueEvent[] = []
    expect(await runDue({ ...options, onEvent: (event) => told.push(event) })).toEqual([{ view: 'touch@1', attempt: 1, kind: 'lost' }])
    expect(told).toEqual([])
    clock.step(60_001)
    expect(await runDue(options)).toMatchObject([{ attempt: 2, kind: 'done', result: { n: 1 } }])

    await stage.world.seal()
    const { stores } = stage.world
    const moving = { ...options, stores: { ...stores, openEpochs: async (...asked: Parameters<typeof stores.openEpochs>) => {
      await stage.through(stage.run(), 'plan')
      return stores.openEpochs(...asked)
    } } }
    expect(await runDue(moving)).toMatchObject([{ kind: 'failed', error: { code: 'POINTER_MOVED' }, retryAtMs: expect.any(Number) }])
    clock.step(1_000_000)
    expect(await runDue(options)).toMatchObject([{ attempt: 2, kind: 'done', result: { kind: 'published', base: 1, cut: 1 } }])
  })

  it('tries again what may pass, later each time and not for ever, and nothing that only a person can mend', async () => {
    const stage = new Stage()
    const { clock } = stage.world
    await stage.world.seal()
    const failing = (code: ErrorCode): RunDueOptions => {
      const error = new TidemarkError([{ code, message: 'No.', where: 'somewhere', action: 'Look.' }])
      return optionsOf(stage, { stores: { ...stage.world.stores, openEpochs: () => Promise.reject(error) } })
    }
    /** How long after each attempt the next one is, until there is none. */
    const pausesOf = async (code: ErrorCode): Promise<number[]> => {
      const options = failing(code)
      const pauses: number[] = []
      while (pauses.length < 20) {
        const [outcome] = await runDue(options)
        if (outcome?.kind !== 'failed') throw new Error(`It was not tried: ${outcome?.kind}`)
        const { retryAtMs } = outcome
        if (retryAtMs === null) break
        pauses.push(retryAtMs - clock.nowMs())
        expect(await runDue(options)).toEqual([])
        clock.step(pauses.at(-1)!)
      }
      return pauses
    }
    for (const code of ['STORE_UNAVAILABLE', 'STORE_FULL', 'OUTPUT_FAILED', 'POINTER_MOVED'] as const) expect(await pausesOf(code)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000])
    for (const code of ['STORE_DAMAGED', 'OBJECT_MISSING', 'INPUT_UNREADABLE', 'STORE_REFUSED'] as const) expect(await pausesOf(code)).toEqual([])
  })

  it('goes on with nothing that another job began: what is sealed by now is in the generation', async () => {
    const stage = new Stage()
    await stage.world.seal()
    await stage.through(stage.run(), 'record')
    await stage.world.seal()
    expect(await runDue(optionsOf(stage))).toMatchObject([{ attempt: 1, kind: 'done', result: { n: 2, cut: 1 } }])
  })

  it('makes what its job is for, though another one has begun and recorded less', async () => {
    const stage = new Stage()
    const options = optionsOf(stage)
    await stage.world.seal()
    await stage.through(stage.run(), 'record')
    await stage.world.seal()
    // A worker takes the job of the next cut, and is never heard of again.
    await options.queue.add({ queue: jobQueueOf('touch@1'), id: 'touch@1/1', data: null })
    await options.queue.take(jobQueueOf('touch@1'), 60_000)
    stage.world.clock.step(60_001)
    expect(await runDue(options)).toMatchObject([{ attempt: 2, kind: 'done', result: { cut: 1 } }])
    expect(await runDue(options)).toEqual([])
  })

  it('says that it lost a job which is somebody else\'s when it is done', async () => {
    const stage = new Stage()
    const options = optionsOf(stage)
    await stage.world.seal()
    const queue = givenToOthers(options.queue, 'complete')
    expect(await runDue({ ...options, queue })).toEqual([{ view: 'touch@1', attempt: 1, kind: 'lost' }])
  })

  it('leaves a view alone while somebody makes another generation of it', async () => {
    const stage = new Stage()
    const options = optionsOf(stage)
    await stage.world.seal()
    let rival: unknown = null
    const { stores } = stage.world
    const overtaken = { ...options, stores: { ...stores, openEpochs: async (...asked: Parameters<typeof stores.openEpochs>) => {
      if (rival === null) {
        await stage.world.seal()
        rival = await runDue(options)
      }
      return stores.openEpochs(...asked)
    } } }
    expect(await runDue(overtaken)).toMatchObject([
      { kind: 'done', result: { kind: 'published', n: 1, cut: 0 } }, { kind: 'done', result: { kind: 'published', n: 2, base: 1, cut: 1 } },
    ])
    expect(rival).toEqual([{ view: 'touch@1', attempt: 1, kind: 'lost' }])
  })

  it('says for how long it waits before it removes what was rolled back past', async () => {
    const stage = new Stage()
    for (let i = 0; i < 2; i++) await stage.publish()
    await stage.rollBack(1)
    await stage.world.seal()
    const told: DueEvent[] = []
    await runDue(optionsOf(stage, { run: { leaseMs: 600_000 }, onEvent: (event) => told.push(event) }))
    expect(told).toMatchObject([{ view: 'touch@1', kind: 'waiting', untilMs: expect.any(Number) }, { kind: 'done', result: { kind: 'published', n: 3, base: 1 } }])
  })

  it('tells how many jobs of a view wait, and are taken, also while one is at work', async () => {
    const stage = new Stage()
    await stage.world.seal()
    const metrics = new Metrics()
    const observer = new BatchMetrics(metrics, stage.world.clock)
    const told: string[] = []
    const onDepth: BatchMetrics['onDepth'] = (view, depth) => {
      observer.onDepth(view, depth)
      const series = metrics.read().find(({ name }) => name === 'tidemark_batch_jobs')!.series
      const now = series.map(({ labels, value }) => `${labels['view']} ${labels['state']} ${String(value)}`).join(', ')
      if (told.at(-1) !== now) told.push(now)
    }
    const options = optionsOf(stage, { leaseMs: 3, observer: { onLook: observer.onLook, onRun: observer.onRun, onStage: observer.onStage, onDepth } })
    await runDue(options)
    expect(told).toEqual([[1, 0], [0, 1], [0, 0]].map(([waiting, active]) => `touch@1 waiting ${waiting}, touch@1 active ${active}`))
  })

  it.each([
    ['', (reason: Error) => reason],
    [', whatever that does to its work', () => new TidemarkError([{ code: 'INPUT_UNREADABLE', message: 'Cut off.', where: 'a segment', action: '' }])],
  ])('gives its job back at once when it is told to end%s', async (_, failure) => {
    const stage = new Stage()
    const options = optionsOf(stage)
    await stage.world.seal()
    const ended = new AbortController()
    const reason = new Error('enough')
    const ending = { ...options, stores: { ...stage.world.stores, openEpochs: () => {
      ended.abort(reason)
      return Promise.reject(failure(reason))
    } } }
    await expect(runDue(ending, ended.signal)).rejects.toBe(reason)
    expect(await runDue(options)).toMatchObject([{ attempt: 2, kind: 'done', result: { kind: 'published', cut: 0 } }])
  })

  it('ends its work when the job was given to somebody else', async () => {
    const stage = new Stage()
    const options = optionsOf(stage)
    await stage.world.seal()
    const queue = givenToOthers(options.queue, 'renew')
    expect(await runDue({ ...options, queue, leaseMs: 3 })).toEqual([{ view: 'touch@1', attempt: 1, kind: 'lost' }])
    expect((await stage.pointer).n).toBe(0)
  })
})
