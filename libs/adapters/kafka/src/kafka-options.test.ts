import { describe, expect, it } from '@jest/globals'
import { brokerOf, CONNECT_TIMEOUT_DEFAULT_MS, connectionOptionsOf, REQUEST_TIMEOUT_DEFAULT_MS, withDefaults } from './kafka-options.ts'

const options = { brokers: ['kafka-1.example:9092'], clientId: 'archiver' }

describe('connectionOptionsOf', () => {
  it('gives every request and connection a time-out', () => {
    expect(connectionOptionsOf(withDefaults(options))).toEqual({ connectTimeout: CONNECT_TIMEOUT_DEFAULT_MS, requestTimeout: REQUEST_TIMEOUT_DEFAULT_MS, maxInflights: 8 })
    expect(connectionOptionsOf(withDefaults({ ...options, connectTimeoutMs: 7, requestTimeoutMs: 8 }))).toMatchObject({ connectTimeout: 7, requestTimeout: 8 })
  })

  it('passes TLS on, with the server\'s name unless brokers are addresses', () => {
    const tls = { ca: 'authority', cert: 'certificate', key: 'key' }
    expect(connectionOptionsOf(withDefaults({ ...options, tls }))).toMatchObject({ tls, tlsServerName: true })
    expect(connectionOptionsOf(withDefaults({ ...options, brokers: ['10.0.0.1:9093'], tls }))).toMatchObject({ tls, tlsServerName: false })
    expect(connectionOptionsOf(withDefaults({ ...options, brokers: ['[::1]:9093'], tls }))).toMatchObject({ tlsServerName: false })
  })

  it('passes credentials on', () => {
    const sasl = { mechanism: 'SCRAM-SHA-512', username: 'u', password: 'p' } as const
    expect(connectionOptionsOf(withDefaults({ ...options, sasl }))).toMatchObject({ sasl })
  })
})

describe('brokerOf', () => {
  it.each([
    ['kafka-1.example:9093', { host: 'kafka-1.example', port: 9_093 }],
    ['kafka-1', { host: 'kafka-1', port: 9_092 }],
    ['127.0.0.1:1', { host: '127.0.0.1', port: 1 }],
    ['[::1]:9092', { host: '::1', port: 9_092 }],
  ])('reads %s', (text, broker) => {
    expect(brokerOf(text)).toEqual(broker)
  })
})

describe('withDefaults', () => {
  it('wants a broker', () => {
    expect(() => withDefaults({ brokers: [], clientId: 'c' })).toThrow(RangeError)
  })
})
