// Who may forget what he acknowledged is told of, and nobody else; a node that does not say is not accused.
import { describe, expect, it } from '@jest/globals'
import { errors, types, type Client } from 'cassandra-driver'
import { commitLogProblem, readCommitLogSync } from './commit-log.ts'

const answering = (execute: () => Promise<unknown>): Pick<Client, 'execute'> => ({ execute }) as unknown as Pick<Client, 'execute'>

describe('how a node syncs its commit log', () => {
  it.each([['periodic', true], ['batch', false], ['group', false], [null, false]] as const)('%s is a problem: %s', (sync, isProblem) => {
    expect(commitLogProblem(sync, 'Cassandra at here') !== null).toBe(isProblem)
  })

  it('is read where the node tells it', async () => {
    expect(await readCommitLogSync(answering(() => Promise.resolve({ rows: [{ value: 'batch' }] })))).toBe('batch')
    expect(await readCommitLogSync(answering(() => Promise.resolve({ rows: [] })))).toBeNull()
    const { unauthorized, invalid } = types.responseErrorCodes
    for (const code of [unauthorized, invalid]) expect(await readCommitLogSync(answering(() => Promise.reject(new errors.ResponseError(code, 'said'))))).toBeNull()
    await expect(readCommitLogSync(answering(() => Promise.reject(new errors.OperationTimedOutError('too late'))))).rejects.toThrow('too late')
  })
})
