// Laws 1 to 4 over random views, events, late arrivals, epochs, cuts, times and orders: the fast path against the oracle.

import { describe, it } from '@jest/globals'
import { checkProperty } from './testing/property.ts'
import { seamLaw } from './testing/seam-law.ts'

describe('laws 1 to 4: batch and speed, merged at a cut, are what the oracle says', () => {
  it('laws 1, 2, 3, 4: at any cut, in any order and batching, at any time', () => {
    checkProperty(seamLaw)
  })
})
