import { describe, expect, it } from '@jest/globals'
import { setImmediate } from 'node:timers/promises'
import type { ArchivedRecord } from '@tidemark/ports/archive-format'
import { encodeSegment } from '@tidemark/ports/testing/encode-segment'
import { ticks } from '../testing/archive-history.ts'
import { ArchiveWorld } from '../testing/archive-world.ts'
import { ARCHIVE_BUGS } from '../testing/archive-bugs.ts'
import { plainFormat } from '../testing/plain-stores.ts'
import { Turns } from '../testing/turns.ts'
import { readSealRegister } from '../log/change-seal-register.ts'
import { declareAppendTime } from '../log/declare-append-time.ts'
import { manifestKey, type SealedPartition } from '../log/manifest.ts'
import { brokenSeams } from '../log/seal-register.ts'
import { ARCHIVE_RULES } from './archive-rules.ts'
import { readManifests } from './manifest-store.ts'
import { segmentsOf } from './open-epochs.ts'
import { positionAfter } from './position-after.ts'

describe('deliberate bugs', () => {
  it.each(ARCHIVE_BUGS)('$name is caught by its schedule', async ({ name, rule, schedule }) => {
    expect(await schedule(ARCHIVE_RULES)).toBeNull()
    const wrong = await schedule({ ...ARCHIVE_RULES, ...rule })
    expect(`${name}: ${wrong}`).not.toBe(`${name}: null`)
  })
})

