// What runs, rollbacks and clean-ups promise besides right answers: numbers, gates, refusals, what is left behind.

import { describe, expect, it } from '@jest/globals'
import { TidemarkError, type ErrorCode } from '@tidemark/feature-schema/errors'
import { createCleaner } from '@tidemark/pipelines/batch/clean-up'
import { describePointer } from '@tidemark/pipelines/batch/describe-pointer'
import { judgeGeneration, DEFAULT_GATE, type GateFailure } from '@tidemark/pipelines/batch/quality-gate'
import { readPart, readWriteSet, stagedNumber, stagedPrefix, writeSetKey, type GenerationFigures } from '@tidemark/pipelines/batch/staged-generation'
import { LEASE_MS, Stage } from './schedules.ts'

const codeOf = (work: Promise<unknown>): Promise<ErrorCode | 'none'> => work.then(() => 'none', (error: { code: ErrorCode }) => error.code)

async function stagedKeys({ stores, view }: Stage['world']): Promise<string[]> {
  const keys: string[] = []
  for await (const key of stores.objects.list(stagedPrefix(view))) keys.push(key)
  return keys
}

describe('a run', () => {
  it('has nothing to do before an epoch is sealed, and none after it is published', async () => {
    const stage = new Stage()
    expect(await stage.finish(stage.run())).toMatchObject({ kind: 'nothing-due', pointer: { n: 0, next: 1 } })
    expect(await stage.publish()).toMatchObject({ kind: 'published', n: 1, base: 0, cut: 0, figures: { entityCount: 4, newEntityCount: 4, recordCount: 4, eventCount: 4 } })
    expect(await stage.finish(stage.run())).toMatchObject({ kind: 'nothing-due', pointer: { n: 1, next: 2 } })
    expect(await stage.publish()).toMatchObject({ n: 2, base: 1, figures: { entityCount: 4, newEntityCount: 1 } })
  })

  it('that its gate blocks is never loaded, and its number never used again', async () => {
    const stage = new Stage()
    await stage.publish()
    await stage.world.seal()
    const blocked = stage.run('sound', { gate: { check: ({ n, figures }) => [{ rule: 'mine', message: `Generation ${n} has ${figures.entityCount} entities.` }] } })
    await expect(stage.finish(blocked)).rejects.toMatchObject({ code: 'GATE_CLOSED', problems: [{ message: 'Generation 2 has 4 entities.', where: 'view touch@1, generation 2 through epoch 1, rule mine' }] })
    expect(await stage.pointer).toMatchObject({ n: 1, planned: null, next: 3, purge: [{ n: 2 }] })
    expect(await readWriteSet(stage.world.stores.objects, stage.world.view, 2)).toBeNull()
    expect(await stage.finish(stage.run())).toMatchObject({ kind: 'published', n: 3, base: 1 })
    expect(await stage.pointer).toMatchObject({ purge: [] })
  })

  it('is compared by its gate with its base, whatever was blocked in between', async () => {
    const stage = new Stage()
    await stage.publish()
    await stage.world.seal()
    const compared: unknown[] = []
    const runWith = (failures: readonly GateFailure[]) => stage.finish(stage.run('sound', { gate: { check: ({ n, base, baseFigures }) => {
      compared.push([n, base, baseFigures?.entityCount])
      return failures
    } } }))
    expect(await codeOf(runWith([{ rule: 'mine', message: 'No.' }]))).toBe('GATE_CLOSED')
    await runWith([])
    expect(compared).toEqual([[2, 1, 4], [3, 1, 4]])
  })

  it('is not published before its rows show as they were loaded', async () => {
    const stage = new Stage()
    await stage.world.seal()
    const { stores } = stage.world
    let areOther = true
    const views = { ...stores.views, readNewest: async (...asked: Parameters<typeof stores.views.readNewest>) => {
      const rows = await stores.views.readNewest(...asked)
      return areOther ? rows.map((row) => row && { ...row, blob: row.blob.subarray(1) }) : rows
    } }
    const run = stage.run('sound', { stores: { ...stores, views } })
    await stage.through(run, 'load')
    let step = await run.step()
    while (step.kind === 'working' && step.stage === 'load') step = await run.step()
    expect(step).toMatchObject({ kind: 'waiting', stage: 'confirm' })
    areOther = false
    expect(await stage.finish(run)).toMatchObject({ kind: 'published', n: 1 })
  })

  it('waits for the lease before it purges what was read, and drops it from the list once it is gone', async () => {
    const stage = new Stage()
    await stage.publish()
    await stage.publish('nonsense')
    await stage.rollBack(1)
    await stage.world.seal()
    const run = stage.run()
    await stage.through(run, 'check')
    expect(await run.step()).toEqual({ kind: 'waiting', stage: 'purge', untilMs: stage.world.clock.steadyMs() + LEASE_MS + 1 })
    expect(await stage.pointer).toMatchObject({ n: 1, published: [{ n: 1 }], purge: [{ n: 2 }] })
    await stage.finish(run)
    expect(await stage.pointer).toMatchObject({ n: 3, published: [{ n: 1 }, { n: 3 }], purge: [] })
    expect((await stage.world.stores.views.generationsOf(stage.world.view, stage.world.entities)).flat()).not.toContain(2)
  })

  it('waits for nobody before it purges what was never published', async () => {
    const stage = new Stage()
    await stage.publish()
    await stage.world.seal()
    await stage.through(stage.run('nonsense'), 'load')
    const run = stage.run()
    for (let step = await run.step(); step.kind !== 'over'; step = await run.step()) expect(step.kind).toBe('working')
    expect(await stage.judge(await stage.pointer)).toBeNull()
  })

  it('loses to a rollback, even where the pointer comes back', async () => {
    const stage = new Stage()
    for (let i = 0; i < 2; i++) await stage.publish()
    await stage.world.seal()
    const run = stage.run()
    await stage.through(run, 'load')
    await stage.rollBack(1)
    await stage.rollBack(2)
    expect(await codeOf(stage.finish(run))).toBe('POINTER_MOVED')
    expect(await stage.pointer).toMatchObject({ n: 2, planned: { n: 3 } })
  })

  it('loses to a run that was planned since it loaded, and does not pass for published', async () => {
    const stage = new Stage()
    await stage.publish()
    await stage.world.seal()
    const run = stage.run()
    await stage.through(run, 'load')
    await stage.through(stage.run(), 'plan')
    expect(await codeOf(stage.finish(run))).toBe('POINTER_MOVED')
    expect(await stage.pointer).toMatchObject({ n: 1, planned: { n: 3 } })
  })

  it('loads nothing where the pointer was moved before its write-set could be found', async () => {
    const stage = new Stage()
    for (let i = 0; i < 2; i++) await stage.publish()
    await stage.world.seal()
    const run = stage.run()
    await stage.through(run, 'record')
    await stage.rollBack(1)
    expect(await codeOf(stage.finish(run))).toBe('POINTER_MOVED')
    expect((await stage.world.stores.views.generationsOf(stage.world.view, stage.world.entities)).flat()).not.toContain(3)
  })

  it('takes over what another one has recorded, and both may come to the end', async () => {
    const stage = new Stage()
    await stage.publish()
    await stage.world.seal()
    const first = stage.run()
    await stage.through(first, 'load')
    expect(await stage.finish(stage.run('nonsense', { isTakingOver: true }))).toMatchObject({ kind: 'published', n: 2 })
    expect(await stage.finish(first)).toMatchObject({ kind: 'published', n: 2, pointer: { next: 3 } })
    expect(await stage.judge(await stage.pointer)).toBeNull()
  })

  it('stages parts of bounded size, and refuses one that is damaged', async () => {
    const stage = new Stage()
    await stage.publish()
    const { objects } = stage.world.stores
    const { parts } = (await readWriteSet(objects, stage.world.view, 1))!
    expect(parts.reduce((sum, { rowCount }) => sum + rowCount, 0)).toBe(4)
    expect(parts.length).toBeGreaterThan(1)
    const { etag, bytes } = (await objects.get(parts[0]!.key))!
    bytes[20]! ^= 1
    await objects.replace(parts[0]!.key, etag, bytes)
    await expect(readPart(objects, parts[0]!)).rejects.toMatchObject({ code: 'STORE_DAMAGED' })
  })
})

