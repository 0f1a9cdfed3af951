// A broker that is away, hangs, or is killed in the middle of appends: errors come in time, work goes on once it is back, and every append
// is there once, or was reported as unknown.
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals'
import type { EventLog } from '@tidemark/ports/event-log'
import { callingFor, OUTAGE_MS, until, untilAvailable } from '@tidemark/ports/testing/until'
import { startServers, type StartedServers } from '@tidemark/servers/server-set'
import { openKafkaConsumerGroups } from './kafka-consumer-groups.ts'
import { openKafkaEventLog } from './kafka-event-log.ts'
import type { KafkaOptions } from './kafka-options.ts'

jest.setTimeout(300_000)

const NO_LIMITS = { countMax: 1_000_000, sizeMaxBytes: 1_000_000_000, waitMaxMs: 0 }
const SHORT = { callTimeoutMs: 1_500, requestTimeoutMs: 1_000, connectTimeoutMs: 1_000 }
const PATIENT = { callTimeoutMs: 60_000, requestTimeoutMs: 2_000, connectTimeoutMs: 1_000 }
const code = (expected: string): unknown => expect.objectContaining({ code: expected })

let servers: StartedServers

beforeAll(async () => {
  servers = await startServers({ names: ['kafka'] })
})
afterAll(async () => {
  await servers[Symbol.asyncDispose]()
})

const ownPlace = (): KafkaOptions => ({ brokers: servers.addresses.kafka.brokers, clientId: 'tidemark-faults', namePrefix: `${randomUUID()}.` })

async function valuesOf(log: EventLog, topic: string): Promise<string[]> {
  const values: string[] = []
  for (let from = 0; ; ) {
    const { next, records } = await log.fetch(topic, 0, from, NO_LIMITS)
    values.push(...records.map(({ value }) => Buffer.from(value!).toString()))
    if (next === from) return values
    from = next
  }
}

const appendOf = (topic: string, value: string): Parameters<EventLog['append']>[0][number] => ({ topic, partition: 0, records: [{ key: null, value: Buffer.from(value) }] })

