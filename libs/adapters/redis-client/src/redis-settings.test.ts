import { describe, expect, it } from '@jest/globals'
import { persistenceProblems, policyProblem, settingsOfInfo } from './redis-settings.ts'

const GOOD = { memoryPolicy: 'noeviction', isAppending: true, appendSync: 'everysec' }

describe('settings of a Redis', () => {
  it.each(['allkeys-lru', 'allkeys-random', 'volatile-ttl', 'volatile-lfu'])('%s is refused, with the command that mends it', (memoryPolicy) => {
    expect(policyProblem({ ...GOOD, memoryPolicy }, 'redis host:1')).toMatchObject({ code: 'STORE_SETTINGS', where: 'redis host:1', message: expect.stringContaining(memoryPolicy), action: expect.stringContaining('CONFIG SET maxmemory-policy noeviction') })
  })

  it('are refused where the server does not tell them', () => {
    expect(policyProblem({ ...GOOD, memoryPolicy: null }, 'redis')).toMatchObject({ code: 'STORE_SETTINGS', action: expect.stringContaining('INFO') })
  })

  it('are right as they should be', () => {
    expect(policyProblem(GOOD, 'redis')).toBeNull()
    expect(persistenceProblems(GOOD, 'redis')).toEqual([])
    expect(persistenceProblems({ ...GOOD, appendSync: 'always' }, 'redis')).toEqual([])
    expect(persistenceProblems({ ...GOOD, isAppending: null, appendSync: null }, 'redis')).toEqual([])
  })

  it('tell what is lost at a restart', () => {
    expect(persistenceProblems({ ...GOOD, isAppending: false }, 'redis')).toMatchObject([{ action: expect.stringContaining('appendonly yes') }])
    expect(persistenceProblems({ ...GOOD, appendSync: 'no' }, 'redis')).toMatchObject([{ action: expect.stringContaining('appendfsync everysec') }])
  })

  it('are found in INFO', () => {
    expect(settingsOfInfo('# Memory\r\nmaxmemory:0\r\nmaxmemory_policy:allkeys-lfu\r\n# Persistence\r\naof_enabled:1\r\n')).toEqual({ memoryPolicy: 'allkeys-lfu', isAppending: true, appendSync: null })
    expect(settingsOfInfo('aof_enabled:0\nmaxmemory_policy:noeviction')).toEqual({ memoryPolicy: 'noeviction', isAppending: false, appendSync: null })
    expect(settingsOfInfo('\r\n')).toEqual({ memoryPolicy: null, isAppending: null, appendSync: null })
  })
})