describe('taking over', () => {
  it('goes on with what another run has recorded, on the generation that is read', async () => {
    const stage = new Stage()
    await stage.publish()
    await stage.world.seal()
    await stage.through(stage.run(), 'record')
    expect(await stage.finish(stage.run('nonsense', { isTakingOver: true }))).toMatchObject({ kind: 'published', n: 2, base: 1 })
    expect(await stage.judge(await stage.pointer)).toBeNull()
  })

  it('leaves what was planned before a rollback, which it would undo', async () => {
    const stage = new Stage()
    for (let i = 0; i < 2; i++) await stage.publish()
    await stage.world.seal()
    await stage.through(stage.run(), 'record')
    await stage.rollBack(1)
    expect(await stage.finish(stage.run('sound', { isTakingOver: true }))).toMatchObject({ kind: 'published', n: 4, base: 1 })
    expect(await stage.judge(await stage.pointer)).toBeNull()
  })
})

describe('rolling back', () => {
  it('goes to what is published from the floor on, and nowhere else', async () => {
    const stage = new Stage()
    expect(await codeOf(stage.rollBack(1))).toBe('ROLLBACK_REFUSED')
    for (let i = 0; i < 3; i++) await stage.publish()
    expect(await stage.pointer).toMatchObject({ n: 3, floor: 2, published: [{ n: 2 }, { n: 3 }] })
    for (const n of [0, 1, 4, -1]) expect([n, await codeOf(stage.rollBack(n))]).toEqual([n, 'ROLLBACK_REFUSED'])
    expect(await stage.rollBack(2)).toMatchObject({ n: 2, floor: 2 })
    expect(await stage.rollBack(3)).toMatchObject({ n: 3 })
    await stage.rollBack(2)
    await stage.publish()
    expect(await codeOf(stage.rollBack(3))).toBe('ROLLBACK_REFUSED')
    expect(await stage.pointer).toMatchObject({ n: 4, floor: 2 })
  })

  it('to where the pointer is changes nothing, and no run loses to it', async () => {
    const stage = new Stage()
    await stage.publish()
    await stage.world.seal()
    const run = stage.run()
    await stage.through(run, 'load')
    const before = await stage.pointer
    expect(await stage.rollBack(1)).toEqual(before)
    expect(await stage.finish(run)).toMatchObject({ kind: 'published', n: 2 })
  })

  it('is described', async () => {
    const stage = new Stage()
    for (let i = 0; i < 3; i++) await stage.publish()
    await stage.rollBack(2)
    await stage.world.seal()
    await stage.through(stage.run(), 'plan')
    expect(describePointer(await stage.pointer, 1_000)).toMatchObject({
      view: 'touch@1', n: 2, cut: 1, floor: 2, floorCut: 1, next: 5, voidNumbers: [3], purge: [{ n: 3 }],
      generations: [{ n: 2, cutEndMs: 2_000, state: 'read', isFloor: true }, { n: 4, base: 2, cut: 3, cutEndMs: 4_000, state: 'planned', publishedAtMs: null }],
    })
  })
})