describe('an archiver', () => {
  it('seals what a record proves, and says in the manifest where it is and what proved it', async () => {
    const world = new ArchiveWorld(1, 11_150)
    world.append(0, 10_100)
    world.log.write(0, 10_150, 'nonsense')
    world.append(0, 10_200)
    // A marker that nobody sees is of no epoch: the next one begins behind it.
    world.log.write(0, 10_900, null)
    world.append(0, 11_050, 11_060)
    await world.settle(world.archiver())
    const [manifest, ...more] = await readManifests(world.objects, world.registers, ticks, null, 10)
    expect(more).toEqual([])
    expect(manifest).toMatchObject({ source: 'ticks', sourceVersion: 1, after: null, through: 10 })
    expect(manifest!.partitions).toMatchObject([{ partition: 0, end: 4, knownTimeMs: 10_200, mark: { offset: 2, appendTimeMs: 10_200 }, proof: { offset: 4, appendTimeMs: 11_050 } }])
    expect(manifest!.partitions[0]!.segments).toMatchObject([
      { key: 'archive/ticks/0/10/0-2.v1.json', epoch: 10, firstOffset: 0, lastOffset: 2, rowCount: 2, rejectedCount: 0 },
      { key: 'archive/ticks/0/10/1-1.v1.rejected.json', epoch: 10, firstOffset: 1, lastOffset: 1, rowCount: 1, rejectedCount: 1 },
    ])
    expect(segmentsOf(manifest!).map(({ isRejected }) => isRejected)).toEqual([false, true])
    expect(positionAfter(manifest!, await world.register(), 0)).toMatchObject({ next: 4, epoch: 10, knownTimeMs: 10_200, mark: { offset: 2 } })
  })

  it('seals nothing before there is a first record, then idle epochs together', async () => {
    const world = new ArchiveWorld(2, 10_000)
    const archiver = world.archiver()
    expect(await world.settle(archiver, 20_000)).toBe('idle')
    expect((await world.register()).sealedThrough).toBeNull()
    world.append(1, 20_000)
    // Its end has to be more than the skew ago.
    await world.settle(archiver, 24_200)
    expect((await world.register()).sealedThrough).toBe(22)
    await world.settle(archiver, 24_201)
    expect((await world.register()).sealedThrough).toBe(23)
    expect(await world.archived()).toEqual({ '1 0': 20 })
  })

  it('cuts segments alike whatever it reads at a time', async () => {
    const keysOf = async (fetchCountMax: number): Promise<string[]> => {
      const world = new ArchiveWorld(1, 20_000)
      world.append(0, ...Array.from({ length: 11 }, (_, i) => 10_000 + i * 150))
      await world.settle(world.archiver({ limits: { fetchCountMax, segmentCountMax: 3 } }))
      return [...world.objects.objects.keys()].filter((key) => !key.includes('manifests'))
    }
    const keys = await keysOf(100)
    expect(keys.map((key) => key.slice('archive/ticks/0/'.length))).toEqual(['10/0-2.v1.json', '10/3-5.v1.json', '10/6-6.v1.json', '11/7-9.v1.json', '11/10-10.v1.json'])
    for (const fetchCountMax of [1, 2, 5]) expect(await keysOf(fetchCountMax)).toEqual(keys)
  })

  it.each([1, 2, 3])('seals no more at once than a manifest holds, of %i partitions', async (partitionCount) => {
    const world = new ArchiveWorld(partitionCount, 40_000)
    for (let partition = 0; partition < partitionCount; partition++) world.append(partition, ...Array.from({ length: 20 }, (_, i) => 10_000 + i * 1_000))
    await world.settle(world.archiver({ limits: { sealSegmentsMax: 5 } }))
    const manifests = await readManifests(world.objects, world.registers, ticks, null, (await world.register()).sealedThrough!)
    expect(Math.max(...manifests.map((manifest) => segmentsOf(manifest).length))).toBeLessThanOrEqual(5)
    expect(Object.keys(await world.archived())).toHaveLength(20 * partitionCount)
  })

  it('opens a partition again for a record that breaks the skew, and says which cuts lack it', async () => {
    const world = new ArchiveWorld(1, 11_500)
    const archiver = world.archiver()
    world.append(0, 10_500)
    await world.settle(archiver)
    world.append(0, 10_600, 10_700)
    await world.settle(archiver, 13_000)
    expect(world.alarms).toEqual([{ code: 'SEAM_BROKEN', message: expect.stringContaining('10'), where: 'source ticks, partition 0, offset 1' }])
    expect(await world.archived()).toEqual({ '0 0': 10, '0 1': 11, '0 2': 11 })
    const register = await world.register()
    expect(brokenSeams(register, 10)).toEqual([{ partition: 0, offset: 1, epoch: 11, reason: 'skew' }])
    expect(brokenSeams(register, 11)).toEqual([])
  })

  it('stands before a mad stamp, archives the rest, and goes on once its time is declared', async () => {
    const world = new ArchiveWorld(2, 11_500)
    const archiver = world.archiver()
    world.append(0, 10_500, 99_000, 11_450)
    world.append(1, 10_500, 11_400)
    expect(await world.settle(archiver)).toBe('stopped')
    expect(await world.settle(archiver, 14_000)).toBe('stopped')
    expect(world.alarms).toEqual([{ code: 'APPEND_TIME_AHEAD', message: expect.stringContaining('99000'), where: 'source ticks, partition 0, offset 1' }])
    expect((await world.register()).sealedThrough).toBeNull()
    await declareAppendTime(world, ticks, { partition: 0, offset: 1, appendTimeMs: 11_400 })
    expect(await world.settle(archiver)).toBe('idle')
    expect(await world.archived()).toEqual({ '0 0': 10, '0 1': 11, '0 2': 11, '1 0': 10, '1 1': 11 })
    await declareAppendTime(world, ticks, { partition: 0, offset: 1, appendTimeMs: 11_400 })
    await expect(declareAppendTime(world, ticks, { partition: 0, offset: 1, appendTimeMs: 11_401 })).rejects.toMatchObject({ code: 'USAGE' })
    await expect(declareAppendTime(world, ticks, { partition: 0, offset: 0, appendTimeMs: 11_401 })).rejects.toMatchObject({ code: 'APPEND_TIME_SETTLED' })
    await expect(declareAppendTime(world, ticks, { partition: 7, offset: 0, appendTimeMs: 11_401 })).rejects.toMatchObject({ code: 'USAGE' })
  })

  it('goes on with the stamp where that is accepted, though its clock is behind', async () => {
    const world = new ArchiveWorld(2, 11_500)
    const archiver = world.archiver()
    world.append(0, 10_500, 99_000, 11_450)
    world.append(1, 10_500, 11_400)
    expect(await world.settle(archiver)).toBe('stopped')
    await declareAppendTime(world, ticks, { partition: 0, offset: 1, appendTimeMs: 'stamped' })
    expect(await world.settle(archiver)).toBe('idle')
    expect(await world.archived()).toEqual({ '0 0': 10, '1 0': 10 })
    expect(await world.settle(archiver, 101_300)).toBe('idle')
    expect(await world.archived()).toEqual({ '0 0': 10, '0 1': 99, '0 2': 99, '1 0': 10, '1 1': 11 })
  })

  it('has sealed by a clock far ahead what no other time can be declared of; the stamp can be accepted', async () => {
    const world = new ArchiveWorld(1, 11_500)
    world.append(0, 10_500, 99_000)
    await world.settle(world.archiver({ clock: { nowMs: () => world.nowMs + 90_000, steadyMs: () => world.nowMs } }))
    expect(await world.archived()).toEqual({ '0 0': 10, '0 1': 99 })
    await expect(declareAppendTime(world, ticks, { partition: 0, offset: 1, appendTimeMs: 11_400 })).rejects.toMatchObject({ code: 'APPEND_TIME_SETTLED' })
    expect((await world.register()).overrides).toEqual([])
    expect(await declareAppendTime(world, ticks, { partition: 0, offset: 1, appendTimeMs: 'stamped' })).toBe(1)
  })

  it('stands, and goes on by itself, where the clock comes up to the stamp', async () => {
    const world = new ArchiveWorld(1, 11_500)
    const archiver = world.archiver()
    world.append(0, 10_500, 12_500)
    expect(await world.settle(archiver)).toBe('stopped')
    expect(await world.settle(archiver, 12_300)).toBe('idle')
    expect(await world.archived()).toEqual({ '0 0': 10 })
  })

  it('seals nothing while a partition has another log than was read, though it had read what proves an epoch', async () => {
    const world = new ArchiveWorld(2, 11_150)
    const archiver = world.archiver()
    world.append(0, 10_500, 11_100)
    world.append(1, 10_500)
    expect(await world.settle(archiver)).toBe('idle')
    world.log.cut(0, 0)
    world.append(0, 11_120, 11_130)
    for (let nowMs = 12_300; nowMs < 20_000; nowMs += 250) expect(await world.settle(archiver, nowMs)).toBe('stopped')
    // Said once.
    expect(world.codes()).toEqual(['LOG_REPLACED'])
    expect((await world.register()).sealedThrough).toBeNull()
  })

  it('reads a partition again where a time is declared of what it has taken as it is stamped, by a clock far ahead', async () => {
    const world = new ArchiveWorld(2, 11_500)
    const archiver = world.archiver({ clock: { nowMs: () => world.nowMs + 88_000, steadyMs: () => world.nowMs } })
    world.append(0, 10_500, 99_000)
    // What all clocks are behind, so that nothing is sealed meanwhile.
    world.append(1, 500_000)
    expect(await world.settle(archiver)).toBe('stopped')
    for (const partition of [0, 1]) await declareAppendTime(world, ticks, { partition, offset: 1 - partition, appendTimeMs: 11_400 })
    await world.settle(archiver, 13_000)
    expect(await world.archived()).toEqual({ '0 0': 10, '0 1': 11, '1 0': 11 })
  })

  it('goes on where an object of the same records has them as they are stamped, which was never sealed', async () => {
    const world = new ArchiveWorld(1, 10_100)
    world.append(0, 10_050, 10_900)
    const objects = { ...world.objects, async create(...given: Parameters<typeof world.objects.create>) {
      const isCreated = await world.objects.create(...given)
      await declareAppendTime(world, ticks, { partition: 0, offset: 1, appendTimeMs: 10_100 })
      return isCreated
    } }
    const ahead = world.archiver({ objects, clock: { nowMs: () => world.nowMs + 2_000, steadyMs: () => world.nowMs } })
    while ((await world.register()).overrides.length === 0) await ahead.step()
    expect((await world.register()).sealedThrough).toBeNull()
    expect(await world.settle(world.archiver(), 12_000)).toBe('idle')
    const [{ segments }] = (await world.register()).lastSeal!.partitions as [SealedPartition]
    const { key } = segments[0]!
    const records = await plainFormat.read(world.objects.objects.get(key)!.bytes, ticks, key)
    expect(records.map(({ appendTimeMs, knownTimeMs }) => [appendTimeMs, knownTimeMs])).toEqual([[10_050, 10_050], [10_100, 10_100]])
    expect([...world.objects.objects.keys()].filter((each) => !each.includes('manifest'))).toEqual(['archive/ticks/0/10/0-1.v1.json', key])
  })

  it('says that retention was faster', async () => {
    const world = new ArchiveWorld(1, 10_600)
    const archiver = world.archiver()
    world.append(0, 10_500)
    await world.settle(archiver)
    world.append(0, 10_550, 10_560)
    world.log.retain(0, 2)
    expect(await world.settle(archiver)).toBe('stopped')
    expect(world.codes()).toEqual(['LOG_OFFSET_GONE'])
  })

  it('goes on where retention has removed only what is archived', async () => {
    const world = new ArchiveWorld(1, 10_600)
    const archiver = world.archiver()
    world.append(0, 10_500, 10_550)
    await world.settle(archiver)
    world.log.retain(0, 2)
    expect(await world.settle(archiver, 12_000)).toBe('idle')
    expect(await world.settle(world.archiver(), 13_000)).toBe('idle')
  })

  it('opens a partition where its log begins by then', async () => {
    const world = new ArchiveWorld(1, 11_500)
    world.append(0, 10_400, 10_500, 10_600)
    world.log.retain(0, 2)
    expect(await world.settle(world.archiver(), 12_500)).toBe('idle')
    expect((await world.register()).openings).toEqual([{ partition: 0, offset: 2, epoch: null, reason: 'first' }])
    expect(await world.archived()).toEqual({ '0 2': 10 })
    expect(world.alarms).toEqual([])
  })

  it('gives each record its own append time, or the declared one, and the running maximum as its known time', async () => {
    const world = new ArchiveWorld(1, 10_900)
    world.append(0, 10_500, 99_000, 10_400)
    const archiver = world.archiver()
    await world.settle(archiver)
    await declareAppendTime(world, ticks, { partition: 0, offset: 1, appendTimeMs: 10_600 })
    await world.settle(archiver, 13_000)
    const key = 'archive/ticks/0/10/0-2.v1.json'
    const records = await plainFormat.read(world.objects.objects.get(key)!.bytes, ticks, key)
    expect(records.map(({ record, appendTimeMs, knownTimeMs }) => [record.appendTimeMs, appendTimeMs, knownTimeMs])).toEqual([[10_500, 10_500, 10_500], [99_000, 10_600, 10_600], [10_400, 10_400, 10_600]])
  })

  it('compares with the log at once where its clock is set back', async () => {
    const world = new ArchiveWorld(1, 20_000)
    const archiver = world.archiver()
    world.append(0, 10_500)
    await world.settle(archiver)
    world.log.cut(0, 0)
    world.append(0, 10_600)
    expect(await world.settle(archiver, 15_000)).toBe('stopped')
    expect(world.codes()).toEqual(['LOG_REPLACED'])
  })

  it('says that the log ends before what was archived', async () => {
    const world = new ArchiveWorld(1, 10_600)
    const archiver = world.archiver()
    world.append(0, 10_500, 10_550)
    await world.settle(archiver)
    world.log.cut(0, 1)
    expect(await world.settle(archiver, 12_000)).toBe('stopped')
    expect(world.codes()).toEqual(['LOG_REPLACED'])
  })

  it.each([1, 2, 3])('fails with the store, at object %i, and archives everything all the same once it answers', async (failing) => {
    const world = new ArchiveWorld(1, 14_000)
    world.append(0, 10_100, 10_200, 11_100, 11_200, 12_100, 13_100)
    let count = 0
    const objects: ArchiveWorld['objects'] = {
      ...world.objects,
      create: async (key, bytes) => {
        await setImmediate()
        if (++count === failing) throw new Error(`no room for ${key}`)
        return world.objects.create(key, bytes)
      },
    }
    const archiver = world.archiver({ objects })
    await expect(world.settle(archiver)).rejects.toThrow('no room')
    const started = count
    await setImmediate()
    expect(count).toBe(started)
    await world.settle(archiver)
    expect(await world.archived()).toEqual({ '0 0': 10, '0 1': 10, '0 2': 11, '0 3': 11, '0 4': 12 })
  })

  describe('where an object of the key is there', () => {
    const key = 'archive/ticks/0/10/0-1.v1.json'
    const resultOf = async (change: (records: ArchivedRecord[]) => ArchivedRecord[], ...beside: readonly string[]): Promise<string> => {
      const world = new ArchiveWorld(1, 12_000)
      world.append(0, 10_500, 10_400)
      const records = [10_500, 10_400].map((appendTimeMs, offset): ArchivedRecord => (
        { record: { offset, appendTimeMs, key: null, value: Buffer.from(`{"at":${appendTimeMs}}`), headers: {} }, appendTimeMs, knownTimeMs: 10_500, row: [appendTimeMs, null], rejection: null }
      ))
      const segment = { source: ticks, partition: 0, epoch: 10, records: change(records) }
      for (const each of [key, ...beside]) await world.objects.create(each, await encodeSegment(plainFormat, segment))
      const archiver = world.archiver()
      return world.settle(archiver).catch(({ code, problems: [problem] }: { code: string; problems: { where: string }[] }) => `${code} at ${problem!.where}`)
    }
    const last = (change: (record: ArchivedRecord) => Partial<ArchivedRecord>) => ([first, second]: ArchivedRecord[]) => [first!, { ...second!, ...change(second!) }]

    it('takes the same records, in whatever bytes', async () => {
      expect(await resultOf((records) => records)).toBe('idle')
      expect(await resultOf(last(({ record: { headers, ...record } }) => ({ record: { headers, ...record } })))).toBe('idle')
    })

    it.each<[string, (records: ArchivedRecord[]) => ArchivedRecord[]]>([
      ['fewer records', (records) => records.slice(0, 1)],
      ['another value', last(({ record }) => ({ record: { ...record, value: Buffer.from('{"at":1}') } }))],
      ['another offset', last(({ record }) => ({ record: { ...record, offset: 7 } }))],
      ['another append time in the log', last(({ record }) => ({ record: { ...record, appendTimeMs: 10_401 } }))],
    ])('stops before one with %s', async (_, change) => {
      expect(await resultOf(change)).toBe(`LOG_REPLACED at ${key}`)
    })

    it.each<[string, Partial<ArchivedRecord>]>([
      ['another declared append time', { appendTimeMs: 10_401 }], ['another known time', { knownTimeMs: 10_400 }],
    ])('writes beside one with %s; stops where there is another one beside it too', async (_, change) => {
      expect(await resultOf(last(() => change))).toBe('idle')
      const beside = 'archive/ticks/0/10/0-1.1dac8739.v1.json'
      expect(await resultOf(last(() => change), beside)).toBe(`LOG_REPLACED at ${beside}`)
    })
  })

  it.each([0, 1])('archives the same whoever dies where, with %i who come back late', async (zombies) => {
    const script = (world: ArchiveWorld): void => {
      world.append(0, 10_100, 10_200, 10_300, 11_100, 12_100)
      world.append(1, 10_900)
    }
    const whole = new ArchiveWorld(2, 14_000)
    script(whole)
    await whole.settle(whole.archiver({ limits: { segmentCountMax: 2 } }))
    const expected = await whole.archived()
    expect(Object.keys(expected)).toHaveLength(6)
    for (let calls = 1; ; calls++) {
      const world = new ArchiveWorld(2, 14_000)
      script(world)
      const turns = new Turns()
      const limits = { segmentCountMax: 2 }
      const first = world.archiver({ limits, log: turns.gated(world.log), registers: turns.gated(world.registers), objects: turns.gated(world.objects) })
      for (let i = 0; i < calls; i++) await turns.advance(() => first.step())
      const isDone = (await world.register()).sealedThrough === 12 && !turns.isRunning
      await world.settle(world.archiver({ limits }))
      if (zombies > 0) for (let i = 0; i < 30; i++) await turns.advance(() => first.step())
      expect(await world.archived()).toEqual(expected)
      expect(world.alarms).toEqual([])
      if (isDone) break
    }
  })
})

