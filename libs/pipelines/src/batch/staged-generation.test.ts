import { describe, expect, it } from '@jest/globals'
import { createPlainObjects } from '../testing/plain-stores.ts'
import { findPart, readPart, readWriteSet, recordWriteSet, StagingSink, WRITE_SET_VERSION, writeSetKey, type WriteSet } from './staged-generation.ts'

const writeSet: WriteSet = {
  formatVersion: WRITE_SET_VERSION, view: 'totals@1', n: 7, base: 6, cut: 481_000,
  figures: { recordCount: 20, rejectedCount: 1, eventCount: 19, entityCount: 12, newEntityCount: 3, sampledCount: 12, nullShares: { amount: 0.25 } },
  parts: [{ key: 'views/totals.1/generations/7/part-00000', rowCount: 12, sizeBytes: 1_042 }],
}

describe('the bytes of a write-set', () => {
  it('come back as they were', async () => {
    const objects = createPlainObjects()
    await recordWriteSet(objects, writeSet)
    expect(await readWriteSet(objects, 'totals@1', 7)).toEqual(writeSet)
    expect(await readWriteSet(objects, 'totals@1', 8)).toBeNull()
  })

  it('are refused where a digit of them is another one', async () => {
    const sound = createPlainObjects()
    await recordWriteSet(sound, writeSet)
    const text = Buffer.from((await sound.get(writeSetKey('totals@1', 7)))!.bytes).toString()
    for (const damaged of [text.replace('"base":6', '"base":5'), text.replace('"rowCount":12', '"rowCount":13'), JSON.stringify(writeSet)]) {
      const objects = createPlainObjects()
      await objects.create(writeSetKey('totals@1', 7), Buffer.from(damaged))
      await expect(readWriteSet(objects, 'totals@1', 7)).rejects.toMatchObject({ code: 'STORE_DAMAGED' })
    }
  })

  it('are not mixed with another generation of the same number', async () => {
    const objects = createPlainObjects()
    await recordWriteSet(objects, writeSet)
    await recordWriteSet(objects, writeSet)
    await expect(recordWriteSet(objects, { ...writeSet, cut: writeSet.cut + 1 })).rejects.toMatchObject({ code: 'STORE_DAMAGED', problems: [{ where: writeSetKey('totals@1', 7) }] })
  })

  it('of version 1, which had no checksum, are read', async () => {
    const before = { ...writeSet, formatVersion: 1 }
    const objects = createPlainObjects()
    await objects.create(writeSetKey('totals@1', 7), Buffer.from(JSON.stringify(before)))
    expect(await readWriteSet(objects, 'totals@1', 7)).toEqual(before)
  })
})

describe('a part', () => {
  it('is refused where it has other rows than its write-set says, and missed where it is not there', async () => {
    const objects = createPlainObjects()
    const sink = new StagingSink(objects, 'totals@1', 7)
    const rows = [1, 2].map((i) => ({ entity: Uint8Array.of(i), blob: Uint8Array.of(i, i) }))
    await sink.write(rows)
    const [part] = await sink.finish()
    expect(await readPart(objects, part!)).toHaveLength(2)
    await expect(readPart(objects, { ...part!, rowCount: 3 })).rejects.toMatchObject({ code: 'STORE_DAMAGED', problems: [{ where: part!.key }] })
    await objects.remove(part!.key)
    expect(await findPart(objects, part!)).toBeNull()
    await expect(readPart(objects, part!)).rejects.toMatchObject({ code: 'OBJECT_MISSING' })
  })
})