describe('a clean-up', () => {
  it('keeps of each entity the newest row up to the floor, and the staged objects from the floor on', async () => {
    const stage = new Stage()
    for (let i = 0; i < 4; i++) await stage.publish()
    const { stores, view, entities, clock } = stage.world
    const cleaner = createCleaner({ stores, view, leaseMs: LEASE_MS })
    expect(await cleaner.step()).toEqual({ kind: 'waiting', untilMs: clock.steadyMs() + LEASE_MS + 1 })
    expect((await stores.views.generationsOf(view, entities)).some((generations) => generations.length > 2)).toBe(true)
    clock.step(LEASE_MS + 1)
    while ((await cleaner.step()).kind === 'working');
    for (const generations of await stores.views.generationsOf(view, entities)) expect(generations.filter((n) => n <= 3).length).toBe(1)
    expect(new Set((await stagedKeys(stage.world)).map((key) => key.slice(stagedPrefix(view).length)[0]))).toEqual(new Set(['3', '4']))
    expect(await cleaner.step()).toEqual({ kind: 'idle' })
    for (const n of [3, 4]) expect(await stage.judge({ ...(await stage.pointer), n })).toBeNull()
  })

  it('removes all that was staged below the floor, of each generation its write-set first, and goes on where it was stopped', async () => {
    const stage = new Stage()
    for (let i = 0; i < 4; i++) await stage.publish()
    const { stores, view, clock } = stage.world
    const staged = await stagedKeys(stage.world)
    const below = [1, 2].map((n) => staged.filter((key) => stagedNumber(view, key) === n).sort((a, b) => Number(b === writeSetKey(view, n)) - Number(a === writeSetKey(view, n))))
    expect(below.map((keys) => keys[0])).toEqual([writeSetKey(view, 1), writeSetKey(view, 2)])
    let left = 1
    const removed: string[] = []
    const objects = { ...stores.objects, async remove(key: string) {
      if (left-- === 0) throw new TidemarkError([{ code: 'STORE_UNAVAILABLE', message: 'It was lost.', where: key, action: 'Again.' }])
      await stores.objects.remove(key)
      if (!removed.includes(key)) removed.push(key)
    } }
    const cleaner = createCleaner({ stores: { ...stores, objects }, view, leaseMs: LEASE_MS })
    const clean = async (): Promise<void> => {
      for (let step = await cleaner.step(); step.kind !== 'idle'; step = await cleaner.step()) clock.step(LEASE_MS)
    }
    expect(await codeOf(clean())).toBe('STORE_UNAVAILABLE')
    expect(await readWriteSet(stores.objects, view, 1)).toBeNull()
    await clean()
    expect(removed).toEqual(below.flat())
    expect(await stagedKeys(stage.world)).toEqual(staged.filter((key) => stagedNumber(view, key)! > 2))
    for (const n of [3, 4]) expect(await readWriteSet(stores.objects, view, n)).not.toBeNull()
  })

  it('bears a write-set that was recorded after its parts were cleaned up', async () => {
    const stage = new Stage()
    await stage.publish()
    await stage.world.seal()
    const zombie = stage.run()
    await stage.through(zombie, 'gate')
    for (let i = 0; i < 3; i++) await stage.finish(stage.run()).then(() => stage.world.seal())
    const { stores, view, clock } = stage.world
    const clean = async (): Promise<void> => {
      const cleaner = createCleaner({ stores, view, leaseMs: LEASE_MS })
      for (let step = await cleaner.step(); step.kind !== 'idle'; step = await cleaner.step()) clock.step(LEASE_MS)
    }
    await clean()
    await stage.through(zombie, 'record')
    expect(await codeOf(stage.finish(zombie))).toBe('POINTER_MOVED')
    await clean()
    expect((await stagedKeys(stage.world)).some((key) => key.includes('/2/'))).toBe(false)
  })
})

