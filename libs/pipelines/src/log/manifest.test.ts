import { describe, expect, it } from '@jest/globals'
import { decodeManifest, encodeManifest, MANIFEST_VERSION, type Manifest } from './manifest.ts'

const manifest: Manifest = {
  formatVersion: MANIFEST_VERSION, source: 'flüge', sourceVersion: 1, after: null, through: 481_000,
  partitions: [{
    partition: 3, end: 12, knownTimeMs: 1_700_000_000_123, mark: { offset: 11, appendTimeMs: 1_700_000_000_100, checksum: 4_294_967_295 }, proof: null,
    segments: [{ key: 'archive/flüge/3/480999/0-11.v1.parquet', epoch: 480_999, firstOffset: 0, lastOffset: 11, rowCount: 12, rejectedCount: 0, sizeBytes: 1_042, checksum: 7 }],
  }],
}

describe('the bytes of a manifest', () => {
  it('come back as they were', () => {
    expect(decodeManifest(encodeManifest(manifest), 'here')).toEqual(manifest)
  })

  it('are refused where any byte of them is another, or some are missing', () => {
    const bytes = Buffer.from(encodeManifest(manifest))
    const accepted: string[] = []
    const offer = (damaged: Buffer): void => {
      try {
        decodeManifest(damaged, 'here')
        accepted.push(damaged.toString())
      } catch (error) {
        if (!['STORE_DAMAGED', 'STORE_TOO_NEW'].includes((error as { code: string }).code)) throw error
      }
    }
    for (let i = 0; i < bytes.length; i++) {
      for (const change of [0x01, 0x10]) {
        const damaged = Buffer.from(bytes)
        damaged[i]! ^= change
        offer(damaged)
      }
      offer(bytes.subarray(0, i))
    }
    offer(Buffer.from(JSON.stringify(manifest)))
    expect(accepted).toEqual([])
  })

  it('of version 1, which had no checksum, are read and written as they were', () => {
    const before = { ...manifest, formatVersion: 1 }
    expect(encodeManifest(before)).toEqual(Buffer.from(JSON.stringify(before)))
    expect(decodeManifest(encodeManifest(before), 'here')).toEqual(before)
  })
})
