import { describe, expect, it } from '@jest/globals'
import { seededRandom, type Random } from '@tidemark/aggregation/testing/random'
import { emptySealRegister } from '../log/seal-register.ts'
import { replaceSealRegister } from '../log/change-seal-register.ts'
import { encodeManifest, manifestKey, MANIFEST_VERSION, type Manifest, type Segment } from '../log/manifest.ts'
import { ticks } from '../testing/archive-history.ts'
import { createPlainObjects, createPlainRegisters } from '../testing/plain-stores.ts'
import { ArchivedRanges } from './archived-ranges.ts'
import type { IngestContext } from './ingest-context.ts'

const seeds = process.env.TIDEMARK_SEED === undefined ? Array.from({ length: Number(process.env.TIDEMARK_RUNS ?? 300) }, (_, i) => i + 1) : [Number(process.env.TIDEMARK_SEED)]

/** An offset's record; null: there is none that anybody sees. */
type Kept = 'accepted' | 'rejected' | null

interface Drawn {
  readonly records: readonly Kept[]
  /** Whether all that is sealed is accounted for: there are no gaps, and every manifest can be read, is of this version and has all records. */
  readonly isAccounted: boolean
  readonly sealedEnd: number
}

function segmentsOf(records: readonly Kept[], from: number, end: number, countMax: number): Segment[] {
  const segments: Segment[] = []
  for (let first = from; first < end; first += countMax) {
    for (const kept of ['accepted', 'rejected'] as const) {
      const offsets = Array.from({ length: Math.min(countMax, end - first) }, (_, i) => first + i).filter((offset) => records[offset] === kept)
      if (offsets.length === 0) continue
      segments.push({ key: `${kept} ${first}`, epoch: 1, firstOffset: offsets[0]!, lastOffset: offsets.at(-1)!, rowCount: offsets.length, rejectedCount: kept === 'rejected' ? offsets.length : 0, sizeBytes: 1, checksum: 1 })
    }
  }
  return segments
}

/** A log of some hundred offsets, sealed in pieces; its end is not sealed. */
async function worldOf(random: Random): Promise<Drawn & { readonly context: IngestContext }> {
  const [registers, objects] = [createPlainRegisters(), createPlainObjects()]
  const gapShare = random.pick([0, 0, 0.01])
  const rejectedShare = random.pick([0, 0.02, 0.3])
  const records = Array.from({ length: random.between(1, 300) }, (): Kept => (random.chance(gapShare) ? null : random.chance(rejectedShare) ? 'rejected' : 'accepted'))
  const sealCount = random.below(7)
  const readableCount = random.chance(0.7) ? sealCount : random.below(sealCount + 1)
  const lossShare = random.pick([0, 0, 0.1])
  let isAccounted = gapShare === 0 && readableCount === sealCount
  let end = 0
  let after: number | null = null
  let lastSeal: Manifest | null = null
  for (let seal = 0; seal < sealCount; seal++) {
    const from = end
    end = Math.min(records.length, from + random.below(80))
    const isReadable = seal >= sealCount - readableCount
    const isOther = !isReadable && random.chance(0.5)
    // What another version accepts, this one may reject.
    const all = segmentsOf(isOther ? records.map((kept) => kept && 'accepted') : records, from, end, random.between(5, 50))
    const segments = all.filter(() => !random.chance(lossShare))
    isAccounted &&= segments.length === all.length
    lastSeal = {
      formatVersion: MANIFEST_VERSION, source: ticks.name, sourceVersion: isOther ? 2 : 1, after, through: 10 + seal,
      partitions: [{ partition: 0, end, knownTimeMs: null, mark: null, proof: null, segments }],
    }
    after = lastSeal.through
    if (isReadable || isOther) await objects.create(manifestKey(ticks.name, after), encodeManifest(lastSeal))
  }
  await replaceSealRegister(registers, null, { ...emptySealRegister(ticks.name, ticks.epochLengthMs), lastSeal, sealedThrough: after })
  return { records, isAccounted, context: { registers, objects, source: ticks } as unknown as IngestContext, sealedEnd: end }
}

describe('what the archive says of rejected records', () => {
  it('leaves out none of them, and nothing else of what it accounts for', async () => {
    for (const seed of seeds) {
      const world = await worldOf(seededRandom(seed))
      const ranges = await ArchivedRanges.of(world.context, 0)
      while (!(await ranges.readBack(world.context, 0)));
      const looked = new Set<number>()
      for (let at = 0; at < world.records.length; ) {
        const { from, to } = ranges.next(at)
        expect(from >= at && to > from).toBe(true)
        for (let offset = from; offset < Math.min(to, world.records.length); offset++) looked.add(offset)
        at = to
      }
      const missed = world.records.flatMap((kept, offset) => (kept === 'rejected' && !looked.has(offset) ? [offset] : []))
      expect(`TIDEMARK_SEED=${seed} replays this: ${missed.join()}`).toBe(`TIDEMARK_SEED=${seed} replays this: `)
      const sealed = world.records.slice(0, world.sealedEnd)
      if (world.isAccounted && !sealed.includes('rejected')) expect(Math.min(...looked)).toBeGreaterThanOrEqual(world.sealedEnd)
    }
  })

  it('is read as far back as is asked for, some manifests at a time', async () => {
    const [registers, objects] = [createPlainRegisters(), createPlainObjects()]
    const keys: string[] = []
    const counted = { ...objects, get: async (key: string) => (keys.push(key), objects.get(key)) }
    let lastSeal: Manifest | null = null
    for (let seal = 0; seal < 200; seal++) {
      const segments = segmentsOf(Array.from({ length: 10 * seal + 10 }, (): Kept => 'accepted'), 10 * seal, 10 * seal + 10, 10)
      lastSeal = {
        formatVersion: MANIFEST_VERSION, source: ticks.name, sourceVersion: 1, after: seal === 0 ? null : seal - 1, through: seal,
        partitions: [{ partition: 0, end: 10 * seal + 10, knownTimeMs: null, mark: null, proof: null, segments }],
      }
      await objects.create(manifestKey(ticks.name, seal), encodeManifest(lastSeal))
    }
    await replaceSealRegister(registers, null, { ...emptySealRegister(ticks.name, ticks.epochLengthMs), lastSeal, sealedThrough: 199 })
    const context = { registers, objects: counted, source: ticks } as unknown as IngestContext
    const ranges = await ArchivedRanges.of(context, 0)
    const turns: [boolean, number][] = []
    do turns.push([await ranges.readBack(context, 995), keys.length])
    while (!turns.at(-1)![0])
    expect(turns).toEqual([[false, 64], [true, 102]])
    expect([ranges.next(995), ranges.next(10)]).toEqual([{ from: 2_000, to: Infinity }, { from: 10, to: 980 }])
  })
})