describe('manifests', () => {
  async function sealedWorld(): Promise<ArchiveWorld> {
    const world = new ArchiveWorld(1, 11_500)
    const archiver = world.archiver()
    for (const at of [10_500, 11_500, 12_500]) {
      world.append(0, at)
      await world.settle(archiver, at + 1_000)
    }
    return world
  }

  it('are walked from one cut back to another', async () => {
    const { objects, registers } = await sealedWorld()
    const walk = async (after: number | null, through: number): Promise<number[]> => (await readManifests(objects, registers, ticks, after, through)).map((manifest) => manifest.through)
    expect(await walk(null, 12)).toEqual([10, 11, 12])
    expect(await walk(-Infinity, 11)).toEqual([10, 11])
    expect(await walk(10, 12)).toEqual([11, 12])
    expect(await walk(11, 11)).toEqual([])
  })

  it('are published from the register by whoever needs one first', async () => {
    const { objects, registers } = await sealedWorld()
    const key = manifestKey('ticks', 12)
    const { bytes } = objects.objects.get(key)!
    await objects.remove(key)
    await readManifests(objects, registers, ticks, 11, 12)
    expect(objects.objects.get(key)!.bytes).toEqual(bytes)
  })

  it('are missed, and a damaged one is noticed', async () => {
    const world = await sealedWorld()
    const { objects, registers } = world
    const walk = (after: number | null, through: number): Promise<unknown> => readManifests(objects, registers, ticks, after, through)
    await expect(walk(null, 13)).rejects.toMatchObject({ code: 'OBJECT_MISSING' })
    await expect(walk(9, 12)).rejects.toMatchObject({ code: 'OBJECT_MISSING' })
    const key = manifestKey('ticks', 11)
    const object = objects.objects.get(key)!
    objects.objects.set(key, { ...object, bytes: object.bytes.slice(1) })
    await expect(walk(null, 12)).rejects.toMatchObject({ code: 'STORE_DAMAGED' })
    objects.objects.set(key, objects.objects.get(manifestKey('ticks', 10))!)
    await expect(walk(null, 12)).rejects.toMatchObject({ code: 'STORE_DAMAGED' })
    await objects.remove(key)
    await expect(walk(null, 12)).rejects.toMatchObject({ code: 'OBJECT_MISSING', problems: [{ where: key }] })
  })

  it('are not sealed over while the last one is not published', async () => {
    const world = await sealedWorld()
    const key = manifestKey('ticks', 12)
    world.objects.objects.set(key, { etag: key, bytes: Buffer.from('{}') })
    world.append(0, 20_000)
    await expect(world.settle(world.archiver(), 30_000)).rejects.toMatchObject({ code: 'STORE_DAMAGED' })
    expect((await readSealRegister(world.registers, ticks)).register.sealedThrough).toBe(12)
  })
})
