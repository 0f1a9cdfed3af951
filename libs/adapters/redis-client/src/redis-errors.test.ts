import { describe, expect, it } from '@jest/globals'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import { asRedisError, isConnectionError } from './redis-errors.ts'

const errorOf = (name: string, message: string, more: object = {}): Error => Object.assign(new Error(message), { name }, more)
const reply = (message: string): Error => errorOf('ReplyError', message)
const refused = errorOf('Error', 'connect ECONNREFUSED 127.0.0.1:6379', { code: 'ECONNREFUSED' })

describe('an error of Redis', () => {
  it.each([
    ['WRONGPASS invalid username-password pair or user is disabled.', 'STORE_REFUSED'],
    ['NOAUTH Authentication required.', 'STORE_REFUSED'],
    ["NOPERM this user has no permissions to run the 'evalsha' command", 'STORE_REFUSED'],
    ["OOM command not allowed when used memory > 'maxmemory'. script: 9f, on @user_script:20.", 'STORE_FULL'],
    ['MISCONF Errors writing to the AOF file: No space left on device', 'STORE_FULL'],
    ['WRONGTYPE Operation against a key holding the wrong kind of value', 'STORE_DAMAGED'],
    ["READONLY You can't write against a read only replica.", 'STORE_UNAVAILABLE'],
    ['LOADING Redis is loading the dataset in memory', 'STORE_UNAVAILABLE'],
    ['BUSY Redis is busy running a script.', 'STORE_UNAVAILABLE'],
    ['CLUSTERDOWN Hash slot not served', 'STORE_UNAVAILABLE'],
    ['ERR max number of clients reached', 'STORE_UNAVAILABLE'],
  ])('%s is %s', (message, code) => {
    expect(asRedisError(reply(message), 'redis host:1')).toMatchObject({ code, problems: [{ where: 'redis host:1', message: expect.stringContaining(message) }] })
    expect(isConnectionError(reply(message))).toBe(false)
  })

  it.each([
    refused,
    errorOf('Error', 'Connection is closed.'),
    errorOf('MaxRetriesPerRequestError', 'Reached the max retries per request limit (which is 0).'),
    errorOf('ClusterAllFailedError', 'Failed to refresh slots cache.'),
    errorOf('Error', 'Too many Cluster redirections. Last error: Error: CLUSTERDOWN'),
    errorOf('Error', 'write EPIPE', { code: 'EPIPE' }),
  ])('%s means that it does not answer', (error) => {
    expect(isConnectionError(error)).toBe(true)
    expect(asRedisError(error, 'redis host:1')).toMatchObject({ code: 'STORE_UNAVAILABLE' })
  })

  it('says what the connection failed with, not that it was tried so often', () => {
    const tried = errorOf('MaxRetriesPerRequestError', 'Reached the max retries per request limit (which is 0).')
    expect(asRedisError(tried, 'redis', refused)).toMatchObject({ code: 'STORE_UNAVAILABLE', problems: [{ message: expect.stringContaining('ECONNREFUSED') }] })
    expect(asRedisError(tried, 'redis', reply('WRONGPASS invalid'))).toMatchObject({ code: 'STORE_REFUSED' })
  })

  it('is about settings where no trusted connection can be made', () => {
    expect(asRedisError(errorOf('Error', 'self-signed certificate', { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }), 'redis')).toMatchObject({ code: 'STORE_SETTINGS' })
  })

  it('stays a bug where it is one, and coded where it is', () => {
    for (const error of [new TypeError('x is undefined'), reply('ERR wrong number of arguments'), new TidemarkError([{ code: 'STORE_FULL', message: '', where: '', action: '' }])]) {
      expect(asRedisError(error, 'redis', refused)).toBe(error)
    }
  })
})
