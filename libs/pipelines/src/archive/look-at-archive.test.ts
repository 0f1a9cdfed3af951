// What is missing of an archive is found at opening, and no more is said of it than was looked at.

import { beforeEach, describe, expect, it } from '@jest/globals'
import type { ObjectStore } from '@tidemark/ports/object-store'
import type { RegisterStore } from '@tidemark/ports/register-store'
import { changeSealRegister } from '../log/change-seal-register.ts'
import { encodeManifest, MANIFEST_VERSION, manifestKey, type Manifest } from '../log/manifest.ts'
import { createPlainObjects, createPlainRegisters } from '../testing/plain-stores.ts'
import { lookAtArchive } from './look-at-archive.ts'

const SEAL_COUNT = 30
const source = { name: 'clicks', epochLengthMs: 1_000 }
const segmentKey = (epoch: number): string => `archive/clicks/0/${epoch}/${epoch}-${epoch}.json`

let registers: RegisterStore
let stored: ReturnType<typeof createPlainObjects>
let objects: ObjectStore

function manifestOf(epoch: number): Manifest {
  const segment = { key: segmentKey(epoch), epoch, firstOffset: epoch, lastOffset: epoch, rowCount: 1, rejectedCount: 0, sizeBytes: 1, checksum: 0 }
  return {
    formatVersion: MANIFEST_VERSION, source: source.name, sourceVersion: 1, after: epoch === 0 ? null : epoch - 1, through: epoch,
    partitions: [{ partition: 0, end: epoch + 1, knownTimeMs: null, mark: null, proof: null, segments: [segment] }],
  }
}

/** Seals of one epoch each, with one object. */
beforeEach(async () => {
  registers = createPlainRegisters()
  stored = createPlainObjects()
  objects = {
    ...stored,
    async *list(prefix) {
      yield* [...stored.objects.keys()].filter((key) => key.startsWith(prefix)).sort()
    },
  }
  for (let epoch = 0; epoch < SEAL_COUNT; epoch++) {
    await objects.create(segmentKey(epoch), Buffer.from('1'))
    await objects.create(`${segmentKey(epoch)}x`, Buffer.from('another'))
    await objects.create(manifestKey(source.name, epoch), encodeManifest(manifestOf(epoch)))
  }
  await changeSealRegister(registers, source, (register) => ({ ...register, sealedThrough: SEAL_COUNT - 1, lastSeal: manifestOf(SEAL_COUNT - 1) }))
})

describe('a look at the archive', () => {
  it('finds all of a whole one there, and of one that has no seal', async () => {
    expect(await lookAtArchive({ objects, registers }, source)).toEqual({ sealCount: SEAL_COUNT, isAll: true, problems: [] })
    expect(await lookAtArchive({ objects, registers }, { ...source, name: 'none' })).toEqual({ sealCount: 0, isAll: true, problems: [] })
  })

  it.each([0, 7, SEAL_COUNT - 1])('finds the object of seal %d missing', async (epoch) => {
    stored.objects.delete(segmentKey(epoch))
    expect(await lookAtArchive({ objects, registers }, source)).toMatchObject({ sealCount: SEAL_COUNT, isAll: true, problems: [{ code: 'OBJECT_MISSING', where: segmentKey(epoch) }] })
  })

  it('finds a manifest missing, or damaged, and does not say that it saw what is before it', async () => {
    const key = manifestKey(source.name, 20)
    stored.objects.delete(key)
    expect(await lookAtArchive({ objects, registers }, source)).toMatchObject({ sealCount: SEAL_COUNT - 21, isAll: false, problems: [{ code: 'OBJECT_MISSING', where: key }] })
    stored.objects.set(key, { etag: key, bytes: Buffer.from('{}') })
    expect(await lookAtArchive({ objects, registers }, source)).toMatchObject({ isAll: false, problems: [{ code: 'STORE_DAMAGED', where: expect.stringContaining(key) }] })
  })

  it('looks at the newest seals of many, and names the first of many objects', async () => {
    stored.objects.delete(segmentKey(0))
    expect(await lookAtArchive({ objects, registers }, source, 10)).toEqual({ sealCount: 10, isAll: false, problems: [] })
    stored.objects.clear()
    expect(await lookAtArchive({ objects, registers }, source)).toMatchObject({ isAll: false, problems: [{ where: segmentKey(SEAL_COUNT - 1) }, { where: manifestKey(source.name, SEAL_COUNT - 2) }] })
    for (let epoch = 0; epoch < SEAL_COUNT; epoch++) await objects.create(manifestKey(source.name, epoch), encodeManifest(manifestOf(epoch)))
    const { problems, isAll } = await lookAtArchive({ objects, registers }, source)
    expect(problems.map(({ where }) => where)).toEqual(Array.from({ length: 10 }, (_, i) => segmentKey(SEAL_COUNT - 1 - i)))
    expect(isAll).toBe(false)
  })
})
