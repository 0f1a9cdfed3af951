// What is made of each thing that the driver says: what passes, what somebody has to mend, and what may have been done all the same.
import { describe, expect, it } from '@jest/globals'
import { errors, types } from 'cassandra-driver'
import { NoTurnError } from '@tidemark/call-turns/call-turns'
import type { TidemarkError } from '@tidemark/feature-schema/errors'
import { asTidemarkError, isTableUnknown, mayHaveArrived } from './cassandra-errors.ts'

const { responseErrorCodes: codes } = types
const response = (code: number, message = 'said'): Error => new errors.ResponseError(code, message)
const noHost = (inner: Error): Error => new errors.NoHostAvailableError({ '127.0.0.1:9042': inner }, 'No host could be tried.')
const certificateError = Object.assign(new Error('self-signed certificate'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })

describe('errors of Cassandra', () => {
  it.each<[Error, string, boolean]>([
    [response(codes.unavailableException), 'STORE_UNAVAILABLE', true],
    [response(codes.overloaded), 'STORE_UNAVAILABLE', true],
    [response(codes.writeTimeout), 'STORE_UNAVAILABLE', true],
    [response(codes.readTimeout), 'STORE_UNAVAILABLE', true],
    [response(codes.readFailure), 'STORE_UNAVAILABLE', true],
    [response(codes.writeFailure), 'STORE_UNAVAILABLE', true],
    [response(codes.serverError), 'STORE_UNAVAILABLE', true],
    [new errors.OperationTimedOutError('too late'), 'STORE_UNAVAILABLE', true],
    [noHost(new Error('connect ECONNREFUSED')), 'STORE_UNAVAILABLE', true],
    [new NoTurnError('It was not begun.'), 'STORE_UNAVAILABLE', false],
    [new Error('No connection available'), 'STORE_UNAVAILABLE', false],
    [response(codes.badCredentials), 'STORE_REFUSED', false],
    [response(codes.unauthorized), 'STORE_REFUSED', false],
    [noHost(new errors.AuthenticationError('bad')), 'STORE_REFUSED', true],
    [noHost(certificateError), 'STORE_SETTINGS', true],
    [noHost(new errors.ArgumentError('localDataCenter was configured as elsewhere')), 'STORE_SETTINGS', true],
    [response(codes.invalid, 'Keyspace features does not exist'), 'STORE_SETTINGS', false],
    [response(codes.invalid, 'table registers does not exist'), 'STORE_SETTINGS', false],
    [new errors.ArgumentError('Datacenter elsewhere was not found. Available DCs are: [dc1]'), 'STORE_SETTINGS', false],
  ])('%s is %s', (error, code, isInDoubt) => {
    expect(asTidemarkError(error, 'Cassandra at here, register r')).toMatchObject({ code, problems: [{ where: 'Cassandra at here, register r' }] })
    expect(mayHaveArrived(error)).toBe(isInDoubt)
  })

  it('says in a line why no host could be used', () => {
    const { message } = (asTidemarkError(new errors.NoHostAvailableError({ '10.0.0.1:9042': new Error('Socket was closed'), '10.0.0.2:9042': new Error('connect ECONNREFUSED') }), 'here') as TidemarkError).problems[0]!
    expect(message).toBe('The cluster does not answer ("10.0.0.1:9042: Socket was closed; 10.0.0.2:9042: connect ECONNREFUSED").')
    const none = asTidemarkError(new errors.NoHostAvailableError({}), 'here') as TidemarkError
    expect(none.problems[0]!.message).toBe('The cluster does not answer ("All host(s) tried for query failed.").')
  })

  it('does not say that a cluster is silent which has lost what it was asked before', () => {
    const { code, message } = (asTidemarkError(noHost(response(codes.unprepared, 'Prepared query with ID 07 not found')), 'here') as TidemarkError).problems[0]!
    expect([code, message]).toEqual(['STORE_UNAVAILABLE', 'The cluster answers, and does not know what it was asked before ("Prepared query with ID 07 not found").'])
  })

  it.each([response(codes.syntaxError), response(codes.invalid, 'Invalid null value'), new TypeError('a bug'), new errors.ArgumentError('a bug')])('leaves %s as it is', (error) => {
    expect(asTidemarkError(error, 'here')).toBe(error)
    expect(mayHaveArrived(error)).toBe(false)
  })

  it('knows in which words a node says that it does not know a table yet', () => {
    for (const unknown of [response(codes.invalid, 'table schema_migrations does not exist'), response(codes.serverError, 'java.lang.IllegalArgumentException: Unknown CF 06e84ac0')]) {
      expect(isTableUnknown(unknown)).toBe(true)
    }
    for (const other of [response(codes.invalid, 'Invalid null value'), response(codes.serverError), new TypeError('table x does not exist')]) expect(isTableUnknown(other)).toBe(false)
  })
})
