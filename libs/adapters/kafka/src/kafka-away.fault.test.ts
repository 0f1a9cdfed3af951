// A broker that is away, hangs, or is killed in the middle of appends: errors come in time, work goes on once it is back, and every append
// is there once, or was reported as unknown.
import { describe, expect, it, jest } from '@jest/globals'
import type { EventLog } from '@tidemark/ports/event-log'
import { startServers } from '@tidemark/servers/server-set'
import { openKafkaConsumerGroups } from './kafka-consumer-groups.ts'
import { openKafkaEventLog } from './kafka-event-log.ts'
import type { KafkaOptions } from './kafka-options.ts'

jest.setTimeout(300_000)

const NO_LIMITS = { countMax: 1_000_000, sizeMaxBytes: 1_000_000_000, waitMaxMs: 0 }
const SHORT = { callTimeoutMs: 1_500, requestTimeoutMs: 1_000, connectTimeoutMs: 1_000 }
const PATIENT = { callTimeoutMs: 60_000, requestTimeoutMs: 2_000, connectTimeoutMs: 1_000 }
const code = (expected: string): unknown => expect.objectContaining({ code: expected })

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
    await using servers = await startServers({ names: ['kafka'] })
    const options: KafkaOptions = { brokers: servers.addresses.kafka.brokers, clientId: 'tidemark-faults', ...SHORT }
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

  it('that is killed while many append takes each once', async () => {
    await using servers = await startServers({ names: ['kafka'] })
    const options: KafkaOptions = { brokers: servers.addresses.kafka.brokers, clientId: 'tidemark-faults', ...PATIENT }
    await using log = openKafkaEventLog(options)
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
    const appenders = Promise.all(Array.from({ length: 6 }, (_, i) => appendOn(i)))
    const waitFor = async (count: number): Promise<void> => {
      const until = acknowledged.length + count
      while (acknowledged.length < until) await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await waitFor(100)
    await servers.kill('kafka')
    await servers.restart('kafka')
    await waitFor(100)
    await servers.pause('kafka')
    setTimeout(() => servers.resume('kafka'), 3_000)
    await waitFor(100)
    isOver = true
    await appenders
    const inT = await valuesOf(log, 't')
    const inU = await valuesOf(log, 'u')
    expect([...inT].sort()).toEqual([...acknowledged].sort())
    expect([...inU].sort()).toEqual(acknowledged.filter((value) => Number(value.split('.')[1]) % 2 === 1).sort())
  })

  it('that is away shows with members, who come back', async () => {
    await using servers = await startServers({ names: ['kafka'] })
    const options = { brokers: servers.addresses.kafka.brokers, clientId: 'tidemark-faults', ...SHORT, sessionTimeoutMs: 2_000 }
    await using log = openKafkaEventLog(options)
    await log.ensureTopic('t', 2)
    await using groups = openKafkaConsumerGroups(options)
    await using member = await groups.join('g', 't', 'a')
    expect(await member.assigned()).toEqual([0, 1])
    await servers.kill('kafka')
    const eventually = async (holds: () => Promise<boolean>): Promise<void> => {
      while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 50))
    }
    await eventually(() => member.assigned().then(() => false, (error: { code: string }) => error.code === 'STORE_UNAVAILABLE'))
    await servers.restart('kafka')
    await eventually(() => member.assigned().then((assigned) => assigned.length === 2, () => false))
  })
})
