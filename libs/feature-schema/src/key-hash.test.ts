import { describe, expect, it } from '@jest/globals'
import { hashKey } from './key-hash.ts'

describe('hashKey', () => {
  it('is the first half of the md5 test vectors of RFC 1321', () => {
    expect(hashKey('')).toBe(0xd41d8cd98f00b204n)
    expect(hashKey('message digest')).toBe(0xf96b697d7cb7938dn)
  })

  it('reads a string as UTF-8', () => {
    expect(hashKey('żółw')).toBe(hashKey(new TextEncoder().encode('żółw')))
  })
})