describe('a broker', () => {
  it('that is away or hangs is STORE_UNAVAILABLE in time, and mends by coming back', async () => {
    const options: KafkaOptions = { ...ownPlace(), ...SHORT }
    await using log = openKafkaEventLog(options)
    await log.ensureTopic('t', 1)
    await log.append([appendOf('t', 'a')])
    await log.commit({ group: 'g', topic: 't', partition: 0, offset: 1 })
    const calls = [
      () => log.append([appendOf('t', 'x')]), () => log.fetch('t', 0, 1, { ...NO_LIMITS, waitMaxMs: 100 }), () => log.extent('t', 0), () => log.topics(), () => log.committed('g', 't', 0),
      () => log.commit({ group: 'g', topic: 't', partition: 0, offset: 1 }), () => log.appendAndCommit([appendOf('t', 'x')], { group: 'g', topic: 't', partition: 0, offset: 9 }, 1), () => log.partitionCount('t'),
    ]
    /** In time; what the first, an append, says. */
    const allFail = async (): Promise<string> => {
      const fromMs = performance.now()
      const failed = await Promise.all(calls.map((call) => call().then(() => null, (error: unknown) => error)))
      for (const error of failed) expect(error).toEqual(code('STORE_UNAVAILABLE'))
      expect(performance.now() - fromMs).toBeLessThan(2 * SHORT.callTimeoutMs)
      return (failed[0] as Error).message
    }
    // Who leads is known, so that the append is sent, and nobody answers.
    await log.extent('t', 0)
    await servers.pause('kafka')
    expect(await allFail()).toContain('it may be there')
    servers.resume('kafka')
    expect((await log.fetch('t', 0, 0, { ...NO_LIMITS, countMax: 1 })).next).toBe(1)
    await servers.kill('kafka')
    // Nobody took the connection: nothing was sent.
    expect(await allFail()).not.toContain('it may be there')
    await using early = openKafkaEventLog(options)
    await expect(early.topics()).rejects.toThrow(code('STORE_UNAVAILABLE'))
    await servers.restart('kafka')
    for (const client of [log, early]) {
      expect((await valuesOf(client, 't'))[0]).toBe('a')
      expect(await client.committed('g', 't', 0)).toBe(1)
    }
  })

  it('that is killed and later hangs, ten seconds each, while many append takes each once', async () => {
    const options: KafkaOptions = { ...ownPlace(), ...PATIENT }
    await using log = openKafkaEventLog(options)
    await using impatient = openKafkaEventLog({ ...options, ...SHORT })
    for (const topic of ['t', 'u']) await log.ensureTopic(topic, 1)
    const acknowledged: string[] = []
    let isOver = false
    const appendOn = async (appender: number): Promise<void> => {
      for (let i = 0; !isOver; i++) {
        const value = `${appender}.${i}`
        // Every other one is a transaction.
        await log.append(i % 2 === 0 ? [appendOf('t', value)] : [appendOf('t', value), appendOf('u', value)])
        acknowledged.push(value)
      }
    }
    const more = async (): Promise<void> => {
      const enough = acknowledged.length + 100
      await until('a hundred more are appended', () => acknowledged.length >= enough, PATIENT.callTimeoutMs)
    }
    const outage = async (): Promise<void> => {
      const { results, longestMs } = await callingFor(OUTAGE_MS, () => impatient.extent('t', 0))
      for (const result of results) expect(result).toMatchObject({ status: 'rejected', reason: { code: 'STORE_UNAVAILABLE' } })
      expect(longestMs).toBeLessThan(2 * SHORT.callTimeoutMs)
    }
    const faults = async (): Promise<void> => {
      await more()
      await servers.kill('kafka')
      await outage()
      await servers.restart('kafka')
      await more()
      await servers.pause('kafka')
      await outage()
      servers.resume('kafka')
      await more()
    }
    const ended = await Promise.allSettled([faults().finally(() => (isOver = true)), ...Array.from({ length: 6 }, (_, i) => appendOn(i))])
    for (const end of ended) if (end.status === 'rejected') throw end.reason
    const inT = await valuesOf(log, 't')
    const inU = await valuesOf(log, 'u')
    expect([...inT].sort()).toEqual([...acknowledged].sort())
    expect([...inU].sort()).toEqual(acknowledged.filter((value) => Number(value.split('.')[1]) % 2 === 1).sort())
  })

  it('that hangs is sent no more than may wait, and what is refused for that is not done', async () => {
    await using log = openKafkaEventLog({ ...ownPlace(), ...SHORT })
    await log.ensureTopic('t', 1)
    await log.append([appendOf('t', 'a')])
    await servers.pause('kafka')
    const large = 'x'.repeat(1_000_000)
    const fromMs = performance.now()
    const results = await Promise.allSettled(Array.from({ length: 80 }, (_, i) => log.append([appendOf('t', `${i} ${large}`)])))
    // Who waits is not kept for the time-outs of all who came before.
    expect(performance.now() - fromMs).toBeLessThan(4 * SHORT.callTimeoutMs)
    servers.resume('kafka')
    const messages = results.map((result) => (result.status === 'rejected' ? (result.reason as Error).message : 'done'))
    const refused = messages.filter((message) => message.includes('nothing of this append was done'))
    expect(messages.filter((message) => message.includes('bytes wait to be appended')).length).toBeGreaterThanOrEqual(10)
    expect(messages.filter((message) => message.includes('Others were appended first')).length).toBeGreaterThanOrEqual(50)
    expect(messages.filter((message) => message.startsWith('STORE_UNAVAILABLE'))).toHaveLength(80)
    await untilAvailable(() => log.append([appendOf('t', 'b')]))
    const there = new Set((await valuesOf(log, 't')).map((value) => value.split(' ')[0]))
    for (const [i, message] of messages.entries()) if (refused.includes(message)) expect(there).not.toContain(`${i}`)
  })

  it('that hangs keeps no transaction in wait for the time-outs of all before it', async () => {
    await using log = openKafkaEventLog({ ...ownPlace(), ...SHORT })
    await log.ensureTopic('t', 2)
    const append = (i: number): Promise<unknown> => log.append([0, 1].map((partition) => ({ ...appendOf('t', `${i}`), partition })))
    await append(0)
    await servers.pause('kafka')
    const fromMs = performance.now()
    const results = await Promise.allSettled(Array.from({ length: 40 }, (_, i) => append(i + 1)))
    // Beginning, adding partitions, sending, giving up: each has the time of a call.
    expect(performance.now() - fromMs).toBeLessThan(8 * SHORT.callTimeoutMs)
    servers.resume('kafka')
    for (const result of results) expect(result).toMatchObject({ status: 'rejected', reason: { code: 'STORE_UNAVAILABLE' } })
    expect(results.filter((result) => String((result as PromiseRejectedResult).reason).includes('nothing of this append was done')).length).toBeGreaterThanOrEqual(30)
    await untilAvailable(() => append(99))
  })

  it('that is away shows with members, who come back', async () => {
    const options = { ...ownPlace(), ...SHORT, sessionTimeoutMs: 2_000 }
    await using log = openKafkaEventLog(options)
    await log.ensureTopic('t', 2)
    await using groups = openKafkaConsumerGroups(options)
    await using member = await groups.join('g', 't', 'a')
    expect(await member.assigned()).toEqual([0, 1])
    await servers.kill('kafka')
    await until('the member says so', () => member.assigned().then(() => false, (error: { code: string }) => error.code === 'STORE_UNAVAILABLE'))
    await servers.restart('kafka')
    await until('the member has both again', () => member.assigned().then((assigned) => assigned.length === 2, () => false))
  })
})
