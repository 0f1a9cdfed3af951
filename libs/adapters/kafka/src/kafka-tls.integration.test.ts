// The log over TLS, before a real broker that has none itself.
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals'
import { appendTexts, readTexts } from '@tidemark/ports/testing/log-cases'
import { sharedServers } from '@tidemark/servers/shared-servers'
import { announcing, startTlsProxy, type TlsProxy } from '@tidemark/servers/tls-proxy'
import { openKafkaEventLog } from './kafka-event-log.ts'
import type { KafkaOptions } from './kafka-options.ts'

jest.setTimeout(120_000)

describe('a log over TLS', () => {
  let plain: TlsProxy
  let asking: TlsProxy
  let credentials: { readonly username: string; readonly password: string }

  beforeAll(async () => {
    const { brokers, saslBrokers, username, password } = (await sharedServers('kafka')).kafka
    credentials = { username, password }
    plain = await startTlsProxy(brokers[0]!, announcing(brokers[0]!))
    asking = await startTlsProxy(saslBrokers[0]!, announcing(saslBrokers[0]!))
  })

  afterAll(async () => {
    await plain[Symbol.asyncDispose]()
    await asking[Symbol.asyncDispose]()
  })

  const options = (proxy: TlsProxy, more: Partial<KafkaOptions>): KafkaOptions => ({ brokers: [proxy.address], clientId: 'tidemark-tests', namePrefix: `${randomUUID()}.`, callTimeoutMs: 30_000, ...more })

  it('is appended to and read, with credentials and without', async () => {
    for (const [proxy, more] of [[plain, {}], [asking, { sasl: { mechanism: 'SCRAM-SHA-256', ...credentials } }]] as const) {
      await using log = openKafkaEventLog(options(proxy, { tls: { ca: proxy.certificate }, ...more }))
      await log.ensureTopic('t', 2)
      await appendTexts(log, 't', 1, 'a', 'b')
      expect(await readTexts(log, 't', 1)).toEqual(['a', 'b'])
    }
  })

  it('is refused at once where its authority is not known, and in time where no TLS is spoken', async () => {
    await using untrusting = openKafkaEventLog(options(plain, { tls: {} }))
    const fromMs = performance.now()
    for (const call of [() => untrusting.topics(), () => untrusting.ensureTopic('t', 1)]) {
      await expect(call()).rejects.toMatchObject({ code: 'STORE_SETTINGS', problems: [{ message: expect.stringContaining('certificate'), where: expect.stringContaining(plain.address) }] })
    }
    expect(performance.now() - fromMs).toBeLessThan(5_000)
    await using unencrypted = openKafkaEventLog(options(plain, { callTimeoutMs: 2_000 }))
    await expect(unencrypted.topics()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  })

  it('refuses wrong credentials without a word of them', async () => {
    await using log = openKafkaEventLog(options(asking, { tls: { ca: asking.certificate }, sasl: { mechanism: 'PLAIN', username: credentials.username, password: 'not-the-password' } }))
    const refused: unknown = await log.topics().catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: 'STORE_REFUSED' })
    expect(String(refused)).not.toContain('not-the-password')
  })
})
