// The bytes of an object's mark, which other releases read.
import { describe, expect, it } from '@jest/globals'
import type { Revision } from '@tidemark/ports/revision'
import { base64Of, markOf, metadataOf, parseMark, sumOf } from './object-mark.ts'

const { sizeBytes, checksum } = sumOf(Buffer.from('123456789'))
const mark = markOf(0xbeef as Revision, sizeBytes, checksum)

describe('the mark of an object', () => {
  it('is text of a version, who put it, the size and the checksum', () => {
    // CRC-32 of 123456789 is cbf43926, by the table of check values in "A Painless Guide to CRC Error Detection Algorithms".
    expect(metadataOf(mark)).toEqual({ tidemark: '1 0000000000beef 9 cbf43926' })
    expect(base64Of(checksum)).toBe('y/Q5Jg==')
    expect(metadataOf(markOf(0 as Revision, 0, sumOf(Buffer.of()).checksum))).toEqual({ tidemark: '1 00000000000000 0 00000000' })
  })

  it('is read as it was written', () => {
    expect(parseMark(metadataOf(mark), 'here')).toEqual(mark)
    expect(parseMark({ other: 'x' }, 'here')).toBeNull()
    expect(parseMark(undefined, 'here')).toBeNull()
  })

  it.each(['1', '1 a', '1 a 1', '1 a b 0', '1 a 1 x', '1 a 1 0 more', '1 a 1.5 0', '1 a  0'])('is damaged as %j', (text) => {
    expect(() => parseMark({ tidemark: text }, 'here')).toThrow(expect.objectContaining({ code: 'STORE_DAMAGED' }))
  })

  it.each(['', '0', '2 whatever follows'])('is of another release as %j', (text) => {
    expect(() => parseMark({ tidemark: text }, 'here')).toThrow(expect.objectContaining({ code: 'STORE_TOO_NEW' }))
  })
})
