import { describe, expect, it } from '@jest/globals'
import { DEFAULT_NAMES, expandNames, SERVER_NAMES } from './names.ts'

describe('expandNames', () => {
  it('takes redis-cluster for its three nodes, each server once', () => {
    expect(expandNames(['redis-cluster', 'kafka', 'redis-cluster-2'])).toEqual(['kafka', 'redis-cluster-1', 'redis-cluster-2', 'redis-cluster-3'])
  })

  it('gives nothing when a name is none', () => {
    expect(expandNames(['kafka', 'redsi'])).toBeUndefined()
  })

  it('starts all but the cluster and the schema registry without a name', () => {
    expect(SERVER_NAMES.filter((name) => !DEFAULT_NAMES.includes(name))).toEqual(expandNames(['redis-cluster', 'schema-registry']))
  })
})
