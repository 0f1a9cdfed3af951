import { describe, expect, it } from '@jest/globals'
import { AuthenticationError, MultipleErrors, NetworkError, ProtocolError, TimeoutError } from '@platformatic/kafka'
import { asTidemarkError, errorNamesOf, isFenced, isOutcomeUnknown, isPassing, isSequenceLost, unknownName } from './kafka-errors.ts'

const saying = (...names: string[]): Error => new MultipleErrors('Received response with error', names.map((name) => new ProtocolError(name)))
const refused = new NetworkError('Connection to h:1 failed.', { cause: new AuthenticationError('SASL authentication failed.', { cause: saying('SASL_AUTHENTICATION_FAILED') }) })

describe('asTidemarkError', () => {
  it.each([
    ['STORE_UNAVAILABLE', new NetworkError('Connection to h:1 failed.', { cause: new Error('connect ECONNREFUSED h:1') })],
    ['STORE_UNAVAILABLE', new TimeoutError('Request timed out')],
    ['STORE_UNAVAILABLE', saying('NOT_LEADER_OR_FOLLOWER')],
    ['STORE_REFUSED', refused],
    ['STORE_REFUSED', saying('TOPIC_AUTHORIZATION_FAILED')],
    ['EVENT_TOO_LARGE', saying('MESSAGE_TOO_LARGE')],
    ['UNKNOWN_NAME', saying('INVALID_TOPIC_EXCEPTION')],
    ['STORE_DAMAGED', saying('CORRUPT_MESSAGE')],
    ['TOPIC_SETTINGS', saying('POLICY_VIOLATION')],
  ])('gives %s', (code, error) => {
    expect(asTidemarkError(error, 'kafka h:1, topic t')).toMatchObject({ code, cause: error, problems: [{ where: 'kafka h:1, topic t' }] })
  })

  it('says the innermost reason', () => {
    expect(asTidemarkError(new NetworkError('Connection failed.', { cause: new Error('connect ECONNREFUSED h:1') }), 'w')).toMatchObject({ message: expect.stringContaining('connect ECONNREFUSED h:1') })
    expect(asTidemarkError(saying('NOT_LEADER_OR_FOLLOWER'), 'w')).toMatchObject({ message: expect.stringContaining('NOT_LEADER_OR_FOLLOWER') })
  })

  it('leaves coded errors and bugs as they are', () => {
    const coded = unknownName('topic t', 'There is no such topic.')
    const bug = new TypeError('x is not a function')
    expect(asTidemarkError(coded, 'w')).toBe(coded)
    expect(asTidemarkError(bug, 'w')).toBe(bug)
  })
})

describe('isPassing', () => {
  it.each([
    [true, 'NOT_LEADER_OR_FOLLOWER'], [true, 'COORDINATOR_LOAD_IN_PROGRESS'], [true, 'CONCURRENT_TRANSACTIONS'], [true, 'UNSTABLE_OFFSET_COMMIT'], [true, 'NOT_ENOUGH_REPLICAS'], [true, 'UNKNOWN_SERVER_ERROR'],
    [false, 'MESSAGE_TOO_LARGE'], [false, 'OFFSET_OUT_OF_RANGE'], [false, 'PRODUCER_FENCED'], [false, 'GROUP_AUTHORIZATION_FAILED'], [false, 'OUT_OF_ORDER_SEQUENCE_NUMBER'],
  ])('says %s of %s', (expected, name) => {
    expect(isPassing(saying(name))).toBe(expected)
  })

  it('is not true where anything of it fails for good', () => {
    expect(isPassing(saying('NOT_LEADER_OR_FOLLOWER', 'NOT_CONTROLLER'))).toBe(true)
    expect(isPassing(saying('NOT_LEADER_OR_FOLLOWER', 'MESSAGE_TOO_LARGE'))).toBe(false)
  })

  it('is true of a broker that is away, and not of one that lets nobody in, of a closed client, or of a bug', () => {
    expect(isPassing(new NetworkError('Connection failed.'))).toBe(true)
    expect(isPassing(refused)).toBe(false)
    expect(isPassing(new NetworkError('Connection pool is closed.', { closed: true }))).toBe(false)
    expect(isPassing(new TypeError('x is not a function'))).toBe(false)
  })
})

describe('isOutcomeUnknown', () => {
  it('is true where no answer came, or one that leaves it open', () => {
    expect(isOutcomeUnknown(new TimeoutError('Request timed out'))).toBe(true)
    expect(isOutcomeUnknown(new NetworkError('Connection closed'))).toBe(true)
    const open = ['UNKNOWN_SERVER_ERROR', 'REQUEST_TIMED_OUT', 'NETWORK_EXCEPTION', 'NOT_ENOUGH_REPLICAS_AFTER_APPEND', 'NOT_LEADER_OR_FOLLOWER', 'FENCED_LEADER_EPOCH', 'KAFKA_STORAGE_ERROR']
    for (const name of open) expect(isOutcomeUnknown(saying(name))).toBe(true)
    for (const name of ['NOT_ENOUGH_REPLICAS', 'MESSAGE_TOO_LARGE', 'COORDINATOR_NOT_AVAILABLE']) expect(isOutcomeUnknown(saying(name))).toBe(false)
  })
})

describe('the names of errors', () => {
  it('are found in whatever carries them', () => {
    for (const name of ['PRODUCER_FENCED', 'INVALID_PRODUCER_EPOCH']) expect(isFenced(saying(name))).toBe(true)
    expect(isSequenceLost(saying('OUT_OF_ORDER_SEQUENCE_NUMBER'))).toBe(true)
    expect(errorNamesOf(saying('UNKNOWN_TOPIC_ID', 'NOT_CONTROLLER'))).toEqual(['UNKNOWN_TOPIC_ID', 'NOT_CONTROLLER'])
  })
})