describe('the gate', () => {
  const figures: GenerationFigures = { recordCount: 100, rejectedCount: 0, eventCount: 100, entityCount: 200, newEntityCount: 0, sampledCount: 200, nullShares: { mean_1h: 0.1 } }
  const rulesOf = async (found: Partial<GenerationFigures>, options: Partial<typeof DEFAULT_GATE> = {}, base: GenerationFigures | null = figures): Promise<string[]> =>
    (await judgeGeneration({ ...DEFAULT_GATE, ...options }, { view: 'v@1', n: 2, base: 1, cut: 3, figures: { ...figures, ...found }, baseFigures: base })).map(({ rule }) => rule)

  it('closes on each of its rules, and on nothing else', async () => {
    expect(await rulesOf({})).toEqual([])
    expect(await rulesOf({ rejectedCount: 5 })).toEqual([])
    expect(await rulesOf({ rejectedCount: 6 })).toEqual(['rejectedShareMax'])
    expect(await rulesOf({ recordCount: 0, eventCount: 0 })).toEqual(['isEmptyAllowed'])
    expect(await rulesOf({ recordCount: 0, eventCount: 0 }, { isEmptyAllowed: true })).toEqual([])
    expect(await rulesOf({ entityCount: 99 }, { entityShareMin: 0.5 })).toEqual(['entityShareMin'])
    expect(await rulesOf({ entityCount: 99 }, { entityShareMin: 0.5 }, null)).toEqual([])
    expect(await rulesOf({ nullShares: { mean_1h: 0.59 } })).toEqual([])
    expect(await rulesOf({ nullShares: { mean_1h: 0.61 } })).toEqual(['nullShareRiseMax'])
    expect(await rulesOf({ nullShares: { mean_1h: 0.61 }, sampledCount: 100 })).toEqual(['nullShareRiseMax'])
    expect(await rulesOf({ nullShares: { mean_1h: 0.61 }, sampledCount: 99 })).toEqual([])
    expect(await rulesOf({ nullShares: { mean_1h: 0.61 } }, {}, { ...figures, sampledCount: 99 })).toEqual([])
    expect(await rulesOf({ nullShares: { mean_1h: 0.2 } }, { nullShareMax: { mean_1h: 0.15 } })).toEqual(['nullShareMax'])
  })
})
