// The whole way of records with schemas: the same events have the same features in every format, and a registry that is away, that lacks a schema, or that
// is gone costs no record and delays no other source.

import { describe, expect, it } from '@jest/globals'
import { seededRandom } from '@tidemark/aggregation/testing/random'
import { replayDeadLetters } from '@tidemark/pipelines/ingest/dead-letters'
import { openEpochs } from '@tidemark/pipelines/archive/open-epochs'
import { readSealRegister } from '@tidemark/pipelines/log/change-seal-register'
import { EPOCH_MS, FORMATS, recordOf, RegisteredWorld, START_MS, type Payment } from './registered-world.ts'

const LIMIT_MS = 60_000
const CARDS = ['ann', 'bob', 'żółw']

/** Lets what runs do so, and time pass, until something holds. */
async function until(world: RegisteredWorld, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const endMs = performance.now() + LIMIT_MS; !(await holds()); ) {
    if (performance.now() > endMs) throw new Error('It did not come to hold.')
    await new Promise((resolve) => setImmediate(resolve))
    world.clock.step(20)
  }
}

/** Lets what runs do so for a while. */
async function forSteps(world: RegisteredWorld, stepCount: number): Promise<void> {
  let count = 0
  await until(world, () => count++ === stepCount)
}

async function running(world: RegisteredWorld, work: () => Promise<void>): Promise<void> {
  const ending = new AbortController()
  const loops = [...world.system.sources.values()].map((pipeline) => pipeline.run(ending.signal))
  const failed = Promise.all(loops)
  failed.catch(() => undefined)
  try {
    await Promise.race([work(), failed.then(() => undefined)])
  } finally {
    ending.abort()
    await failed
  }
}

const paid = (card: string, cents: number | null = 5): Payment => ({ at: START_MS, card, cents })

describe('sources of several formats', () => {
  it('have the same features of the same events, of the stream and of generations', async () => {
    await using world = await RegisteredWorld.start()
    world.register('avro', 7)
    world.register('protobuf', 8)
    const random = seededRandom(1)
    await running(world, async () => {
      for (let round = 0; round < 12; round++) {
        const payments = Array.from({ length: 2 + random.below(6) }, (): Payment => ({
          at: START_MS + round * 3_000 - random.below(100_000), card: random.pick(CARDS), cents: random.pick([null, 0, 1, 999_999, -1, 2_000_000]),
        }))
        for (const format of FORMATS) await world.append(format, round % 2, payments.map((payment) => recordOf(format, payment, format === 'avro' ? 7 : 8)))
        await forSteps(world, 150)
      }
      await until(world, async () => (await Promise.all(FORMATS.map((format) => world.generationOf(format)))).every((n) => n >= 2))
    })
    for (const card of CARDS) {
      const [json, ...others] = await Promise.all(FORMATS.map((format) => world.featuresOf(format, card)))
      expect(others).toEqual([json, json])
      expect(json![0]).toBeGreaterThan(3)
    }
    const [json, ...others] = await Promise.all(FORMATS.map((format) => world.deadLettersOf(format)))
    expect(json!.length).toBeGreaterThan(3)
    // Where they were written says more; what is wrong is the same.
    for (const letters of others) expect(letters.map((letter) => letter.replace(/ It was written by schema \d\.$/, ''))).toEqual(json)
    expect(world.alarms).toEqual([])
    // For archiver and processor of both sources.
    expect(world.registry.asked.length).toBeLessThanOrEqual(4)
  }, LIMIT_MS)
})

