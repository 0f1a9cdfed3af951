import { describe, expect, it } from '@jest/globals'
import { decodePart, encodePart, rowSizeBytes } from './staged-part.ts'

const rows = [{ entity: Uint8Array.of(1, 2), blob: Uint8Array.of(3, 4, 5) }, { entity: Uint8Array.of(6), blob: Uint8Array.of() }]
/** As version 1 has them, which object stores hold. */
const PART_BYTES = '500100003a63369e0200000000000000' + '0200000003000000' + '0102030405' + '0100000000000000' + '06'

describe('the bytes of a part', () => {
  it('are those of version 1', () => {
    expect(Buffer.from(encodePart(rows)).toString('hex')).toBe(PART_BYTES)
    expect(decodePart(Buffer.from(PART_BYTES, 'hex'), 'here')).toEqual(rows.map(({ entity, blob }) => ({ entity: Buffer.from(entity), blob: Buffer.from(blob) })))
  })

  it('are as many as its rows are said to take', () => {
    const [none, all] = [encodePart([]), encodePart(rows)]
    expect(decodePart(none, 'here')).toEqual([])
    expect(rows.reduce((size, row) => size + rowSizeBytes(row), none.length)).toBe(all.length)
  })

  it('are refused where any byte of them is another, or some are missing', () => {
    const bytes = encodePart(rows)
    for (let i = 0; i < bytes.length; i++) {
      expect(() => decodePart(bytes.slice(0, i), 'here')).toThrow('STORE_DAMAGED')
      if (i === 2 || i === 3) continue
      const damaged = bytes.slice()
      damaged[i]! ^= 0x40
      expect(() => decodePart(damaged, 'here')).toThrow(i === 1 ? 'STORE_TOO_NEW' : 'STORE_DAMAGED')
    }
  })
})
