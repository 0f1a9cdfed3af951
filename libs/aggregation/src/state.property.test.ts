// Laws 2, 9 and 12 for stored state: a function of the events and the log time, bounded by the ladder.

import { describe, it } from '@jest/globals'
import { checkProperty } from './testing/property.ts'
import { boundLaw, incrementalLaw, replayLaw, stateLaw } from './testing/state-law.ts'

describe('laws 2, 9, 12: what is stored', () => {
  it('law 2: a speed state has the panes that its events and its log time say, in any order and batching', () => {
    checkProperty(stateLaw)
  })

  it('law 1: a base with newer epochs packs to the same bytes as all epochs at once', () => {
    checkProperty(incrementalLaw)
  })

  it('law 9: the ladder bounds the panes, whatever the events', () => {
    checkProperty(boundLaw)
  })

  it('law 12: one seed, the same bytes', () => {
    checkProperty(replayLaw)
  })
})