describe('a schema registry that is away', () => {
  it('stops the source that needs it until it is back, and no other; nothing is lost, and nothing is a dead letter', async () => {
    await using world = await RegisteredWorld.start()
    world.register('avro', 7)
    world.register('protobuf', 8)
    await running(world, async () => {
      for (const format of FORMATS) await world.append(format, 0, [recordOf(format, paid('ann'), format === 'avro' ? 7 : 8)])
      await until(world, async () => (await Promise.all(FORMATS.map(async (format) => (await world.featuresOf(format, 'ann'))[0]))).every((payments) => payments === 1))
      world.registry.state = 'away'
      world.register('avro', 9)
      await world.append('avro', 0, [recordOf('avro', paid('ann'), 7), recordOf('avro', paid('ann'), 9), recordOf('avro', paid('ann'), 7)])
      await world.append('avro', 1, [recordOf('avro', paid('bob'), 9)])
      await until(world, () => world.alarms.filter(({ code }) => code === 'STORE_UNAVAILABLE').length >= 2)
      // What is of known schemas goes on, and so does what has none.
      for (const format of ['json', 'protobuf'] as const) await world.append(format, 0, [recordOf(format, paid('ann', 6), 8)])
      await until(world, async () => (await world.featuresOf('json', 'ann'))[0] === 2 && (await world.featuresOf('protobuf', 'ann'))[0] === 2)
      await forSteps(world, 500)
      expect((await world.featuresOf('avro', 'ann'))[0]).toBe(1)
      world.registry.state = 'there'
      await until(world, async () => (await world.featuresOf('avro', 'ann'))[0] === 4 && (await world.featuresOf('avro', 'bob'))[0] === 1)
      // The archive has them too.
      world.clock.step(2 * EPOCH_MS)
      await until(world, async () => (await world.generationOf('avro')) >= 1)
      expect(await world.featuresOf('avro', 'ann')).toEqual([4, 20, 20, 5])
    })
    for (const format of FORMATS) expect(await world.deadLettersOf(format)).toEqual([])
    expect(new Set(world.alarms.map(({ code, where }) => `${code} ${where.replace(/ http\S*/, '')}`))).toEqual(new Set(['STORE_UNAVAILABLE schema registry']))
  }, LIMIT_MS)

  it('that refuses the credentials ends the source\'s part with that', async () => {
    await using world = await RegisteredWorld.start()
    world.registry.authorization = 'Bearer abc'
    world.register('avro', 7)
    await world.append('avro', 0, [recordOf('avro', paid('ann'), 7)])
    const avro = world.system.sources.get('payments_avro')!
    const stepping = setInterval(() => world.clock.step(20), 1)
    try {
      await expect(avro.run(new AbortController().signal)).rejects.toMatchObject({ code: 'STORE_REFUSED' })
    } finally {
      clearInterval(stepping)
    }
    expect(await world.deadLettersOf('avro')).toEqual([])
  }, LIMIT_MS)
})

describe('a record of an unknown schema', () => {
  it('is a dead letter, once, for stream and archive alike; its neighbours count, and put back it does once its schema is there', async () => {
    await using world = await RegisteredWorld.start()
    world.register('avro', 7)
    const source = world.system.sources.get('payments_avro')!
    await running(world, async () => {
      await world.append('avro', 0, [recordOf('avro', paid('ann'), 7), recordOf('avro', paid('ann', 100), 9), recordOf('avro', paid('ann'), 7)])
      await until(world, async () => (await world.featuresOf('avro', 'ann'))[0] === 2 && (await world.deadLettersOf('avro')).length === 1)
      world.register('avro', 9)
      world.clock.step(1)
      await world.append('avro', 0, [recordOf('avro', paid('ann', 1_000), 9)])
      await until(world, async () => (await world.featuresOf('avro', 'ann'))[0] === 3)
      expect(await world.deadLettersOf('avro')).toEqual(['0 1 SCHEMA_UNKNOWN record: the schema registry has no schema 9.'])
      expect(await replayDeadLetters({ log: world.ports.log, source: source.source })).toBe(1)
      await until(world, async () => (await world.featuresOf('avro', 'ann'))[0] === 4)
      world.clock.step(2 * EPOCH_MS)
      await until(world, async () => (await world.generationOf('avro')) >= 1)
      // The generation, which is made of the archive, has the same.
      expect(await world.featuresOf('avro', 'ann')).toEqual([4, 1_110, 1_110, 100])
    })
    expect(await world.deadLettersOf('avro')).toHaveLength(1)
  }, LIMIT_MS)

  it('stays one where its record is read again by another version of the source, and the registry is gone', async () => {
    await using world = await RegisteredWorld.start()
    world.register('avro', 7)
    const { source } = world.system.sources.get('payments_avro')!
    await world.append('avro', 0, [recordOf('avro', paid('ann'), 7), recordOf('avro', paid('bob'), 9)])
    await world.append('avro', 1, [recordOf('avro', paid('ann', 3), 7)])
    const archiver = world.system.sources.get('payments_avro')!
    await archiver.drainArchive()
    world.clock.step(3 * EPOCH_MS)
    await archiver.drainArchive()
    world.register('avro', 9)
    world.registry.schemas.delete(7)
    world.registry.state = 'away'
    const { registers, objects, format, schemas } = world.ports
    const sealed = (await readSealRegister(registers, source)).register.sealedThrough!
    const version = { ...source, version: 2, fields: source.fields.map((field) => (field.name === 'cents' ? { ...field, min: 4 } : field)) }
    await using epochs = await openEpochs({ registers, objects, format, schemas: { ...(schemas as object), registry: null } as typeof schemas }, version, null, sealed)
    expect(epochs.input).toMatchObject({ kind: 'records', records: [{ card: 'ann', cents: 5 }] })
    expect((epochs.input as unknown as { records: unknown[] }).records).toHaveLength(1)
  }, LIMIT_MS)
})
