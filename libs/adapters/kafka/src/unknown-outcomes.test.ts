// Appends of which nobody said how they ended: they are told so, and are neither done twice nor taken for one that comes after them.

import { ProtocolError, TimeoutError } from '@platformatic/kafka'
import { describe, expect, it } from '@jest/globals'
import { PartitionWriter } from './partition-writer.ts'
import { API, scriptedCluster } from './testing/scripted-cluster.ts'
import { TransactionWriter } from './transaction-writer.ts'

const IN_TIME = { callTimeoutMs: 10_000 }
const CUT_OFF = { callTimeoutMs: 150 }
const RECORDS = [{ key: null, value: Buffer.from('a') }]
const MAY_BE_THERE = { code: 'STORE_UNAVAILABLE', message: expect.stringContaining('it may be there') }
const appendedAt = (baseOffset: bigint): unknown => ({ responses: [{ partitionResponses: [{ baseOffset, logAppendTimeMs: 7n }] }] })
const NEVER = new Promise<never>(() => undefined)

/** Answers appends and ends of transactions in turn; what was asked for, and how many identities were begun. */
function scripted(answers: (() => unknown)[], options: { readonly callTimeoutMs: number }) {
  const asked = { identities: 0, others: 0 }
  const cluster = scriptedCluster((api) => {
    if (api === API.initProducerId) return { producerId: BigInt(++asked.identities), producerEpoch: 0 }
    if (api === API.describeTransactions) return { transactionStates: [{ transactionState: 'CompleteCommit' }] }
    asked.others++
    return answers.shift()!()
  }, options)
  return { asked, cluster }
}

const failing = (error: Error) => () => Promise.reject(error)

describe('an append', () => {
  it('whose answer is lost is sent again as the same one', async () => {
    const { asked, cluster } = scripted([failing(new TimeoutError('No answer.')), () => appendedAt(5n)], IN_TIME)
    await using _ = cluster
    expect(await new PartitionWriter(cluster, 't', 0).append(RECORDS, 1)).toEqual({ firstOffset: 5, appendTimeMs: 7 })
    expect(asked).toEqual({ identities: 1, others: 2 })
  })

  it('that was not taken, since the partition does not know who sends it, is sent again by another one', async () => {
    const { asked, cluster } = scripted([failing(new ProtocolError('UNKNOWN_PRODUCER_ID')), () => appendedAt(5n)], IN_TIME)
    await using _ = cluster
    expect(await new PartitionWriter(cluster, 't', 0).append(RECORDS, 1)).toMatchObject({ firstOffset: 5 })
    expect(asked).toEqual({ identities: 2, others: 2 })
  })

  it('that may have been taken before the partition forgot who sent it is not sent once more, but told', async () => {
    const { asked, cluster } = scripted([failing(new TimeoutError('No answer.')), failing(new ProtocolError('UNKNOWN_PRODUCER_ID')), () => appendedAt(6n), () => appendedAt(7n)], IN_TIME)
    await using _ = cluster
    const writer = new PartitionWriter(cluster, 't', 0)
    await expect(writer.append(RECORDS, 1)).rejects.toMatchObject(MAY_BE_THERE)
    expect(asked).toEqual({ identities: 1, others: 2 })
  })

  it('that is on its way when its time is over may be there, and the next one is another\'s', async () => {
    const { asked, cluster } = scripted([() => NEVER, () => appendedAt(6n)], CUT_OFF)
    await using _ = cluster
    const writer = new PartitionWriter(cluster, 't', 0)
    await expect(writer.append(RECORDS, 1)).rejects.toMatchObject(MAY_BE_THERE)
    expect(await writer.append(RECORDS, 1)).toMatchObject({ firstOffset: 6 })
    expect(asked).toEqual({ identities: 2, others: 2 })
  })

  it('that is refused is not there', async () => {
    const { cluster } = scripted([failing(new ProtocolError('MESSAGE_TOO_LARGE'))], IN_TIME)
    await using _ = cluster
    await expect(new PartitionWriter(cluster, 't', 0).append(RECORDS, 1)).rejects.toMatchObject({ code: 'EVENT_TOO_LARGE' })
  })
})

describe('a commit', () => {
  it('that is on its way when its time is over may be there, and the next transaction is another\'s', async () => {
    const { asked, cluster } = scripted([() => NEVER, () => ({})], CUT_OFF)
    await using _ = cluster
    const writer = new TransactionWriter(cluster, 'id')
    await expect(writer.run([], null)).rejects.toMatchObject(MAY_BE_THERE)
    expect(await writer.run([], null)).toEqual([])
    expect(asked).toEqual({ identities: 2, others: 2 })
  })

  it('whose answer was lost is not told as nothing done where it is fenced later', async () => {
    const { cluster } = scripted([failing(new TimeoutError('No answer.')), failing(new ProtocolError('INVALID_PRODUCER_EPOCH'))], IN_TIME)
    await using _ = cluster
    await expect(new TransactionWriter(cluster, 'id').run([], null)).rejects.toMatchObject(MAY_BE_THERE)
  })

  it('that is refused at once is nothing done, and ended', async () => {
    const { asked, cluster } = scripted([failing(new ProtocolError('TRANSACTIONAL_ID_AUTHORIZATION_FAILED'))], IN_TIME)
    await using _ = cluster
    await expect(new TransactionWriter(cluster, 'id').run([], null)).rejects.toMatchObject({ code: 'STORE_REFUSED' })
    expect(asked).toEqual({ identities: 2, others: 1 })
  })
})
