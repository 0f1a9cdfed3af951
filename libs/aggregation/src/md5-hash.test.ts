// The one-block md5 and the way to node:crypto give the same hash, and it is the one that DuckDB computes.

import { createHash } from 'node:crypto'
import { describe, expect, it } from '@jest/globals'
import { hashTextInto } from './md5-hash.ts'
import { checkProperty } from './testing/property.ts'

const hash = { high: 0, low: 0 }

function hashOf(text: string): bigint {
  hashTextInto(text, hash)
  return (BigInt(hash.high) << 32n) | BigInt(hash.low)
}

function nodeHashOf(text: string): bigint {
  return createHash('md5').update(text).digest().readBigUInt64BE(0)
}

describe('law 1: the hash of a text', () => {
  it('law 1: is the first half of the md5 that everybody has', () => {
    // select ('0x' || left(md5('abc'), 16))::ubigint, in DuckDB; RFC 1321's own example.
    expect(hashOf('abc')).toBe(0x900150983cd24fb0n)
    expect(hashOf('')).toBe(0xd41d8cd98f00b204n)
  })

  it('law 1: is node:crypto’s, at every length around one block', () => {
    for (const unit of ['a', '\u007f', 'é', '€', '\u{1f600}']) {
      for (let count = 0; count <= 130; count++) {
        const text = unit.repeat(count)
        expect([text, hashOf(text)]).toEqual([text, nodeHashOf(text)])
      }
    }
  })

  it('law 1: is node:crypto’s, of any text', () => {
    checkProperty({
      runs: 5000,
      generate: (random) => {
        const unitMax = random.pick([0x7f, 0xff, 0xd7ff])
        return Array.from({ length: random.below(80) }, () => String.fromCharCode(random.below(unitMax + 1))).join('')
      },
      judge: (text) => (hashOf(text) === nodeHashOf(text) ? null : `${hashOf(text)}, not ${nodeHashOf(text)}`),
    })
  })
})
